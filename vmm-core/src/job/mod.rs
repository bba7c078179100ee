//! Long operations that survive the process.
//!
//! A job is a list of steps. What is about to happen to a step is written before it happens, every step may be done
//! or undone twice, and every id and name that a step uses is derived from the records. So whatever point a process
//! dies at, the next one reads the log and goes on: forward from the first step that is not done, or, once undoing has
//! begun, backward.
//!
//! Invariants:
//! - Only the holder of the lease moves jobs.
//! - A step acts on things named by its own machine's records and never on what it finds by searching.
//! - Undoing never gives up silently: what cannot be undone leaves the job `stuck`, with the reason.

mod kind;
pub(crate) mod kinds;
#[cfg(feature = "crash-points")]
mod points;
mod readiness;
mod runner;
pub(crate) mod step;

pub(crate) use kind::{AnyKind, Kind};
#[cfg(feature = "crash-points")]
pub use points::crash_points;
pub(crate) use runner::{Order, run};
