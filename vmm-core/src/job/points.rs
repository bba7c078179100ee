//! The moments of every kind of job at which a test can kill the process.

use super::kinds;
use crate::crash::name;
use crate::model::NewJob;

/// Every point, as `kind.step.moment`, in order.
pub fn crash_points() -> Vec<String> {
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
