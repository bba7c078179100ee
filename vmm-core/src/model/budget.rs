//! Budgets: the share of one account in a resource that all accounts use.

use std::num::NonZero;
use std::time::Duration;

use super::named;

named!(
    /// Something of which every account has a share.
    Budget {
        /// Requests to the API that are being answered and wait for no machine.
        Requests = "requests",
        /// Requests of these that are worked on at this moment. The others wait for their turn.
        Turns = "turns",
        /// Bytes of request bodies that are held in memory.
        Bodies = "bodies",
        /// Sign-ins that are being checked. Their holder is the address that they come from.
        SignIns = "sign-ins",
        /// Bytes of the bodies of sign-ins that are held in memory. Their holder is the address that they come from.
        SignInBodies = "sign-in-bodies",
        /// Changes of passwords that are being checked.
        PasswordChanges = "password-changes",
        /// Calls that end logins and tokens.
        Revocations = "revocations",
        /// Event streams that are open.
        Streams = "streams",
        /// Files that are on their way into a file area.
        Uploads = "uploads",
        /// Calls that wait for a machine: commands, transfers, host keys, monitors.
        MachineCalls = "machine-calls",
        /// Machines that calls work on over SSH at this moment.
        Sessions = "sessions",
        /// Runs of scripts that have begun and not ended.
        Runs = "runs",
        /// Machines that scripts run on at this moment.
        RunPlaces = "run-places",
        /// Scripts that run on one machine at this moment. Their holder is the machine.
        MachineRuns = "runs-on-a-machine",
        /// Files in a file area.
        Files = "files",
        /// Bytes in a file area, those of files on their way into it included.
        StoredBytes = "stored-bytes",
        /// Scripts.
        Scripts = "scripts",
        /// Bytes of the texts of scripts, kept versions included.
        ScriptBytes = "script-bytes",
        /// Requests for machines that are not decided on, or being carried out.
        OpenRequests = "open-requests",
    }
);

impl Budget {
    /// Returns the plural of what the budget counts, to be written behind a number.
    pub fn counts(self) -> &'static str {
        match self {
            Self::Requests => "requests in progress",
            Self::Turns => "requests worked on at this moment",
            Self::Bodies => "bytes of request bodies on their way",
            Self::SignIns => "sign-ins in progress",
            Self::SignInBodies => "bytes of sign-ins on their way",
            Self::PasswordChanges => "password changes in progress",
            Self::Revocations => "revocations in progress",
            Self::Streams => "open event streams",
            Self::Uploads => "files on their way",
            Self::MachineCalls => "calls waiting for machines",
            Self::Sessions => "machines worked on over SSH",
            Self::Runs => "runs in progress",
            Self::RunPlaces => "machines that scripts run on",
            Self::MachineRuns => "scripts running on this machine",
            Self::Files => "files",
            Self::StoredBytes => "bytes of files, those on their way included",
            Self::Scripts => "scripts",
            Self::ScriptBytes => "bytes of scripts, their kept versions included",
            Self::OpenRequests => "open requests for machines",
        }
    }

    /// Returns the advice that makes room in the budget.
    fn relief(self) -> &'static str {
        match self {
            Self::Files | Self::StoredBytes | Self::Scripts | Self::ScriptBytes => "delete some",
            Self::OpenRequests => "cancel one, or wait until one is done",
            _ => "try again when some have ended",
        }
    }

    /// Returns after how long a refused call may be tried again at the earliest.
    pub(crate) fn retry_after(self) -> Duration {
        Duration::from_secs(if self.is_stored() { 60 } else { 2 })
    }

    /// Returns whether it is counted in the records.
    pub fn is_stored(self) -> bool {
        use Budget::{Files, OpenRequests, ScriptBytes, Scripts, StoredBytes};
        matches!(self, Files | StoredBytes | Scripts | ScriptBytes | OpenRequests)
    }

    /// Returns whether somebody may wait for a place in it.
    pub(crate) fn is_waited_for(self) -> bool {
        matches!(self, Self::Turns | Self::Sessions | Self::RunPlaces | Self::MachineRuns)
    }

    /// Returns the words of a refusal, with the limit and the advice.
    pub(crate) fn told(self, over: Over, limit: u64) -> String {
        let (counts, relief) = (self.counts(), self.relief());
        match over {
            Over::Share => format!("you may have {limit} {counts} at most; {relief}"),
            Over::Everybody => {
                format!("all accounts together have reached the limit of {limit} {counts}; try again in a moment")
            }
        }
    }
}

/// Which limit of a budget stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// The holder's own share.
    Share,
    /// That of all holders together.
    Everybody,
}

/// The limits of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// For one holder.
    pub share: u64,
    /// For all holders together, the eighth that is kept for admins included; `None` without such a limit.
    pub all: Option<u64>,
}

/// The limits of every budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetLimits([Limit; Budget::ALL.len()]);

/// Returns the turns of an account, and of all: half of the processors, and all of them with another one for admins. A
/// computer with one processor counts as one with two, so that an account leaves a turn to the others.
fn turns(processors: usize) -> (u64, u64) {
    let processors = processors.max(2) as u64;
    (processors / 2, processors + 1)
}

impl Default for BudgetLimits {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (turns, all_turns) = turns(processors);
        let mut limits = Self([Limit { share: 0, all: None }; Budget::ALL.len()]);
        for budget in Budget::ALL {
            let (share, all) = match budget {
                Budget::Requests => (32, Some(256)),
                Budget::Turns => (turns, Some(all_turns)),
                Budget::Bodies => (8 << 20, Some(64 << 20)),
                Budget::SignIns => (8, Some(48)),
                Budget::SignInBodies => (1 << 20, Some(8 << 20)),
                Budget::PasswordChanges => (2, Some(16)),
                Budget::Revocations => (2, Some(128)),
                Budget::Streams => (32, Some(256)),
                Budget::Uploads => (8, Some(64)),
                Budget::MachineCalls => (32, Some(256)),
                Budget::Sessions | Budget::RunPlaces => (32, Some(64)),
                Budget::Runs => (128, Some(256)),
                Budget::MachineRuns => (6, None),
                Budget::Files => (500, None),
                Budget::StoredBytes => (10 << 30, None),
                Budget::Scripts => (200, None),
                Budget::ScriptBytes => (64 << 20, None),
                Budget::OpenRequests => (50, None),
            };
            limits.0[*budget as usize] = Limit { share, all };
        }
        limits
    }
}

impl BudgetLimits {
    /// The limit of a budget.
    pub fn get(&self, budget: Budget) -> Limit {
        self.0[budget as usize]
    }

    /// Sets how much of a budget one holder may have.
    pub fn set_share(&mut self, budget: Budget, share: u64) {
        self.0[budget as usize].share = share;
    }

    /// Sets how much of a budget all holders may have together.
    pub fn set_all(&mut self, budget: Budget, all: u64) {
        self.0[budget as usize].all = Some(all);
    }

    /// Returns the limits of an account's records.
    pub(crate) fn stored(&self) -> Stored {
        let share = |budget| self.get(budget).share;
        Stored {
            files: share(Budget::Files),
            file_bytes: share(Budget::StoredBytes),
            scripts: share(Budget::Scripts),
            script_bytes: share(Budget::ScriptBytes),
            open_requests: share(Budget::OpenRequests),
        }
    }
}

/// The amounts that the records hold of an account, or the limits of these amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Files.
    pub files: u64,
    /// The bytes of all files.
    pub file_bytes: u64,
    /// Scripts.
    pub scripts: u64,
    /// The bytes of the texts of all kept versions of scripts.
    pub script_bytes: u64,
    /// Requests that are pending, approved or running.
    pub open_requests: u64,
}

impl Stored {
    /// Returns the stored amount of a budget; nothing of one whose places are held in memory.
    pub fn of(&self, budget: Budget) -> u64 {
        match budget {
            Budget::Files => self.files,
            Budget::StoredBytes => self.file_bytes,
            Budget::Scripts => self.scripts,
            Budget::ScriptBytes => self.script_bytes,
            Budget::OpenRequests => self.open_requests,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_few_processors_there_are_an_account_leaves_a_turn_to_others_and_one_to_admins() {
        for processors in 0..=256 {
            let (share, all) = turns(processors);
            let open_to_users = all - (all / 8).max(1);
            assert!(share > 0 && share < open_to_users, "{processors} processors: {share} of {open_to_users}");
        }
    }
}
