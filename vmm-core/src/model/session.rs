//! Logins.

use std::fmt;

use super::{Timestamp, UserId, row_id};

row_id!(
    /// Names a login.
    SessionId
);

/// A login that is valid until it expires or is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its row.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When the second factor was last given in it.
    pub second_factor_at: Option<Timestamp>,
}

/// A login to record.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose.
    pub user: UserId,
    /// The hash of its token.
    pub token: TokenHash,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When the second factor was given, if it was.
    pub second_factor_at: Option<Timestamp>,
}

/// Which logins to list, in order of beginning. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those behind this one.
    pub after: Option<SessionId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// SHA-256 of a bearer token. The token has 256 random bits, so it needs no slow hash. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
