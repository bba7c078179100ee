//! The answers of a served desk.

use std::fmt;

use serde_json::Value;

/// An answer: its status and its JSON, or its text as a JSON string.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// Why a desk did not do what it was asked to, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(pub(super) String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

/// Makes trouble of an error, with what was being done.
pub(super) fn trouble<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Trouble {
    move |error| Trouble(format!("{what}: {error}"))
}

impl Answer {
    /// Returns the body of an answer that is no error.
    pub(super) fn ok(self, path: &str) -> Result<Value, Trouble> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let detail = self.body["detail"].as_str().map_or_else(|| self.body.to_string(), str::to_owned);
        Err(Trouble(format!("{path} answers {}: {detail}", self.status)))
    }

    /// The body of an answer that is no error.
    ///
    /// # Panics
    /// When it is one.
    #[track_caller]
    pub fn expect_ok(self) -> Value {
        assert!((200..300).contains(&self.status), "status {}: {}", self.status, self.body);
        self.body
    }
}
