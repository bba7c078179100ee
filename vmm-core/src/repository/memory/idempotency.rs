//! Keys of calls that may be repeated.

use async_trait::async_trait;

use super::record::user;
use super::state::{ClaimRow, State};
use super::store::Store;
use crate::error::Result;
use crate::model::{ClaimId, Claimed, KeptAnswer, NewClaim, Timestamp};
use crate::repository::rules::stored;
use crate::repository::{IdempotencyRepository, MOST_KEPT_ANSWERS, MOST_KEPT_BYTES};

#[async_trait]
impl IdempotencyRepository for Store {
    async fn claim(&self, claim: NewClaim) -> Result<Claimed> {
        self.write(|state| {
            let NewClaim { user, key, call, now, held_until, kept_until } = claim;
            let (user, now) = (user::required(state, user)?.id, stored(now));
            state.claims.remove_if(|row| row.kept_until <= now || row.held_until.is_some_and(|until| until <= now));
            if let Some(known) = state.claims.find(|row| row.user == user && row.key == key) {
                return Ok(if known.call == call { claimed(known) } else { Claimed::Other });
            }
            let id = ClaimId(state.claims.next_id());
            let (held_until, kept_until) = (Some(stored(held_until)), stored(kept_until));
            state.claims.insert(id, ClaimRow { user, key, call, held_until, kept_until, answer: None });
            Ok(Claimed::First(id))
        })
    }

    async fn hold(&self, id: ClaimId, until: Timestamp) -> Result<()> {
        self.write(|state| {
            if let Some(row) = state.claims.get_mut(&id).filter(|row| row.held_until.is_some()) {
                row.held_until = Some(stored(until));
            }
            Ok(())
        })
    }

    async fn answer(&self, id: ClaimId, answer: Option<KeptAnswer>) -> Result<()> {
        self.write(|state| {
            let Some(row) = state.claims.get_mut(&id) else { return Ok(()) };
            if row.held_until.take().is_some() {
                row.answer = answer.filter(|answer| answer.body.len() <= MOST_KEPT_BYTES);
            }
            let user = row.user;
            forget_oldest(state, |row| row.user == user);
            Ok(())
        })
    }

    async fn release(&self, id: ClaimId) -> Result<()> {
        self.write(|state| {
            if state.claims.get(&id).is_some_and(|row| row.held_until.is_some()) {
                state.claims.remove(&id);
            }
            Ok(())
        })
    }
}

/// Forgets the oldest answers of some claims that are more than are kept.
fn forget_oldest(state: &mut State, are: impl Fn(&ClaimRow) -> bool) {
    let (mut bytes, mut forgotten) = (0, Vec::new());
    for (place, (id, row)) in (1..).zip(state.claims.iter().rev().filter(|(_, row)| are(row))) {
        bytes += row.answer.as_ref().map_or(0, |answer| answer.body.len());
        if row.held_until.is_none() && (place > MOST_KEPT_ANSWERS || bytes > MOST_KEPT_BYTES) {
            forgotten.push(*id);
        }
    }
    state.claims.remove_all(&forgotten);
}

fn claimed(row: &ClaimRow) -> Claimed {
    match (row.held_until, &row.answer) {
        (Some(_), _) => Claimed::Running,
        (None, Some(answer)) => Claimed::Answered(answer.clone()),
        (None, None) => Claimed::Withheld,
    }
}
