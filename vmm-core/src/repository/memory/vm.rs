//! Machines.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::state::{State, VmRow};
use super::store::Store;
use super::table::{fits, page};
use super::{disk, history, job, os, user};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AcceptedDefinition, Adoption, AuditEntry, DiskRole, Facts, JobId, MacAddress, NewJob, PlannedVm, RequestId,
    Revision, Seen, SeenStates, Subject, Timestamp, User, UserId, Vm, VmChange, VmFilter, VmId, VmName, VmState,
    VmStatus,
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

    async fn list_seen(&self, filter: &VmFilter, seen: Arc<SeenStates>) -> Result<Vec<Vm>> {
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

    async fn observe(&self, seen: Vec<Seen>) -> Result<()> {
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

/// Adds a planned machine, with the status `request`, and its disks.
pub(super) fn insert(
    state: &mut State,
    request: &RequestId,
    user: &User,
    planned: &PlannedVm,
    at: Timestamp,
) -> Result<()> {
    let ip = planned.ip.map(IpAddr::V4);
    refuse_taken(state, &planned.name, planned.uuid, planned.mac, ip)?;
    let id = VmId(state.vms.next_id());
    let vm = Vm {
        id,
        user: user.id,
        user_name: user.name.clone(),
        group_name: planned.group_name.clone(),
        name: planned.name.clone(),
        hostname: planned.hostname.clone(),
        ip,
        ip_fixed: ip.is_some(),
        vcpu: planned.vcpu,
        memory: planned.memory,
        os: Some(planned.os),
        status: VmStatus::Request,
        status_reason: None,
        on_since: None,
        run: None,
        uuid: planned.uuid,
        mac: planned.mac,
        host_key: planned.host_key.clone(),
        login: planned.login.clone(),
        adopted: false,
        request: Some(request.clone()),
        description: planned.description.clone(),
        revision: Revision(1),
        created_at: at,
    };
    state.vms.insert(id, VmRow { vm, definition: None });
    planned.disks.iter().try_for_each(|disk| disk::insert(state, id, &planned.name, disk).map(drop))
}

fn insert_adopted(state: &mut State, adoption: Adoption) -> Result<VmId> {
    let Adoption { uuid, user, group_name, name, hostname, ip, vcpu, memory, os, mac, host_key, login, .. } = adoption;
    let user_name = user::required(state, user)?.name.clone();
    os.map_or(Ok(()), |os| os::required(state, os).map(drop))?;
    refuse_taken(state, &name, uuid, mac, ip)?;
    let id = VmId(state.vms.next_id());
    for (index, (size, path)) in adoption.disks.into_iter().enumerate() {
        let role = if index == 0 { DiskRole::System } else { DiskRole::Data };
        disk::insert_foreign(state, id, &name, role, size, path);
    }
    let vm = Vm {
        id,
        user,
        user_name,
        group_name,
        name,
        hostname,
        ip,
        ip_fixed: ip.is_some(),
        vcpu,
        memory,
        os,
        status: VmStatus::Request,
        status_reason: None,
        on_since: None,
        run: None,
        uuid,
        mac,
        host_key,
        login,
        adopted: true,
        request: None,
        description: adoption.description,
        revision: Revision(1),
        created_at: now(),
    };
    state.vms.insert(id, VmRow { vm, definition: None });
    Ok(id)
}

/// Returns the machines of a request, in order of id.
pub(super) fn of_request(state: &State, request: &RequestId) -> Vec<(VmId, VmName)> {
    let of_request = state.vms.values().map(|row| &row.vm).filter(|vm| vm.request.as_ref() == Some(request));
    of_request.map(|vm| (vm.id, vm.name.clone())).collect()
}

/// Removes the machines of a request that do not exist yet, and thereby frees their names.
pub(super) fn remove_requested(state: &mut State, request: &RequestId) {
    let requested = |row: &VmRow| row.vm.request.as_ref() == Some(request) && row.vm.status == VmStatus::Request;
    state.vms.keys_of(requested).into_iter().for_each(|id| remove(state, id));
}

/// Records the state that a machine was found in, also of one that was only asked for.
pub(super) fn set_state(state: &mut State, id: VmId, found: VmState) {
    if let Some(row) = state.vms.get_mut(&id) {
        (row.vm.status, row.vm.status_reason) = (found.status, found.reason);
    }
}

/// Removes a machine with its disks and its figures.
pub(super) fn remove(state: &mut State, id: VmId) {
    history::remove(state, id);
    state.disks.remove_if(|disk| disk.vm == id);
    state.vms.remove(&id);
}

/// Returns the machine of this id, which must be there.
pub(super) fn required(state: &State, id: VmId) -> Result<Vm> {
    by_id(state, id).ok_or_else(|| Error::not_found(Kind::Vm, id))
}

fn by_id(state: &State, id: VmId) -> Option<Vm> {
    shown(state, &state.vms.get(&id)?.vm)
}

/// Returns a machine with the present name of the account that is responsible for it.
fn shown(state: &State, vm: &Vm) -> Option<Vm> {
    let user_name = user::by_id(state, vm.user)?.name.clone();
    Some(Vm { user_name, ..vm.clone() })
}

fn row(state: &mut State, id: VmId) -> Result<&mut VmRow> {
    state.vms.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Vm, id))
}

fn update(state: &mut State, vm: &Vm, change: VmChange) -> Result<()> {
    let VmChange { user, group_name, description, host_key } = change;
    let user = user.map_or(Ok(vm.user), |user| user::required(state, user).map(|user| user.id))?;
    let kept = &mut row(state, vm.id)?.vm;
    kept.user = user;
    kept.group_name = group_name.unwrap_or_else(|| kept.group_name.take());
    kept.description = description.unwrap_or_else(|| std::mem::take(&mut kept.description));
    if let Some(host_key) = host_key {
        kept.host_key = host_key;
    }
    kept.revision.0 += 1;
    Ok(())
}

fn accept_definition(state: &mut State, vm: &Vm, accepted: AcceptedDefinition) -> Result<()> {
    let AcceptedDefinition { vcpu, memory, mac, paths, facts } = accepted;
    if state.vms.find(|row| row.vm.mac == mac && row.vm.id != vm.id).is_some() {
        return Err(refusal::mac_taken(&vm.name, &mac));
    }
    for (disk, path) in paths {
        disk::set_path(state, disk, path)?;
    }
    let kept = row(state, vm.id)?;
    (kept.vm.vcpu, kept.vm.memory, kept.vm.mac) = (vcpu, memory, mac);
    kept.vm.revision.0 += 1;
    kept.definition = Some(facts);
    Ok(())
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
fn is_news(vm: &Vm, seen: &Seen) -> bool {
    let Seen { uuid: _, state, ip, run } = seen;
    let requested = vm.status == VmStatus::Request;
    let runs = matches!(state.status, VmStatus::On | VmStatus::Paused);
    let other_state = !requested && (vm.status, vm.status_reason) != (state.status, state.reason);
    let other_run = (run.is_some() && vm.run != *run) || (requested && vm.on_since.is_none());
    other_state || (!vm.ip_fixed && ip.is_some() && vm.ip != *ip) || (runs && other_run)
}

/// A pause does not end a run. While the state is unknown, the run that was seen last is kept, in case it is found again.
fn observe(vm: &mut Vm, seen: &Seen, at: Timestamp) {
    let Seen { uuid: _, state, ip, run } = *seen;
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

/// Two jobs never work on one machine at once.
pub(super) fn refuse_while_changed(state: &State, vm: &Vm) -> Result<()> {
    job::open_on_vm(state, vm.id).map_or(Ok(()), |job| Err(refusal::vm_occupied(&vm.name, job)))
}

/// Refuses a new machine of whose unique values one is taken, and says by whose machine.
fn refuse_taken(state: &State, name: &VmName, uuid: Uuid, mac: MacAddress, ip: Option<IpAddr>) -> Result<()> {
    let holder = |is: &dyn Fn(&Vm) -> bool| state.vms.values().map(|row| &row.vm).find(|vm| is(vm));
    let values = [
        ("name", name.to_string(), holder(&|vm| vm.name == *name)),
        (
            "address",
            ip.map(|ip| ip.to_string()).unwrap_or_default(),
            holder(&|vm| ip.is_some() && vm.ip_fixed && vm.ip == ip),
        ),
        ("hardware address", mac.to_string(), holder(&|vm| vm.mac == mac)),
        ("domain id", uuid.to_string(), holder(&|vm| vm.uuid == uuid)),
    ];
    for (what, value, holder) in values {
        if let Some(holder) = holder {
            let owner = user::required(state, holder.user)?;
            return Err(refusal::vm_value_taken(name, what, value, &holder.name, &owner.name));
        }
    }
    Ok(())
}
