//! Calls that a client may safely repeat: a front end claims the client's key before the call, and says afterwards
//! how it went.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::{ClaimId, Claimed, Fingerprint, IdempotencyKey, KeptAnswer, NewClaim};
use crate::policy::Actor;
use crate::vmm::Vmm;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long a claim holds a key that nobody says anything about.
const HELD: Duration = Duration::from_secs(60);

impl Vmm {
    /// How often [`hold_key`](Self::hold_key) is to be called while a call runs.
    pub const HOLD_INTERVAL: Duration = Duration::from_secs(20);

    /// Claims a key of the actor's account for a call. After [`Claimed::First`] the call is to be made, held with
    /// [`hold_key`](Self::hold_key), and ended with [`keep_answer`](Self::keep_answer) or
    /// [`release_key`](Self::release_key). A process that dies in between holds the key for another minute.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for one who has no account.
    pub async fn claim_key(&self, actor: &Actor, key: IdempotencyKey, call: Fingerprint) -> Result<Claimed> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        let now = chrono::Utc::now();
        let claim = NewClaim { user, key, call, now, held_until: now + HELD, kept_until: now + KEPT };
        self.own_work().repository().idempotency().claim(claim).await
    }

    /// Holds a key for a call that still runs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn hold_key(&self, claim: ClaimId) -> Result<()> {
        self.own_work().repository().idempotency().hold(claim, chrono::Utc::now() + HELD).await
    }

    /// Keeps the answer of a call for its repeats, or only that it was made, for an answer that must not be kept. The
    /// newest thousand of an account are kept, and together no more than 4 MiB.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn keep_answer(&self, claim: ClaimId, answer: Option<KeptAnswer>) -> Result<()> {
        self.own_work().repository().idempotency().answer(claim, answer).await
    }

    /// Frees the key of a call that came to nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn release_key(&self, claim: ClaimId) -> Result<()> {
        self.own_work().repository().idempotency().release(claim).await
    }
}
