//! The desk in figures.

use crate::desk::{Health, Vmm};
use crate::error::Result;
use crate::model::{AuditHead, Budget, JobState, VmStatus};
use crate::policy::{Action, Actor, Target};

/// The desk in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeskStatistics {
    /// The number of jobs that are in each state.
    pub jobs: Vec<(JobState, u64)>,
    /// The number of machines that have each status.
    pub vms: Vec<(VmStatus, u64)>,
    /// The number of times that each budget was refused since the process began.
    pub refusals: Vec<(Budget, u64)>,
    /// The amount of each budget that all accounts hold together in this process. What is stored is not counted.
    pub taken: Vec<(Budget, u64)>,
    /// The health of the parts of the desk.
    pub health: Health,
    /// The newest audit row.
    pub audit: AuditHead,
}

impl Vmm {
    /// Counts what there is, and asks every part whether it answers.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, `Unavailable` if the database does not answer.
    pub async fn statistics(&self, actor: &Actor) -> Result<DeskStatistics> {
        let desk = self.read(actor, Action::StatisticsRead, &Target::none())?;
        let (jobs, vms) = (desk.repository().jobs().count().await?, desk.repository().vms().count().await?);
        let jobs = every(JobState::ALL, &jobs);
        let health = self.health().await;
        let vms = every(VmStatus::ALL, &if desk.observed_states().await.answered() { vms } else { unknown(&vms) });
        let audit = desk.repository().audit().head().await?;
        let (refusals, taken) = (desk.budgets().refusals(), desk.budgets().taken());
        Ok(DeskStatistics { jobs, vms, refusals, taken, health, audit })
    }
}

/// Returns the counts of machines whose host does not answer: that they were asked for, or nothing.
fn unknown(vms: &[(VmStatus, u64)]) -> Vec<(VmStatus, u64)> {
    let of =
        |wanted: bool| vms.iter().filter(|(status, _)| (*status == VmStatus::Request) == wanted).map(|(_, n)| n).sum();
    vec![(VmStatus::Request, of(true)), (VmStatus::Unknown, of(false))]
}

/// Returns the counts with zero for every key that has none.
fn every<T: Copy + PartialEq>(all: &[T], counted: &[(T, u64)]) -> Vec<(T, u64)> {
    let number = |word: &T| counted.iter().find(|(counted, _)| counted == word).map_or(0, |(_, number)| *number);
    all.iter().map(|word| (*word, number(word))).collect()
}
