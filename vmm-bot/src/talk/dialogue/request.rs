//! The actions of buttons about requests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::transport::file::Document;

/// A step on the way of a request, with the state that it was shown in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RequestStep {
    /// Submits the CSV that was uploaded. Telegram keeps it, and what it keeps never changes.
    Submit { id: String, description: String, document: Document },
    /// Leaves what was uploaded.
    Discard,
    /// Shows a request's card, in place.
    Show { id: String },
    /// Approves exactly this plan.
    Approve { id: String, plan: String },
    /// Asks why, and then rejects.
    Reject { id: String },
    /// Takes a request back.
    Cancel { id: String },
}

impl RequestStep {
    /// Returns how long its button works.
    pub(crate) fn lifetime(&self) -> Duration {
        let days = match self {
            Self::Submit { .. } | Self::Discard => 1,
            // An admin may be away for a while.
            Self::Show { .. } | Self::Approve { .. } | Self::Reject { .. } | Self::Cancel { .. } => 30,
        };
        Duration::from_secs(days * 24 * 3600)
    }
}
