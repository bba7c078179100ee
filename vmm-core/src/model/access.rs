//! The ways into an account.

use super::{RunId, ScheduleId, TokenName};

/// The ways into an account, and the work that goes on in its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The number of logins.
    pub sessions: u64,
    /// The API tokens, in order of name.
    pub tokens: Vec<TokenName>,
    /// True if there is a code that would bind a chat.
    pub link_code: bool,
    /// The chat that is bound to it.
    pub chat_id: Option<i64>,
    /// Its enabled schedules, in order.
    pub schedules: Vec<ScheduleId>,
    /// Its runs of scripts that have not ended, in order.
    pub runs: Vec<RunId>,
}

/// The access to an account that was ended, and the access that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedAccess {
    /// The access that has ended: logins and tokens that are of no use, schedules that were disabled, runs that are
    /// being cancelled.
    pub ended: Access,
    /// The access that is left.
    pub left: Access,
}
