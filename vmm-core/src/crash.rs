//! Moments at which a test can kill the process or make a step fail: with the feature `crash-points`.

#[cfg(feature = "crash-points")]
use std::path::PathBuf;
#[cfg(feature = "crash-points")]
use std::sync::OnceLock;

#[cfg(feature = "crash-points")]
use crate::error::Error;
use crate::error::Result;

/// The point at which a test stops or kills the process.
#[cfg(feature = "crash-points")]
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The point to halt at, as [`crash_points`](crate::crash_points) names it.
    pub halt_at: Option<String>,
    /// The file that is made when it is reached.
    pub reached: Option<PathBuf>,
    /// The steps that fail, as `kind.step`, or `kind.undo-step` for one whose undoing fails, with commas between.
    pub fail_at: Option<String>,
}

#[cfg(feature = "crash-points")]
static PLAN: OnceLock<Plan> = OnceLock::new();

/// Says once for the process what is to happen.
#[cfg(feature = "crash-points")]
pub fn arm(plan: Plan) {
    // A second call changes nothing; a test process has one plan.
    let _ = PLAN.set(plan);
}

/// Every point of a rotation of the master key, in order.
#[cfg(feature = "crash-points")]
pub fn rotation_points() -> [String; 3] {
    ["written", "sealed", "replaced"].map(|moment| name("rotate", "key", moment))
}

/// Every point of a schedule's firing, in order: its moment has come; moments that were missed are recorded; the run is
/// recorded; it has begun; it is about to be recorded that none begins.
#[cfg(feature = "crash-points")]
pub fn firing_points() -> [String; 5] {
    ["due", "missed", "recorded", "begun", "refused"].map(|moment| name("schedule", "fire", moment))
}

/// Every point of trying a stuck job again and of closing one, in order.
#[cfg(feature = "crash-points")]
pub fn stuck_points() -> [String; 4] {
    [("retry", "begun"), ("retry", "recorded"), ("close", "begun"), ("close", "recorded")]
        .map(|(step, moment)| name("stuck", step, moment))
}

/// Halts for ever if this is the point; the test kills the process then.
#[cfg(feature = "crash-points")]
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

/// Nothing happens without the feature `crash-points`.
#[cfg(not(feature = "crash-points"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
pub(crate) async fn point(_kind: &str, _step: &str, _moment: &str) {}

/// Fails if this is the step to fail.
#[cfg(feature = "crash-points")]
pub(crate) fn fault(kind: &str, step: &str) -> Result<()> {
    let wanted = PLAN.get().and_then(|plan| plan.fail_at.as_deref()).unwrap_or_default();
    if wanted.split(',').any(|wanted| wanted == format!("{kind}.{step}")) {
        return Err(Error::internal("a step that a test wants to fail", "asked for by the test"));
    }
    Ok(())
}

/// No step fails without the feature `crash-points`.
#[cfg(not(feature = "crash-points"))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as with the feature")]
pub(crate) fn fault(_kind: &str, _step: &str) -> Result<()> {
    Ok(())
}

#[cfg(feature = "crash-points")]
/// The name of a point.
pub(crate) fn name(kind: &str, step: &str, moment: &str) -> String {
    format!("{kind}.{step}.{moment}")
}
