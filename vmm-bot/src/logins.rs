//! Logins of machines that people have given to the bot. They are in this process alone, for a time that the person
//! chooses, and never written down.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vmm_core::model::VmName;
use vmm_core::remote::{Credential, Login};
use vmm_core::{ExposeSecret, SecretString};

/// Logins, by person and machine.
#[derive(Default)]
pub(crate) struct Logins {
    known: Mutex<HashMap<(i64, VmName), Known>>,
}

/// A user of machines and their password. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

impl Given {
    fn is(&self, other: &Self) -> bool {
        self.user == other.user && self.password.expose_secret() == other.password.expose_secret()
    }
}

impl From<Given> for Login {
    fn from(Given { user, password }: Given) -> Self {
        Self { user, credential: Credential::Password(password) }
    }
}

struct Known {
    given: Given,
    until: Instant,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

impl Logins {
    /// Keeps a login for a time on those of these machines where none is known.
    pub(crate) fn keep(&self, person: i64, vms: &[VmName], given: &Given, time: Duration) {
        let (mut known, until) = (self.known(), Instant::now() + time);
        for vm in vms {
            known.entry((person, vm.clone())).or_insert_with(|| Known { given: given.clone(), until });
        }
    }

    /// Keeps what is known on these machines for so long from now on; gives on how many that is.
    pub(crate) fn extend(&self, person: i64, vms: &[VmName], time: Duration) -> usize {
        let (mut known, until) = (self.known(), Instant::now() + time);
        let own = known.iter_mut().filter(|((of, on), _)| *of == person && vms.contains(on));
        own.map(|(_, login)| login.until = until).count()
    }

    /// The login of this person on these machines, if it is known on each and the same on all.
    pub(crate) fn of(&self, person: i64, vms: &[VmName]) -> Option<Given> {
        let known = self.known();
        let mut all = vms.iter().map(|vm| known.get(&(person, vm.clone())).map(|login| &login.given));
        let first = all.next()??;
        all.all(|given| given.is_some_and(|given| given.is(first))).then(|| first.clone())
    }

    /// Forgets this login on these machines.
    pub(crate) fn refused(&self, person: i64, vms: &[VmName], given: &Given) {
        self.known().retain(|(of, on), login| *of != person || !vms.contains(on) || !login.given.is(given));
    }

    /// Forgets what is known on these machines, or all of a person; gives how many logins that was.
    pub(crate) fn forget(&self, person: i64, vms: Option<&[VmName]>) -> usize {
        let mut known = self.known();
        let before = known.len();
        known.retain(|(of, on), _| *of != person || vms.is_some_and(|vms| !vms.contains(on)));
        before - known.len()
    }

    /// What is known, without what is not any more.
    fn known(&self) -> MutexGuard<'_, HashMap<(i64, VmName), Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.retain(|_, login| login.until > now);
        known
    }
}

#[cfg(test)]
mod tests {
    use vmm_testkit::sample::vm_name;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn given(user: &str) -> Given {
        Given { user: user.to_owned(), password: "s3cret".into() }
    }

    #[test]
    fn a_login_is_one_persons_on_one_machine_and_for_a_time() {
        let (logins, [web_1, web_2, web_9]) =
            (Logins::default(), ["web-1", "web-2", "web-9"].map(|name| [vm_name(name)]));
        logins.keep(7, &web_1, &given("debian"), MINUTE);
        logins.keep(7, &web_2, &given("debian"), Duration::ZERO);
        assert_eq!(logins.of(7, &web_1).map(|given| given.user).as_deref(), Some("debian"));
        assert!(logins.of(8, &web_1).is_none());
        assert!(logins.of(7, &web_2).is_none());
        assert_eq!((logins.extend(7, &web_2, MINUTE), logins.extend(7, &web_1, MINUTE)), (0, 1));
        assert!(!format!("{logins:?} {:?}", given("debian")).contains("s3cret"));
        assert_eq!((logins.forget(7, Some(&web_9)), logins.forget(7, None)), (0, 1));
        assert!(logins.of(7, &web_1).is_none());
    }

    #[test]
    fn a_login_of_several_machines_is_the_same_on_all() {
        let logins = Logins::default();
        let vms = ["web-1", "web-2"].map(vm_name);
        let user = || logins.of(7, &vms).map(|given| given.user);
        logins.keep(7, &vms[..1], &given("root"), MINUTE);
        assert_eq!(user(), None, "there is none on the other");
        logins.keep(7, &vms, &given("debian"), MINUTE);
        assert_eq!(user(), None, "they differ: what was known stays");
        logins.refused(7, &vms, &given("root"));
        assert_eq!(logins.of(7, &vms[1..]).map(|given| given.user).as_deref(), Some("debian"));
        logins.keep(7, &vms, &given("debian"), MINUTE);
        assert_eq!(user().as_deref(), Some("debian"));
        assert!(logins.of(7, &[]).is_none());
    }
}
