//! Running scripts: what a machine is told, and who tells it.

mod line;
mod runner;

pub(crate) use runner::{KEPT_ALIVE, Task, forget_runs};
