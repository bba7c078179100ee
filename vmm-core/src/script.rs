//! Running scripts: what a machine is told, and who tells it.

mod firing;
mod line;
mod runner;

pub(crate) use firing::{crash_point, fire_schedules};
pub(crate) use runner::{KEPT_ALIVE, Runs, Task};
