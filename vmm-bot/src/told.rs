//! Secrets that people have told and that wait for their next answer. They are in this process alone, for a short time,
//! and never written down.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmm_core::SecretString;

/// One secret of each person.
#[derive(Default)]
pub(crate) struct Told {
    secrets: Mutex<HashMap<i64, (SecretString, Instant)>>,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}

impl Told {
    /// Keeps what a person has told, for a time, in place of what they told before.
    pub(crate) fn keep(&self, person: i64, secret: SecretString, time: Duration) {
        let now = Instant::now();
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.retain(|_, (_, until)| *until > now);
        secrets.insert(person, (secret, now + time));
    }

    /// What a person has told, if that still counts. It is forgotten with that.
    pub(crate) fn take(&self, person: i64) -> Option<SecretString> {
        let told = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).remove(&person);
        told.filter(|(_, until)| *until > Instant::now()).map(|(secret, _)| secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_persons_once_and_for_a_time() {
        let told = Told::default();
        told.keep(7, "s3cret".into(), Duration::from_secs(60));
        assert!(!format!("{told:?}").contains("s3cret"));
        assert!(told.take(8).is_none());
        assert!(told.take(7).is_some());
        assert!(told.take(7).is_none());
        told.keep(7, "s3cret".into(), Duration::ZERO);
        assert!(told.take(7).is_none());
    }
}
