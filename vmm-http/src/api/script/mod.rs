//! Named scripts, their runs and schedules.

pub(super) mod run;
pub(super) mod run_watch;
pub(super) mod schedule;
#[expect(clippy::module_inception, reason = "the folder is the subject, and the file the resource")]
pub(super) mod script;
