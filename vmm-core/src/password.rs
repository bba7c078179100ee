//! Passwords of accounts: argon2id, two at a time, so that a storm of logins costs neither the memory nor the
//! processors of the host.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argon2::password_hash::{CustomizedPasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::blocking;
use crate::error::{Error, Part, Result};
use crate::model::{AccountPassword, PasswordHash, ShownSecret};

/// At a time; each takes 19 MiB.
const HASHES: usize = 2;
/// Waiting or working; beyond that a call is refused.
const QUEUE: usize = 64;

/// Hashes and verifies passwords. Cheap to clone; clones share their limits.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    queue: Arc<Semaphore>,
    hashes: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Hasher>>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { queue: Arc::new(Semaphore::new(QUEUE)), hashes: Arc::new(Semaphore::new(HASHES)), idle: Arc::default() }
    }
}

impl Passwords {
    /// Checks the rules for a new password and hashes it.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash> {
        AccountPassword::check("password", password.expose_secret())?;
        self.work(move |hasher| hasher.hash(password.expose_secret())).await
    }

    /// Returns whether the password belongs to the hash. Without a hash it is not, and takes as long to say so.
    pub(crate) async fn verify(&self, password: SecretString, hash: Option<PasswordHash>) -> Result<bool> {
        let fits = ShownSecret::check("password", password.expose_secret()).is_ok();
        self.work(move |hasher| {
            let stored = hash.as_ref().filter(|_| fits);
            let against = match stored {
                Some(hash) => hash.as_str(),
                None => nobodys(hasher)?.as_str(),
            };
            let parsed = phc::PasswordHash::new(against).map_err(|error| failed("reading a password hash", error))?;
            // What is longer than a password may be is not worth its time.
            let password = if fits { password.expose_secret() } else { "" };
            let same = hasher.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(same && stored.is_some())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Hasher) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let busy = || Error::unavailable(Part::Desk, "too many sign-ins at once; try again in a few seconds");
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.hashes).acquire_owned().await.map_err(|_| busy())?;
        // The thread goes on when the caller stops waiting, and with it the permits.
        let permits: [OwnedSemaphorePermit; 2] = [place, turn];
        let idle = Arc::clone(&self.idle);
        blocking::run("hashing a password", move || {
            let hasher = idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let result = operation(&hasher);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(hasher);
            drop(permits);
            result
        })
        .await
    }
}

/// argon2id in memory that is used again and again. The allocator would keep what each thread of a pool once used, and
/// a storm of logins would then cost a gigabyte.
#[derive(Default)]
struct Hasher {
    memory: Mutex<Vec<Block>>,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(…)")
    }
}

impl Hasher {
    fn hash(&self, password: &str) -> Result<PasswordHash> {
        let mut salt = [0; phc::Salt::RECOMMENDED_LENGTH];
        getrandom::fill(&mut salt).map_err(|error| failed("reading random bytes", error))?;
        let hash = self.hash_password_customized(password.as_bytes(), &salt, None, None, Params::default());
        Ok(PasswordHash::new(hash.map_err(|error| failed("hashing a password", error))?.to_string()))
    }
}

impl CustomizedPasswordHasher<phc::PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<phc::Decimal>,
        params: Params,
    ) -> argon2::password_hash::Result<phc::PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let params_text = phc::ParamsString::try_from(&params)?;
        let (blocks, length) = (params.block_count(), params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() < blocks {
            memory.resize(blocks, Block::new());
        }
        let mut buffer = [0; phc::Output::MAX_LENGTH];
        let output = buffer.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
        Argon2::new(algorithm, version, params).hash_password_into_with_memory(
            password,
            salt,
            output,
            &mut memory[..blocks],
        )?;
        Ok(phc::PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: params_text,
            salt: Some(phc::Salt::new(salt)?),
            hash: Some(phc::Output::new(output)?),
        })
    }
}

/// A hash with the same cost as any other, which no password belongs to since its result is never used.
fn nobodys(hasher: &Hasher) -> Result<&'static PasswordHash> {
    static NOBODYS: OnceLock<PasswordHash> = OnceLock::new();
    match NOBODYS.get() {
        Some(hash) => Ok(hash),
        None => hasher.hash("nobody").map(|hash| NOBODYS.get_or_init(|| hash)),
    }
}

fn failed(context: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal(context, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn a_password_belongs_to_its_own_hash_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash(secret("correct horse")).await.expect("a hash");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(passwords.verify(secret("correct horse"), Some(hash.clone())).await.expect("an answer"));
        for wrong in ["correct horsf", "", &"x".repeat(100_000)] {
            assert!(!passwords.verify(secret(wrong), Some(hash.clone())).await.expect("an answer"));
        }
        assert!(!passwords.verify(secret("correct horse"), None).await.expect("an answer"));
        assert!(!passwords.verify(secret("nobody"), None).await.expect("an answer"));
    }

    #[tokio::test]
    async fn the_same_password_has_another_hash_each_time() {
        let passwords = Passwords::default();
        let (one, other) =
            (passwords.hash(secret("correct horse")).await, passwords.hash(secret("correct horse")).await);
        assert_ne!(one.expect("a hash"), other.expect("a hash"));
    }

    #[tokio::test]
    async fn a_password_that_is_too_short_or_too_long_is_refused_by_name() {
        for bad in ["", "ninebytes", &"x".repeat(1025)] {
            let error = Passwords::default().hash(secret(bad)).await.expect_err("against the rules");
            assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "password"), "{error}");
        }
        Passwords::default().hash(secret(&"x".repeat(1024))).await.expect("a hash");
    }

    #[tokio::test]
    async fn an_unknown_account_costs_what_a_known_one_does() {
        let hash = Passwords::default().hash(secret("correct horse")).await.expect("a hash");
        let cost = |hash: &PasswordHash| {
            let parsed = phc::PasswordHash::new(hash.as_str()).expect("a hash");
            let length = parsed.hash.map(|output| output.as_bytes().len());
            (parsed.algorithm, parsed.version, parsed.params.to_string(), length)
        };
        assert_eq!(cost(nobodys(&Hasher::default()).expect("a hash")), cost(&hash));
    }

    #[tokio::test]
    async fn a_storm_of_logins_is_refused_beyond_the_queue() {
        let passwords = Passwords::default();
        let held = Arc::clone(&passwords.hashes).acquire_many_owned(2).await.expect("both");
        let mut logins = tokio::task::JoinSet::new();
        for _ in 0..QUEUE + 36 {
            let passwords = passwords.clone();
            logins.spawn(async move { passwords.verify(secret("correct horse"), None).await });
        }
        let mut refused = 0;
        while refused < 36 {
            let error = logins.join_next().await.expect("a login").expect("no panic").expect_err("refused");
            assert!(matches!(error, Error::Unavailable { part: Part::Desk, .. }), "{error}");
            refused += 1;
        }
        drop(held);
        assert_eq!(logins.join_all().await.into_iter().filter(Result::is_ok).count(), QUEUE);
    }
}
