//! The one secret that is kept in a file.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Part, Result};

const LENGTH: usize = 32;

/// The desk's master key, 32 bytes. `Debug` does not show it, and its memory is wiped when it is dropped.
///
/// Whoever has it and the desk's database can log in to every machine: keep the file out of the database's backup.
/// Whoever loses it, or the database, loses the way into the machines made so far.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl MasterKey {
    /// A key from elsewhere, 32 random bytes.
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key at `path`, 64 hexadecimal digits in a file that only its owner can read, and makes one first if
    /// there is none. Of several processes that start at once, one makes it and all read the same. Blocks on the disk.
    pub(super) fn load_or_create(path: &Path) -> Result<Self> {
        match Self::load(path) {
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                create(path).and_then(|()| Self::load(path)).map_err(|failure| failure.explain(path))
            }
            loaded => loaded.map_err(|failure| failure.explain(path)),
        }
    }

    pub(super) fn random() -> Result<Self> {
        let mut key = Self::from_bytes([0; LENGTH]);
        getrandom::fill(&mut *key.0).map_err(|error| Error::internal("reading random bytes", error))?;
        Ok(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// Writes the key into a new file that only its owner can read, and waits until the disk has it.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(2 * LENGTH + 1));
        self.0.iter().try_for_each(|byte| write!(text, "{byte:02x}")).expect("a string takes every write");
        text.push('\n');
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Failure::NoKey);
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(Failure::ReadableByOthers(metadata.mode() & 0o777));
        }
        // One byte more than a key and its line end, so that a longer file is seen to be one.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * LENGTH + 3));
        file.take(2 * LENGTH as u64 + 3).read_to_end(&mut text)?;
        parse(text.trim_ascii_end()).ok_or(Failure::NoKey)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

fn parse(text: &[u8]) -> Option<MasterKey> {
    let mut key = MasterKey::from_bytes([0; LENGTH]);
    if text.len() != 2 * LENGTH {
        return None;
    }
    for (byte, digits) in key.0.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |index: usize| char::from(digits[index]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(key)
}

/// Writes a new key under another name and links it into place, which fails if somebody else was faster.
fn create(path: &Path) -> Result<(), Failure> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", uuid::Uuid::new_v4()));
    let key = MasterKey::random().map_err(io::Error::other)?;
    let written = (|| {
        key.write(Path::new(&temporary))?;
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    let _ = fs::remove_file(&temporary);
    written?;
    Ok(sync_directory(path)?)
}

/// Without this a power cut could take a file's new name.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// Why there is no key.
pub(super) enum Failure {
    Io(io::Error),
    ReadableByOthers(u32),
    NoKey,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    pub(super) fn explain(self, path: &Path) -> Error {
        let path = path.display();
        match self {
            Self::Io(error) => Error::unavailable(Part::Desk, format!("the master key file {path}: {error}")),
            Self::ReadableByOthers(mode) => Error::invalid(
                "master_key",
                format!("{path} has mode {mode:03o}, so others can read it; run: chmod 600 {path}"),
            ),
            Self::NoKey => Error::invalid(
                "master_key",
                format!(
                    "{path} is not a file of 64 hexadecimal digits; restore it from a backup, or, if no machine was \
                     made yet, remove it and a new one is made"
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn refused(text: &str, mode: u32) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a file of our own");
        MasterKey::load_or_create(&path).expect_err("not a good key file").to_string()
    }

    #[test]
    fn a_new_key_is_made_once_for_its_owner_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        let first = MasterKey::load_or_create(&path).expect("a new key");
        let again = MasterKey::load_or_create(&path).expect("the same key");
        assert_eq!(first.bytes(), again.bytes());
        assert_ne!(first.bytes(), &[0; 32]);
        assert_eq!(fs::metadata(&path).expect("the file").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 1);
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_key() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        let load = || *MasterKey::load_or_create(&path).expect("a key").bytes();
        let keys = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        for mode in [0o640, 0o604, 0o660] {
            assert!(refused(&"ab".repeat(32), mode).contains("chmod 600 "));
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_not_shown() {
        for text in ["", "\n", &"ab".repeat(31), &"ab".repeat(33), &"zz".repeat(32), &"ä".repeat(32)] {
            let message = refused(text, 0o600);
            assert!(message.contains("64 hexadecimal digits") && !message.contains("abab"), "{message}");
        }
    }

    #[test]
    fn a_missing_directory_is_named() {
        let message =
            MasterKey::load_or_create(Path::new("/nonexistent/master.key")).expect_err("no directory").to_string();
        assert!(message.contains("/nonexistent/master.key"), "{message}");
    }
}
