//! `getUpdates`: long polling by one at a time.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use super::state::{State, Update};

/// In seconds.
const LONGEST_POLL: i64 = 50;
/// The greatest number of updates that one call gives.
const MOST: i64 = 100;

/// Gives updates as soon as there are any; after the call's `timeout`, none.
pub(super) async fn get(shared: &Shared, parameters: &Parameters) -> Answer {
    let mut changed = shared.changed.subscribe();
    let number = shared.change(|state| {
        if state.webhook.is_some() {
            let reason = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete \
                          the webhook first";
            return Err(Refusal::new(409, reason));
        }
        state.allow(parameters)?;
        state.confirm(parameters.integer("offset").unwrap_or(0));
        state.poll += 1;
        Ok(state.poll)
    })?;
    let seconds = parameters.integer("timeout").unwrap_or(0).clamp(0, LONGEST_POLL);
    let end = Instant::now() + Duration::from_secs(seconds.unsigned_abs());
    let limit = parameters.integer("limit").unwrap_or(MOST).clamp(1, MOST);
    let limit = usize::try_from(limit).unwrap_or(1);
    loop {
        changed.mark_unchanged();
        if let Some(updates) = waiting(&shared.lock(), number, limit)? {
            return Ok(updates);
        }
        if timeout_at(end, changed.changed()).await.is_err() {
            return Ok(Value::Array(Vec::new()));
        }
    }
}

fn waiting(state: &State, number: u64, limit: usize) -> Result<Option<Value>, Refusal> {
    if state.poll != number {
        let reason =
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
        return Err(Refusal::new(409, reason));
    }
    if state.webhook.is_some() {
        return Err(Refusal::new(409, "Conflict: terminated by setWebhook request"));
    }
    if state.updates.is_empty() {
        return Ok(None);
    }
    Ok(Some(state.updates.iter().take(limit).map(Update::json).collect()))
}

impl State {
    /// Forgets the updates before this one; for a negative number all but so many.
    fn confirm(&mut self, offset: i64) {
        let count = if offset < 0 {
            self.updates.len().saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX))
        } else {
            self.updates.iter().take_while(|update| i64::from(update.id) < offset).count()
        };
        self.confirmed.extend(self.updates.drain(..count));
    }
}
