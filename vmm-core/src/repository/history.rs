//! The measured history of machines, in a store.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Look, Sample, Timestamp, VmId};

/// The number of looks at the host that are kept, the newest ones: those of an hour at one every ten seconds, and the
/// one before.
pub const KEPT_LOOKS: u32 = 361;
/// The time that a look is kept.
pub const LOOK_LIFETIME: Duration = Duration::from_secs(3600 + 60);

/// Figures of the last hour, which vmm sees by itself; hence no audit rows. They go with their machine.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HistoryRepository: Send + Sync {
    /// Records a look, and forgets all but the newest [`KEPT_LOOKS`], those that are older than it by
    /// [`LOOK_LIFETIME`], and those that are not older than it, which another clock dated. Samples of machines that are
    /// not there are left out.
    async fn record(&self, look: Look) -> Result<()>;
    /// The samples of a machine that are not older than a moment, each with its moment, oldest first.
    async fn of_vm(&self, vm: VmId, since: Timestamp) -> Result<Vec<(Timestamp, Sample)>>;
}
