//! Machines.

use std::sync::Arc;

use async_trait::async_trait;

use super::record::vm::{accept_definition, by_id, insert_adopted, refuse_while_changed, required, row, shown, update};
use super::record::{job, user};
use super::state::State;
use super::store::Store;
use super::table::{fits, page};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AcceptedDefinition, Adoption, AuditEntry, Facts, JobId, NewJob, Observation, ObservedStates, Revision, Subject,
    Timestamp, UserId, Vm, VmChange, VmFilter, VmId, VmName, VmStatus,
};
use crate::repository::rules::{expected, now};
use crate::repository::{VmRepository, refusal};

#[async_trait]
impl VmRepository for Store {
    async fn by_id(&self, id: VmId) -> Result<Option<Vm>> {
        Ok(self.read(|state| by_id(state, id)))
    }

    async fn by_name(&self, name: &VmName) -> Result<Option<Vm>> {
        Ok(self.read(|state| shown(state, &state.vms.find(|row| row.vm.name == *name)?.vm)))
    }

    async fn list(&self, filter: &VmFilter) -> Result<Vec<Vm>> {
        Ok(self.read(|state| {
            let vms = listed(state, filter).filter(|vm| fits(filter.status.as_ref(), &vm.status));
            page(vms.filter_map(|vm| shown(state, vm)), filter.limit)
        }))
    }

    async fn list_seen(&self, filter: &VmFilter, seen: Arc<ObservedStates>) -> Result<Vec<Vm>> {
        Ok(self.read(|state| {
            let as_seen = |vm: &Vm| Some(shown(state, vm)?.with_state(seen.of(&vm.uuid)));
            let vms = listed(state, filter).filter_map(as_seen);
            page(vms.filter(|vm| fits(filter.status.as_ref(), &vm.status)), filter.limit)
        }))
    }

    async fn count(&self) -> Result<Vec<(VmStatus, u64)>> {
        Ok(self.read(|state| {
            let number = |status| state.vms.values().filter(|row| row.vm.status == status).count() as u64;
            VmStatus::ALL.iter().map(|status| (*status, number(*status))).filter(|(_, number)| *number > 0).collect()
        }))
    }

    async fn observe(&self, seen: Vec<Observation>) -> Result<()> {
        self.write(|state| {
            let at = now();
            for seen in seen.iter().filter(|seen| seen.state.status != VmStatus::Request) {
                state.vms.change_if(
                    |row| row.vm.uuid == seen.uuid && is_news(&row.vm, seen),
                    |row| {
                        observe(&mut row.vm, seen, at);
                    },
                );
            }
            Ok(())
        })
    }

    async fn adopt(&self, adoption: Adoption, job: NewJob, audit: AuditEntry) -> Result<(Vm, JobId)> {
        self.change(&audit, |state| {
            let name = adoption.name.clone();
            let id = insert_adopted(state, adoption)?;
            let job = job::insert(state, &job, Subject::Vm(id), name.as_str(), None)?;
            Ok((required(state, id)?, job))
        })
    }

    async fn definition(&self, id: VmId) -> Result<Option<Facts>> {
        self.read(|state| {
            let row = state.vms.get(&id).ok_or_else(|| Error::not_found(Kind::Vm, id))?;
            Ok(row.definition.clone())
        })
    }

    async fn keep_definition(&self, id: VmId, facts: Facts) -> Result<()> {
        self.write(|state| {
            row(state, id)?.definition = Some(facts);
            Ok(())
        })
    }

    async fn accept_definition(
        &self,
        id: VmId,
        accepted: AcceptedDefinition,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> Result<Vm> {
        self.change(&audit, |state| {
            let vm = required(state, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            refuse_while_changed(state, &vm)?;
            accept_definition(state, &vm, accepted)?;
            required(state, id)
        })
    }

    async fn update(&self, id: VmId, change: VmChange, expect: Option<Revision>, audit: AuditEntry) -> Result<Vm> {
        self.change(&audit, |state| {
            let vm = required(state, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            update(state, &vm, change)?;
            required(state, id)
        })
    }

    async fn start_delete(&self, id: VmId, job: NewJob, expect: Option<Revision>, audit: AuditEntry) -> Result<JobId> {
        self.change(&audit, |state| {
            let vm = required(state, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            if vm.status == VmStatus::Request && !vm.adopted && !job::is_stuck_making(state, vm.id) {
                return Err(refusal::vm_not_made(&vm.name));
            }
            refuse_while_changed(state, &vm)?;
            job::insert(state, &job, Subject::Vm(id), vm.name.as_str(), None)
        })
    }
}

/// Returns the machines that meet every condition but the one on the status, in order of id.
fn listed<'a>(state: &'a State, filter: &'a VmFilter) -> impl Iterator<Item = &'a Vm> {
    let VmFilter { user, group_name, status: _, request, os, name_prefix, after, limit: _ } = filter;
    // A name that no account has is that of no machine's either.
    let user: Option<Option<UserId>> = user.as_ref().map(|name| user::by_name(state, name).map(|user| user.id));
    state.vms.values().map(|row| &row.vm).filter(move |vm| {
        user.is_none_or(|user| user == Some(vm.user))
            && (group_name.is_none() || vm.group_name == *group_name)
            && (request.is_none() || vm.request == *request)
            && (os.is_none() || vm.os == *os)
            && name_prefix.as_ref().is_none_or(|prefix| vm.name.as_str().starts_with(prefix.as_str()))
            && after.is_none_or(|after| vm.id > after)
    })
}

/// Returns whether a sight of a machine changes its record.
fn is_news(vm: &Vm, seen: &Observation) -> bool {
    let Observation { uuid: _, state, ip, run } = seen;
    let requested = vm.status == VmStatus::Request;
    let runs = matches!(state.status, VmStatus::On | VmStatus::Paused);
    let other_state = !requested && (vm.status, vm.status_reason) != (state.status, state.reason);
    let other_run = (run.is_some() && vm.run != *run) || (requested && vm.on_since.is_none());
    other_state || (!vm.ip_fixed && ip.is_some() && vm.ip != *ip) || (runs && other_run)
}

/// A pause does not end a run. While the state is unknown, the run that was seen last is kept, in case it is found
/// again.
fn observe(vm: &mut Vm, seen: &Observation, at: Timestamp) {
    let Observation { uuid: _, state, ip, run } = *seen;
    let is_off = |status| matches!(status, VmStatus::Off | VmStatus::Saved);
    let other_run = vm.run.zip(run).is_some_and(|(before, run)| before != run);
    vm.on_since = match state.status {
        status if is_off(status) => None,
        VmStatus::Unknown => vm.on_since,
        _ if is_off(vm.status) || other_run => Some(at),
        _ if vm.status == VmStatus::Request => vm.on_since.or(Some(at)),
        _ => vm.on_since,
    };
    vm.run = if is_off(state.status) { None } else { run.or(vm.run) };
    if !vm.ip_fixed {
        vm.ip = ip.or(vm.ip);
    }
    if vm.status != VmStatus::Request {
        (vm.status, vm.status_reason) = (state.status, state.reason);
    }
}
