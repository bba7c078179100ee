//! Moments at which a test can kill the process or make a step fail. Only with the feature `crash-points`.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::kinds;
use crate::error::{Error, Result};
use crate::model::NewJob;

/// What a test wants to happen.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The point to halt at, as [`points`] names it.
    pub halt_at: Option<String>,
    /// The file that is made when it is reached.
    pub reached: Option<PathBuf>,
    /// The steps that fail, as `kind.step`, or `kind.undo-step` for one whose undoing fails, with commas between.
    pub fail_at: Option<String>,
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Says once for the process what is to happen.
pub fn arm(plan: Plan) {
    // A second call changes nothing; a test process has one plan.
    let _ = PLAN.set(plan);
}

/// Every point, as `kind.step.moment`, in order.
pub fn points() -> Vec<String> {
    let mut points = Vec::new();
    for kind in kinds::ALL {
        let NewJob { kind, steps, cancellable, .. } = kind.new_job();
        let forward = steps.iter().flat_map(|step| ["begun", "acted", "recorded"].map(|moment| (*step, moment)));
        let finish = ["begun", "recorded"].map(|moment| ("finish", moment));
        let backward =
            steps.iter().rev().flat_map(|step| ["undo-begun", "undone", "undo-recorded"].map(|m| (*step, m)));
        let all = forward.chain(finish).chain(backward.filter(|_| cancellable));
        points.extend(all.map(|(step, moment)| name(kind.as_str(), step, moment)));
    }
    points
}

/// Every point of a rotation of the master key, in order.
pub fn rotation_points() -> [String; 3] {
    ["written", "sealed", "replaced"].map(|moment| name("rotate", "key", moment))
}

/// Every point of a schedule's firing, in order: its moment has come; moments that were missed are recorded; the run is
/// recorded; it has begun; it is about to be recorded that none begins.
pub fn firing_points() -> [String; 5] {
    ["due", "missed", "recorded", "begun", "refused"].map(|moment| name("schedule", "fire", moment))
}

/// Every point of trying a stuck job again and of closing one, in order.
pub fn stuck_points() -> [String; 4] {
    [("retry", "begun"), ("retry", "recorded"), ("close", "begun"), ("close", "recorded")]
        .map(|(step, moment)| name("stuck", step, moment))
}

/// Halts for ever if this is the point; the test kills the process then.
pub async fn point(kind: &str, step: &str, moment: &str) {
    let Some(plan) = PLAN.get() else { return };
    if plan.halt_at.as_deref() != Some(name(kind, step, moment).as_str()) {
        return;
    }
    if let Some(path) = &plan.reached {
        std::fs::write(path, b"").expect("the test gave a path that can be written");
    }
    std::future::pending::<()>().await;
}

/// Fails if this is the step to fail.
pub(super) fn fault(kind: &str, step: &str) -> Result<()> {
    let wanted = PLAN.get().and_then(|plan| plan.fail_at.as_deref()).unwrap_or_default();
    if wanted.split(',').any(|wanted| wanted == format!("{kind}.{step}")) {
        return Err(Error::internal("a step that a test wants to fail", "asked for by the test"));
    }
    Ok(())
}

fn name(kind: &str, step: &str, moment: &str) -> String {
    format!("{kind}.{step}.{moment}")
}
