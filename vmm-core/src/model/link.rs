//! Codes that bind a chat to an account.

use super::{Timestamp, TokenHash, UserId};

/// A one-time code to record. The newest of an account is the only good one.
#[derive(Clone, Debug)]
pub struct NewLinkCode {
    /// Whose chat it will be.
    pub user: UserId,
    /// The hash of the code.
    pub hash: TokenHash,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}
