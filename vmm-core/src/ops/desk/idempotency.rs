//! Calls that a client may safely repeat: a front end claims the client's key before the call, and says afterwards
//! how it went.

use std::time::Duration;

use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{ClaimId, Claimed, Fingerprint, IdempotencyKey, KeptAnswer, NewClaim, UsedRight};
use crate::policy::{Action, Actor, Target};

/// The time that an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The time that a claim holds its key without a sign of life.
const HELD: Duration = Duration::from_secs(60);

impl Vmm {
    /// The interval at which [`hold_key`](Self::hold_key) is to be called while a call runs.
    pub const HOLD_INTERVAL: Duration = Duration::from_secs(20);

    /// The desk for a call with a key: [`keep_answer`](Self::keep_answer) of it knows which rights the call made use
    /// of.
    #[must_use]
    pub fn for_a_repeatable_call(&self) -> Self {
        self.remembering_rights()
    }

    /// Claims a key of the actor's account for a call. After [`Claimed::First`] the call is to be made, held with
    /// [`hold_key`](Self::hold_key), and ended with [`keep_answer`](Self::keep_answer) or
    /// [`release_key`](Self::release_key). A process that dies in between holds the key for another minute.
    ///
    /// An answer that was kept is given to an actor who has at this moment every right that the call made use of.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for one who has no account; [`Error::Forbidden`] without such a right.
    pub async fn claim_key(&self, actor: &Actor, key: IdempotencyKey, call: Fingerprint) -> Result<Claimed> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        let now = chrono::Utc::now();
        let (desk, held_until, kept_until) = (self.unguarded(), now + HELD, now + KEPT);
        // Of a call with a password nothing may be stored that a guess could be compared with.
        let call = desk.secrets().fingerprint(call);
        let claim = NewClaim { user, key, call, now, held_until, kept_until };
        let claimed = desk.repository().idempotency().claim(claim).await?;
        let Claimed::Answered(answer) = &claimed else { return Ok(claimed) };
        for UsedRight { action, label, owner } in &answer.rights {
            let Some(action) = Action::ALL.iter().find(|known| known.as_str() == action) else {
                return Ok(Claimed::Withheld);
            };
            self.enter(actor, *action, &Target { label: label.clone(), owner: *owner }).await?;
        }
        Ok(claimed)
    }

    /// Holds a key for a call that still runs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn hold_key(&self, claim: ClaimId) -> Result<()> {
        self.unguarded().repository().idempotency().hold(claim, chrono::Utc::now() + HELD).await
    }

    /// Keeps the answer of a call for its repeats, or only that it was made, for an answer that must not be kept. The
    /// newest thousand of an account are kept, and together no more than 4 MiB.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn keep_answer(&self, claim: ClaimId, answer: Option<KeptAnswer>) -> Result<()> {
        let answer = answer.map(|answer| KeptAnswer { rights: self.used_rights(), ..answer });
        self.unguarded().repository().idempotency().answer(claim, answer).await
    }

    /// Frees the key of a call that came to nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn release_key(&self, claim: ClaimId) -> Result<()> {
        self.unguarded().repository().idempotency().release(claim).await
    }
}
