//! The load of a machine.

use std::time::Duration;

use vmm_core::Result;
use vmm_core::model::VmName;

use crate::talk::context::Context;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render;
use crate::talk::reply::Place;

/// The time that a picture of a machine's load covers.
const HISTORY: Duration = Duration::from_secs(3600);

/// Shows a machine's figures, under a picture of its last hour.
pub(super) async fn show(context: &Context, asked: &Asked, name: &VmName) -> Result<Answer> {
    let (now, history) = context.vmm.monitor_with_history(&asked.actor, name, HISTORY).await?;
    let picture = tokio::task::spawn_blocking(move || render::plot::png(&history)).await;
    let picture = picture.unwrap_or_else(|error| {
        tracing::error!(%error, "a picture could not be drawn");
        None
    });
    Ok(Answer::at(Place::New, render::monitor::figures(&now, picture)))
}
