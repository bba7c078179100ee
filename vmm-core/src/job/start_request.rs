//! Starts an approved request, if its plan still holds.

use super::step::{OnFailure, Planned, Step, step};
use super::step_names;
use crate::error::{Error, Kind, Result};
use crate::model::{JobKind, NewJob, Plan, RequestId, RequestState, VmFilter};
use crate::ops::plan;
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
        match plan(&self.desk, &self.id, &request.spec).await {
            Ok(plan) if plan.hash() == request.plan_hash => requests.start(&self.id, self.jobs().await?).await,
            Ok(plan) => {
                let reason = changes(&request.plan, &plan);
                requests.return_for_approval(&self.id, plan, &reason).await
            }
            Err(error @ Error::Invalid(_)) => {
                requests.fail(&self.id, &format!("the plan does not hold any more: {error}")).await
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

/// Says for people what is different about a plan.
fn changes(old: &Plan, new: &Plan) -> String {
    let mut changed = Vec::new();
    if (&old.host, old.host_vcpus, old.host_memory) != (&new.host, new.host_vcpus, new.host_memory) {
        changed.push("the host".to_owned());
    }
    let names = old.vms.iter().zip(&new.vms).filter(|(old, new)| old != new).map(|(_, new)| new.name.to_string());
    changed.extend(names.take(10));
    format!("the plan changed after it was approved ({}); approve it as it is now", changed.join(", "))
}
