//! Records of machines.

use std::net::IpAddr;

use uuid::Uuid;

use super::super::history;
use super::super::state::{State, VmRow};
use super::{disk, job, os, user};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AcceptedDefinition, Adoption, DiskRole, MacAddress, PlannedVm, RequestId, Revision, Timestamp, User, Vm, VmChange,
    VmId, VmName, VmState, VmStatus,
};
use crate::repository::refusal;
use crate::repository::rules::now;

/// Adds a planned machine, with the status `request`, and its disks.
pub(in super::super) fn insert(
    state: &mut State,
    request: &RequestId,
    user: &User,
    planned: &PlannedVm,
    at: Timestamp,
) -> Result<()> {
    let ip = planned.ip.map(IpAddr::V4);
    refuse_taken(state, &planned.name, planned.uuid, planned.mac, ip)?;
    let id = VmId(state.vms.next_id());
    let vm = planned.record(id, request, (user.id, user.name.clone()), at);
    state.vms.insert(id, VmRow { vm, definition: None });
    planned.disks.iter().try_for_each(|disk| disk::insert(state, id, &planned.name, disk).map(drop))
}

pub(in super::super) fn insert_adopted(state: &mut State, adoption: Adoption) -> Result<VmId> {
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
pub(in super::super) fn of_request(state: &State, request: &RequestId) -> Vec<(VmId, VmName)> {
    let of_request = state.vms.values().map(|row| &row.vm).filter(|vm| vm.request.as_ref() == Some(request));
    of_request.map(|vm| (vm.id, vm.name.clone())).collect()
}

/// Removes the machines of a request that do not exist yet, and thereby frees their names.
pub(in super::super) fn remove_requested(state: &mut State, request: &RequestId) {
    let requested = |row: &VmRow| row.vm.request.as_ref() == Some(request) && row.vm.status == VmStatus::Request;
    state.vms.keys_of(requested).into_iter().for_each(|id| remove(state, id));
}

/// Records the state that a machine was found in, also of one that was only asked for.
pub(in super::super) fn set_state(state: &mut State, id: VmId, found: VmState) {
    if let Some(row) = state.vms.get_mut(&id) {
        (row.vm.status, row.vm.status_reason) = (found.status, found.reason);
    }
}

/// Removes a machine with its disks and its figures.
pub(in super::super) fn remove(state: &mut State, id: VmId) {
    history::remove(state, id);
    state.disks.remove_if(|disk| disk.vm == id);
    state.vms.remove(&id);
}

/// Returns the machine of this id, which must be there.
pub(in super::super) fn required(state: &State, id: VmId) -> Result<Vm> {
    by_id(state, id).ok_or_else(|| Error::not_found(Kind::Vm, id))
}

pub(in super::super) fn by_id(state: &State, id: VmId) -> Option<Vm> {
    shown(state, &state.vms.get(&id)?.vm)
}

/// Returns a machine with the present name of the account that is responsible for it.
pub(in super::super) fn shown(state: &State, vm: &Vm) -> Option<Vm> {
    let user_name = user::by_id(state, vm.user)?.name.clone();
    Some(Vm { user_name, ..vm.clone() })
}

pub(in super::super) fn row(state: &mut State, id: VmId) -> Result<&mut VmRow> {
    state.vms.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Vm, id))
}

pub(in super::super) fn update(state: &mut State, vm: &Vm, change: VmChange) -> Result<()> {
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

pub(in super::super) fn accept_definition(state: &mut State, vm: &Vm, accepted: AcceptedDefinition) -> Result<()> {
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

/// Two jobs never work on one machine at once.
pub(in super::super) fn refuse_while_changed(state: &State, vm: &Vm) -> Result<()> {
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
