//! Tasks over which a process of vmm was killed.

use super::errand::{self, Shown};
use super::script;
use crate::talk::dialogue::{RunWish, Task};
use crate::talk::reply::Reply;

/// Renders a task over which a process of vmm was killed.
pub(crate) fn interrupted(task: &Task) -> Reply {
    match task.clone() {
        Task::Errand { vm, errand } => errand::interrupted(&Shown { vm, errand }),
        Task::Run { wish: RunWish::Script { name, .. } } => script::interrupted(&format!("running {name}")),
        Task::Run { wish: RunWish::Again { run } } => script::interrupted(&format!("repeating run {run}")),
    }
}
