//! An authenticator app: it makes the codes of a second factor.

use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Secret, Totp};

/// How long a code counts, in seconds.
const STEP: i64 = 30;

/// An authenticator app that has the secret of one account.
pub struct FakeAuthenticator(Totp);

impl FakeAuthenticator {
    /// An app to which somebody has given a secret in Base32.
    ///
    /// # Panics
    /// If it is no secret.
    pub fn new(secret: &SecretString) -> Self {
        let secret = Secret::try_from_base32(secret.expose_secret()).expect("a secret in Base32");
        Self(Builder::new().with_secret(secret).build().expect("a secret of 20 bytes"))
    }

    /// The code of so many steps of 30 seconds from now: 0 is the present one, 1 the next one. A desk takes both of them for
    /// at least half a minute, each once and in order of time.
    ///
    /// # Panics
    /// If the clock of the computer is before 1970.
    pub fn code(&self, steps_from_now: i64) -> SecretString {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = since_1970.map(|time| time.as_secs()).expect("a time since 1970");
        let code = self.0.generate(now.saturating_add_signed(steps_from_now * STEP));
        code.to_string().into()
    }
}
