//! The buttons of stuck jobs: try again, close.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A step on the way of a stuck job, with the state that it was shown in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JobStep {
    /// Shows all stuck jobs, in place.
    List,
    /// Shows a job's card, in place.
    Show { job: i64 },
    /// Tries a job again.
    Retry { job: i64 },
    /// Asks whether to close a job, in place.
    AskClose { job: i64 },
    /// Closes a job.
    Close { job: i64 },
}

impl JobStep {
    /// Returns how long its button works.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::List | Self::Show { .. } | Self::Retry { .. } | Self::AskClose { .. } => {
                Duration::from_secs(24 * 3600)
            }
            // Who comes back later does not remember what the question was.
            Self::Close { .. } => Duration::from_secs(2 * 60),
        }
    }
}
