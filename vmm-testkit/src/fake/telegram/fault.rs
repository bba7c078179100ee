//! The faults between a bot and Telegram.

/// A fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not done, and answered with this status, 500 to 599.
    ServerError(u16),
    /// It is not done, and for so many seconds neither is anything else in that chat, or by that method if it names
    /// none.
    TooManyRequests {
        /// In seconds.
        retry_after: u32,
    },
    /// It is not done and never answered.
    Hang,
    /// The connection is closed before it is done.
    CutBefore,
    /// It is done, and the connection is closed without an answer.
    CutAfter,
    /// It is done, and the connection is closed in the middle of the answer.
    CutAnswer,
    /// Of `getUpdates`: each update is there twice. Of `webhook`: it is posted twice.
    Twice,
    /// Of `getUpdates`: the newest comes first.
    Reversed,
    /// Of `getUpdates`: those that were confirmed before come again, too.
    Again,
}

/// Decides for the method and the number of a call.
pub(super) type Plan = Box<dyn FnMut(&str, usize) -> Option<Fault> + Send>;

/// The script of what goes wrong.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) next: Vec<(String, Fault)>,
    pub(super) plan: Option<Plan>,
}

impl Faults {
    /// Takes the fault of this call, whose method is given in lower case.
    pub(super) fn take(&mut self, method: &str, number: usize) -> Option<Fault> {
        if let Some(at) = self.next.iter().position(|(name, _)| name == method) {
            return Some(self.next.remove(at).1);
        }
        self.plan.as_mut().and_then(|plan| plan(method, number))
    }
}
