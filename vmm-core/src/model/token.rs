//! API tokens: what programs authenticate with.

use super::{Session, Timestamp, TokenHash, TokenName, UserId, row_id};

row_id!(
    /// Names an API token.
    TokenId
);

/// An API token, which stands for its owner until it expires or is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its row.
    pub id: TokenId,
    /// Whose.
    pub user: UserId,
    /// Its name, unique among its owner's.
    pub name: TokenName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
}

/// An API token to record.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose.
    pub user: UserId,
    /// Its name.
    pub name: TokenName,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// The login or API token with which a caller authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountCredential {
    /// A login.
    Session(Session),
    /// An API token.
    Token(Token),
}
