//! Starts an approved request, if its plan still holds and still fits.

use async_trait::async_trait;

use super::create_vm::CreateVm;
use crate::desk::{Desk, plan_again};
use crate::error::{Error, Kind, Result};
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{NewJob, RequestId, RequestState};

/// Plans an approved request again, and starts a job for each of its machines.
pub(crate) struct StartRequest;

#[async_trait]
impl job::Kind for StartRequest {
    type On = RequestId;
    type Work = Start;

    const WORD: &'static str = "start-request";
    const STEPS: &'static [Step<Start>] = &[step!("plan-again", Start::plan_again)];
    const ON_FAILURE: OnFailure = OnFailure::Wait;

    async fn load(desk: &Desk, id: RequestId) -> Result<Start> {
        Ok(Start { desk: desk.clone(), id })
    }
}

/// A request.
pub(crate) struct Start {
    desk: Desk,
    id: RequestId,
}

impl Start {
    async fn plan_again(&self) -> Result<()> {
        let requests = self.desk.repository().requests();
        let request = requests.by_id(&self.id).await?.ok_or_else(|| Error::not_found(Kind::Request, &self.id))?;
        if request.state != RequestState::Approved {
            return Ok(());
        }
        match plan_again(&self.desk, &request).await {
            // What is bound is compared, and not the hash of the record: a plan that was hashed in an earlier format
            // holds as it is.
            Ok((plan, misfits)) if plan == request.plan && misfits.is_empty() => {
                requests.start(&self.id, NewJob::of::<CreateVm>()).await
            }
            Ok((plan, misfits)) => {
                let reason = returned(&request.plan.differences(&plan), &misfits);
                requests.return_for_approval(&self.id, plan, &reason).await
            }
            Err(error @ Error::Invalid(_)) => {
                requests.fail(&self.id, &format!("the plan is no longer possible: {error}")).await
            }
            Err(error) => Err(error),
        }
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
            "the machines no longer fit on the host: {named}{others}. Approve the request when there is room again, or \
             ask for less"
        ));
    }
    reasons.join(". ")
}
