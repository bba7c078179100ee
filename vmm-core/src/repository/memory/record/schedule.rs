//! Records of schedules.

use chrono::{DateTime, Utc};

use super::super::state::State;
use crate::model::{Firing, Schedule, ScheduleId, Timestamp};

/// Removes the schedules that meet a condition, with what became of their moments; returns whether there were any.
pub(in super::super) fn remove_if(state: &mut State, goes: impl Fn(&Schedule) -> bool) -> bool {
    let ids = state.schedules.keys_of(goes);
    for id in &ids {
        state.schedules.remove(id);
        let firings: Vec<_> = of_schedule(state, *id).map(|(key, _)| *key).collect();
        state.firings.remove_all(&firings);
    }
    !ids.is_empty()
}

/// Returns what became of the moments of a schedule, in order.
pub(in super::super) fn of_schedule(
    state: &State,
    id: ScheduleId,
) -> impl DoubleEndedIterator<Item = (&(ScheduleId, Timestamp), &Firing)> {
    state.firings.range((id, DateTime::<Utc>::MIN_UTC)..=(id, DateTime::<Utc>::MAX_UTC))
}
