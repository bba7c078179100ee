//! Secrets that people have told the bot: logins of machines, for a time that they choose, and the present password of
//! one who changes it. They are in this process alone, and never written down.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vmm_core::model::VmName;
use vmm_core::remote::{Credential, Login};
use vmm_core::{ExposeSecret, SecretString};

/// The secrets that people have told, each with its end.
#[derive(Default)]
pub(crate) struct Secrets(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By person and machine.
    logins: HashMap<(i64, VmName), (Given, Instant)>,
    /// By person.
    passwords: HashMap<i64, (SecretString, Instant)>,
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

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Keeps a login for a time on those of these machines where none is known.
    pub(crate) fn keep(&self, person: i64, vms: &[VmName], given: &Given, time: Duration) {
        let (mut known, until) = (self.known(), Instant::now() + time);
        for vm in vms {
            known.logins.entry((person, vm.clone())).or_insert_with(|| (given.clone(), until));
        }
    }

    /// Keeps the logins on these machines for so long from now on; gives on how many one is known.
    pub(crate) fn extend(&self, person: i64, vms: &[VmName], time: Duration) -> usize {
        let (mut known, end) = (self.known(), Instant::now() + time);
        let own = known.logins.iter_mut().filter(|((of, on), _)| *of == person && vms.contains(on));
        own.map(|(_, (_, until))| *until = end).count()
    }

    /// The login of this person on these machines, if it is known on each and the same on all.
    pub(crate) fn login(&self, person: i64, vms: &[VmName]) -> Option<Given> {
        let known = self.known();
        let mut all = vms.iter().map(|vm| known.logins.get(&(person, vm.clone())).map(|(given, _)| given));
        let first = all.next()??;
        all.all(|given| given.is_some_and(|given| given.is(first))).then(|| first.clone())
    }

    /// Forgets this login on these machines.
    pub(crate) fn refused(&self, person: i64, vms: &[VmName], refused: &Given) {
        self.known().logins.retain(|(of, on), (given, _)| *of != person || !vms.contains(on) || !given.is(refused));
    }

    /// Forgets the logins on these machines; gives how many there were.
    pub(crate) fn forget(&self, person: i64, vms: &[VmName]) -> usize {
        self.retain_logins(|of, on| of != person || !vms.contains(on))
    }

    /// Forgets all that a person has told; gives how many logins there were.
    pub(crate) fn forget_all(&self, person: i64) -> usize {
        self.known().passwords.remove(&person);
        self.retain_logins(|of, _| of != person)
    }

    /// Keeps a person's present password for a time.
    pub(crate) fn keep_password(&self, person: i64, password: SecretString, time: Duration) {
        self.known().passwords.insert(person, (password, Instant::now() + time));
    }

    /// The present password that a person has told, if it is known. It is forgotten with that.
    pub(crate) fn take_password(&self, person: i64) -> Option<SecretString> {
        self.known().passwords.remove(&person).map(|(password, _)| password)
    }

    fn retain_logins(&self, keep: impl Fn(i64, &VmName) -> bool) -> usize {
        let mut known = self.known();
        let before = known.logins.len();
        known.logins.retain(|(of, on), _| keep(*of, on));
        before - known.logins.len()
    }

    /// Returns the known logins without expired ones.
    fn known(&self) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.logins.retain(|_, (_, until)| *until > now);
        known.passwords.retain(|_, (_, until)| *until > now);
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
        let (secrets, [web_1, web_2, web_9]) =
            (Secrets::default(), ["web-1", "web-2", "web-9"].map(|name| [vm_name(name)]));
        secrets.keep(7, &web_1, &given("debian"), MINUTE);
        secrets.keep(7, &web_2, &given("debian"), Duration::ZERO);
        assert_eq!(secrets.login(7, &web_1).map(|given| given.user).as_deref(), Some("debian"));
        assert!(secrets.login(8, &web_1).is_none());
        assert!(secrets.login(7, &web_2).is_none());
        assert_eq!((secrets.extend(7, &web_2, MINUTE), secrets.extend(7, &web_1, MINUTE)), (0, 1));
        assert!(!format!("{secrets:?} {:?}", given("debian")).contains("s3cret"));
        assert_eq!((secrets.forget(7, &web_9), secrets.forget_all(7)), (0, 1));
        assert!(secrets.login(7, &web_1).is_none());
    }

    #[test]
    fn a_login_of_several_machines_is_the_same_on_all() {
        let secrets = Secrets::default();
        let vms = ["web-1", "web-2"].map(vm_name);
        let user = || secrets.login(7, &vms).map(|given| given.user);
        secrets.keep(7, &vms[..1], &given("root"), MINUTE);
        assert_eq!(user(), None, "there is none on the other");
        secrets.keep(7, &vms, &given("debian"), MINUTE);
        assert_eq!(user(), None, "they differ: what was known stays");
        secrets.refused(7, &vms, &given("root"));
        assert_eq!(secrets.login(7, &vms[1..]).map(|given| given.user).as_deref(), Some("debian"));
        secrets.keep(7, &vms, &given("debian"), MINUTE);
        assert_eq!(user().as_deref(), Some("debian"));
        assert!(secrets.login(7, &[]).is_none());
    }

    #[test]
    fn a_password_is_one_persons_once_and_for_a_time() {
        let secrets = Secrets::default();
        secrets.keep_password(7, "s3cret".into(), MINUTE);
        assert!(secrets.take_password(8).is_none());
        assert!(secrets.take_password(7).is_some() && secrets.take_password(7).is_none());
        secrets.keep_password(7, "s3cret".into(), Duration::ZERO);
        assert!(secrets.take_password(7).is_none());
        secrets.keep_password(7, "s3cret".into(), MINUTE);
        assert_eq!(secrets.forget_all(7), 0);
        assert!(secrets.take_password(7).is_none());
    }
}
