//! Applies the effects that the rules of [`outcome`](crate::repository::outcome) name.

use rusqlite::Transaction;

use super::error::Result;
use super::record::{disk, request, vm};
use crate::repository::outcome::Effect;

/// Applies what follows from the end or the closing of something else.
pub(super) fn apply(tx: &Transaction<'_>, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Vm(id, state) => vm::set_state(tx, *id, *state),
        Effect::NoVm(id) => vm::remove(tx, *id),
        Effect::Grown(id) => disk::settle(tx, *id, true),
        Effect::Settled(id) => disk::settle(tx, *id, false),
        Effect::Size(id, size) => disk::set_size(tx, *id, *size).map(drop),
        Effect::NoDisk(id) => disk::remove(tx, *id),
        Effect::Request { id, to, reason, actor } => request::set_state(tx, id, *to, reason.as_deref(), *actor),
        Effect::NoRequested(id) => vm::remove_requested(tx, id),
    }
}
