//! Keys of calls that may be repeated, in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{ClaimId, Claimed, KeptAnswer, NewClaim, Timestamp};

/// The number of answers that are kept for an account.
pub const MOST_KEPT_ANSWERS: u32 = 1000;
/// The number of bytes that they have together.
pub const MOST_KEPT_BYTES: usize = 4 << 20;

/// Keys of calls that may be repeated. A key is an account's own, and goes with it. No audit rows: the calls have
/// theirs.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdempotencyRepository: Send + Sync {
    /// Forgets what is over at `now`, then claims a key, unless it is claimed or answered already.
    async fn claim(&self, claim: NewClaim) -> Result<Claimed>;
    /// Holds a claim until another moment. One that has lapsed or is answered stays as it is.
    async fn hold(&self, id: ClaimId, until: Timestamp) -> Result<()>;
    /// Ends a claim, keeps its answer, and forgets the account's oldest answers that are more than
    /// [`MOST_KEPT_ANSWERS`] or [`MOST_KEPT_BYTES`]. One that is too large alone, or `None`, leaves only that the call
    /// was made. A claim that has lapsed stays so.
    async fn answer(&self, id: ClaimId, answer: Option<KeptAnswer>) -> Result<()>;
    /// Frees the key of a claim that is not answered.
    async fn release(&self, id: ClaimId) -> Result<()>;
}
