//! An errand on one machine while it goes on, and the live message that shows how far it is.

use std::sync::Arc;

use vmm_core::model::VmName;

use crate::talk::context::Context;
use crate::talk::exchange::{Asked, work_name};
use crate::talk::render;
use crate::talk::render::errand::{Shown, SoFar};
use crate::talk::reply::{Place, Reply};

/// An errand on a machine, who asked for it, and what its live message shows.
pub(super) struct ErrandWork {
    pub(super) context: Arc<Context>,
    pub(super) asked: Asked,
    pub(super) vm: VmName,
    pub(super) shown: Shown,
}

/// The end of an errand: the last text of its live message, and a message with a file if there is one.
pub(super) type Ended = (Reply, Option<Reply>);

impl ErrandWork {
    /// Renders the errand while it goes on.
    pub(super) fn running(&self, so_far: &SoFar) -> Reply {
        render::errand::running(&self.shown, so_far, self.asked.update)
    }

    /// Shows a reply as the live message of the errand. A failure is logged, and the errand goes on.
    pub(super) async fn show(&self, reply: Reply) {
        let place = Place::Live(work_name(self.asked.update));
        if let Err(error) = self.context.show(&self.asked, place, reply).await {
            tracing::warn!(%error, "the progress of an errand is not shown for now");
        }
    }
}
