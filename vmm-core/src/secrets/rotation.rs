//! The master key's file and the database that it belongs to, which cannot be changed in one step.
//!
//! A new key is written beside the old one first; then one transaction seals everything with it; then it takes the old
//! one's place. Wherever that is cut off, exactly one of the two files fits the database, and opening finds which.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::master_key::{Failure, sync_directory};
use super::{MasterKey, SCRIPT_LOGIN, SECOND_FACTOR, Secrets, place_of};
use crate::blocking;
use crate::crash;
use crate::error::{Error, Kind, Part, Result};
use crate::model::{Resealed, Sealed};
use crate::policy::{Action, Actor, audit_entry};
use crate::repository::Repository;

impl MasterKey {
    /// Reads the key of these records from its file at `path`: 64 hexadecimal digits that only its owner can read. For
    /// a new desk the file is made if there is none; of several processes that start at once, all get the same key. If
    /// a [`rotate`](Self::rotate) was cut off after the records were changed, it is brought to its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the file can be read by others, holds no key, or one that does not fit the records;
    /// [`Error::Unavailable`] if it is not there, or cannot be read or made.
    pub async fn open(path: impl AsRef<Path>, repository: &dyn Repository) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let Some(kept) = repository.keys().machines_secret().await? else {
            return blocking::run("reading the master key", move || Self::load_or_create(&path)).await;
        };
        let desk = repository.desk();
        let fits = move |key: &Self| Secrets::unsealed(key, desk, &kept).is_some();
        blocking::run("reading the master key", move || {
            let loaded = Self::load(&path);
            if let Ok(key) = &loaded
                && fits(key)
            {
                return Ok(key.clone());
            }
            if let Ok(key) = Self::load(&beside(&path))
                && fits(&key)
            {
                put_in_place(&path)?;
                return Ok(key);
            }
            Err(match loaded {
                Ok(_) => Error::invalid("master_key", format!("{} {}", path.display(), super::NOT_ITS_KEY)),
                Err(Failure::Io(error)) if error.kind() == ErrorKind::NotFound => {
                    let reason =
                        format!("the master key file {} is not there; restore it from its backup", path.display());
                    Error::unavailable(Part::Desk, reason)
                }
                Err(failure) => failure.explain(&path),
            })
        })
        .await
    }

    /// Makes a new key, seals everything in the records with it that was sealed with the old one, and puts it in the
    /// old one's place. The old one is kept nowhere. What machines have stays as it is.
    ///
    /// Give it records that nobody else uses: a program that runs meanwhile would go on with the old key. However it is
    /// cut off, the next [`open`](Self::open) finds the key that fits.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::Conflict`] if something sealed does not open, or changed meanwhile.
    pub async fn rotate(path: impl AsRef<Path>, repository: &dyn Repository) -> Result<()> {
        let path = path.as_ref().to_owned();
        let old = Secrets::open(&Self::open(&path, repository).await?, repository).await?;
        let new = Self::random()?;
        let (key, next) = (new.clone(), beside(&path));
        blocking::run("writing the new master key", move || write(&key, &next)).await?;
        crash::point("rotate", "key", "written").await;
        let resealed = resealed(&old, &old.under(&new), repository).await?;
        let audit = audit_entry(&Actor::System, Action::KeyRotate, "master key".to_owned());
        repository.keys().replace(resealed, audit).await?;
        crash::point("rotate", "key", "sealed").await;
        blocking::run("replacing the master key", move || put_in_place(&path)).await?;
        crash::point("rotate", "key", "replaced").await;
        Ok(())
    }
}

/// Everything that the old key opens, sealed with the new one.
async fn resealed(old: &Secrets, new: &Secrets, repository: &dyn Repository) -> Result<Resealed> {
    let keys = repository.keys();
    let was = keys.machines_secret().await?.unwrap_or_else(|| Sealed::new([]));
    let mut passwords = keys.passwords().await?;
    for (id, password) in &mut passwords {
        let opened = old.unseal(SCRIPT_LOGIN, id.0, password).ok_or_else(|| {
            let reason = "its stored password does not open; store it again, or delete the script, and then try again";
            Error::conflict(Kind::Script, *id, reason)
        })?;
        *password = new.seal(SCRIPT_LOGIN, id.0, &opened)?;
    }
    let mut second_factors = keys.second_factors().await?;
    for (user, secret) in &mut second_factors {
        let opened = old.unseal(SECOND_FACTOR, place_of(*user), secret).ok_or_else(|| {
            let reason = "its second factor does not open; have an admin remove it, and then try again";
            Error::conflict(Kind::User, *user, reason)
        })?;
        *secret = new.seal(SECOND_FACTOR, place_of(*user), &opened)?;
    }
    Ok(Resealed { was, machines_secret: new.sealed_machines_secret()?, passwords, second_factors })
}

/// Where a new key waits to take the place of the one at `path`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

/// Writes a key in place of one that an earlier rotation did not come to use.
fn write(key: &MasterKey, path: &Path) -> Result<()> {
    let written = match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => key.write(path).and_then(|()| sync_directory(path)),
    };
    written.map_err(|error| Error::unavailable(Part::Desk, format!("the new key {}: {error}", path.display())))
}

fn put_in_place(path: &Path) -> Result<()> {
    std::fs::rename(beside(path), path).and_then(|()| sync_directory(path)).map_err(|error| {
        Error::unavailable(
            Part::Desk,
            format!("the new key {} cannot be put in place: {error}", beside(path).display()),
        )
    })
}
