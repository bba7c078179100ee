//! An authenticator app: it makes the codes of a second factor.

use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Secret, Totp};

/// How long a code counts, in seconds.
const STEP: u64 = 30;

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

    /// The code that was shown so many steps of 30 seconds ago: 0 is the present one, -1 the next one. A desk takes these
    /// three, each once and in order of time, so a test that needs several begins with 1.
    ///
    /// # Panics
    /// If the clock of the computer is before 1970.
    pub fn code(&self, steps_ago: i64) -> SecretString {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = since_1970.map(|time| time.as_secs()).expect("a time since 1970");
        let code = self.0.generate(now.saturating_add_signed(-steps_ago * i64::from(STEP as u32)));
        code.to_string().into()
    }

    /// Waits until a step has just begun if the present one ends soon, so that three codes can be used before the next one.
    pub async fn begin_of_a_step(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let passed = now.as_secs() % STEP;
        if passed > STEP / 2 {
            tokio::time::sleep(Duration::from_secs(STEP - passed)).await;
        }
    }
}
