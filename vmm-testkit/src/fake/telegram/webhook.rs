//! The webhook that a bot has set, and the tries to post to it.

use std::collections::{HashMap, HashSet};

use reqwest::Url;
use tokio::time::Instant;

/// A try to post an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The update's number.
    pub update: u32,
    /// The status of the answer; `None` if it was not, or the answer was lost.
    pub status: Option<u16>,
}

/// A webhook as it was set, and how posting to it goes.
pub(super) struct Webhook {
    pub(super) url: Url,
    pub(super) secret: String,
    pub(super) at_once: i64,
    /// Tells what was set now from what was set before.
    pub(super) number: usize,
    /// Chats of which an update is under way.
    pub(super) busy: HashSet<Option<i64>>,
    /// Updates that failed: how often, and until when they are left alone.
    pub(super) failed: HashMap<u32, (u32, Instant)>,
    pub(super) last_error: Option<(i64, String)>,
}
