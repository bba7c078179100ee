//! Logins of machines that people have given to the bot. They are in this process alone, for a time that the person
//! chooses, and never written down.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vmm_core::SecretString;
use vmm_core::remote::{Credential, Login};

/// Logins, by person and machine.
#[derive(Default)]
pub(crate) struct Logins {
    known: Mutex<HashMap<(i64, String), Known>>,
}

struct Known {
    user: String,
    password: SecretString,
    until: Instant,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

impl Logins {
    /// Keeps a login for a time.
    pub(crate) fn keep(&self, person: i64, vm: &str, user: String, password: SecretString, time: Duration) {
        let known = Known { user, password, until: Instant::now() + time };
        self.known().insert((person, vm.to_owned()), known);
    }

    /// Keeps a login that is known for so long from now on; `false` if it is not known any more.
    pub(crate) fn extend(&self, person: i64, vm: &str, time: Duration) -> bool {
        match self.known().get_mut(&(person, vm.to_owned())) {
            Some(known) => {
                known.until = Instant::now() + time;
                true
            }
            None => false,
        }
    }

    /// The login of this person on this machine, if it is known.
    pub(crate) fn of(&self, person: i64, vm: &str) -> Option<Login> {
        let known = self.known();
        let known = known.get(&(person, vm.to_owned()))?;
        Some(Login { user: known.user.clone(), credential: Credential::Password(known.password.clone()) })
    }

    /// Forgets a login, or all of a person; gives how many there were.
    pub(crate) fn forget(&self, person: i64, vm: Option<&str>) -> usize {
        let mut known = self.known();
        let before = known.len();
        known.retain(|(of, on), _| *of != person || vm.is_some_and(|vm| vm != on));
        before - known.len()
    }

    /// What is known, without what is not any more.
    fn known(&self) -> MutexGuard<'_, HashMap<(i64, String), Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.retain(|_, login| login.until > now);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_one_persons_on_one_machine_and_for_a_time() {
        let logins = Logins::default();
        let keep = |vm, time| logins.keep(7, vm, "debian".to_owned(), "s3cret".into(), time);
        keep("web-1", Duration::from_secs(60));
        keep("web-2", Duration::ZERO);
        assert_eq!(logins.of(7, "web-1").map(|login| login.user).as_deref(), Some("debian"));
        assert!(logins.of(8, "web-1").is_none());
        assert!(logins.of(7, "web-2").is_none());
        assert!(!logins.extend(7, "web-2", Duration::from_secs(60)));
        assert!(logins.extend(7, "web-1", Duration::from_secs(60)));
        assert!(!format!("{logins:?}").contains("s3cret"));
        assert_eq!((logins.forget(7, Some("web-9")), logins.forget(7, None)), (0, 1));
        assert!(logins.of(7, "web-1").is_none());
    }
}
