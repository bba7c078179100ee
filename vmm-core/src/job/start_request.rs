//! Starts an approved request, if its plan still holds and still fits.

use super::step::{OnFailure, Planned, Step, step};
use super::step_names;
use crate::error::{Error, Kind, Result};
use crate::model::{JobKind, NewJob, RequestId, RequestState, VmFilter};
use crate::ops::plan_again;
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<StartRequest>] = &[step!("plan-again", StartRequest::plan_again)];

pub(super) struct StartRequest {
    desk: Desk,
    id: RequestId,
}

pub(super) fn load(desk: &Desk, id: &RequestId) -> Planned<StartRequest> {
    let work = StartRequest { desk: desk.clone(), id: id.clone() };
    Planned { work, steps: STEPS, on_failure: OnFailure::Wait }
}

impl StartRequest {
    async fn plan_again(&self) -> Result<()> {
        let requests = self.desk.repository().requests();
        let request = requests.by_id(&self.id).await?.ok_or_else(|| Error::not_found(Kind::Request, &self.id))?;
        if request.state != RequestState::Approved {
            return Ok(());
        }
        match plan_again(&self.desk, &request).await {
            // What is bound is compared, and not the hash of the record: a plan that was hashed in an earlier format holds
            // as it is.
            Ok((plan, misfits)) if plan == request.plan && misfits.is_empty() => {
                requests.start(&self.id, self.jobs().await?).await
            }
            Ok((plan, misfits)) => {
                let reason = returned(&request.plan.differences(&plan), &misfits);
                requests.return_for_approval(&self.id, plan, &reason).await
            }
            Err(error @ Error::Invalid(_)) => {
                requests.fail(&self.id, &format!("the plan does not hold any longer: {error}")).await
            }
            Err(error) => Err(error),
        }
    }

    async fn jobs(&self) -> Result<Vec<NewJob>> {
        let filter = VmFilter { request: Some(self.id.clone()), ..VmFilter::default() };
        let vms = self.desk.repository().vms().list(&filter).await?;
        Ok(vms
            .into_iter()
            .map(|vm| {
                let kind = JobKind::CreateVm(vm.id);
                NewJob { steps: step_names(&kind), kind, title: vm.name.to_string(), request: Some(self.id.clone()) }
            })
            .collect())
    }
}

/// The most machines that a reason names.
const NAMED: usize = 10;

/// Says for people why a request waits for another approval.
fn returned(differences: &[String], misfits: &[String]) -> String {
    let mut reasons = Vec::new();
    if !differences.is_empty() {
        let changed = differences.join(", ");
        reasons.push(format!("the plan changed after it was approved: {changed}; approve it as it is now"));
    }
    if !misfits.is_empty() {
        let named = misfits.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        let others = misfits.len().saturating_sub(NAMED);
        let others = if others > 0 { format!("; so do {others} others") } else { String::new() };
        reasons.push(format!(
            "the plan does not fit any longer: {named}{others}. Approve it when there is room again, or ask for less"
        ));
    }
    reasons.join(". ")
}
