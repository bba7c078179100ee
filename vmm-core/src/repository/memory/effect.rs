//! Applies the effects that the rules of [`outcome`](crate::repository::outcome) name.

use super::record::{disk, request, vm};
use super::state::State;
use crate::repository::outcome::Effect;

/// Applies what follows from the end or the closing of something else.
pub(super) fn apply(state: &mut State, effect: Effect) {
    match effect {
        Effect::Vm(id, found) => vm::set_state(state, id, found),
        Effect::NoVm(id) => vm::remove(state, id),
        Effect::Grown(id) => disk::settle(state, id, true),
        Effect::Settled(id) => disk::settle(state, id, false),
        Effect::Size(id, size) => disk::set_size(state, id, size),
        Effect::NoDisk(id) => state.disks.remove_all(&[id]),
        Effect::Request { id, to, reason, actor } => request::set_state(state, &id, to, reason.as_deref(), actor),
        Effect::NoRequested(id) => vm::remove_requested(state, &id),
    }
}
