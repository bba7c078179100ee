//! The check that a plan still fits on its host.
//!
//! A host's resources vary by themselves, so an approval does not bind them: it is checked when the plan is carried
//! out. What was enough when the plan was made, and is not enough now, stands in the way. What an approver was warned
//! of does not.

use crate::model::{HostFigures, Plan, PlannedVm};

/// Says for people why a plan that was made on a host with the figures `then` does not fit on it with the figures of
/// `plan`. Empty if it fits. `memory_taken` is the memory of machines that are not of the plan, in MiB.
pub(super) fn misfits(plan: &Plan, then: &HostFigures, memory_taken: u64) -> Vec<String> {
    let mut found: Vec<_> = plan.vms.iter().filter_map(|vm| alone(vm, then, &plan.seen)).collect();
    if found.is_empty() {
        found.extend(together(plan, then, memory_taken));
        found.extend(disks(plan, then));
        found.extend(addresses(plan, then));
    }
    found
}

/// Returns the need of one machine that its host cannot meet, whatever else runs there.
fn alone(vm: &PlannedVm, then: &HostFigures, now: &HostFigures) -> Option<String> {
    if vm.vcpu > now.vcpus {
        let HostFigures { vcpus, .. } = then;
        let (name, needs, has) = (&vm.name, vm.vcpu, now.vcpus);
        return Some(format!(
            "{name} needs {needs} processors; the host had {vcpus} when it was planned and has {has} now"
        ));
    }
    if u64::from(vm.memory) > now.memory {
        let HostFigures { memory, .. } = then;
        let (name, needs, has) = (&vm.name, vm.memory, now.memory);
        return Some(format!(
            "{name} needs {needs} MiB of memory; the host had {memory} MiB when it was planned and has {has} MiB now"
        ));
    }
    None
}

fn together(plan: &Plan, then: &HostFigures, taken: u64) -> Option<String> {
    let needed = taken + plan.memory();
    if needed > then.memory || needed <= plan.seen.memory {
        return None;
    }
    let first = first_beyond(plan, plan.seen.memory.saturating_sub(taken), |vm| u64::from(vm.memory))?;
    Some(format!(
        "from {} on all machines together need up to {needed} MiB of memory; the host had {} MiB when it was planned and \
         has {} MiB now",
        first.name, then.memory, plan.seen.memory
    ))
}

fn disks(plan: &Plan, then: &HostFigures) -> Option<String> {
    let needed = plan.disk();
    if needed > then.disk_free || needed <= plan.seen.disk_free {
        return None;
    }
    let first = first_beyond(plan, plan.seen.disk_free, |vm| vm.disks.iter().map(|disk| u64::from(disk.size)).sum())?;
    Some(format!(
        "from {} on the disks need up to {needed} GiB; the pool had {} GiB free when it was planned and has {} GiB now",
        first.name, then.disk_free, plan.seen.disk_free
    ))
}

fn addresses(plan: &Plan, then: &HostFigures) -> Option<String> {
    let now = u64::from(plan.seen.addresses_free?);
    if plan.dynamic_addresses() <= now {
        return None;
    }
    let first = first_beyond(plan, now, |vm| u64::from(vm.ip.is_none()))?;
    let had = then.addresses_free.map_or_else(|| "an unknown number".to_owned(), |free| free.to_string());
    Some(format!(
        "from {} on no address is free; the network had {had} free when it was planned and has {now} now",
        first.name
    ))
}

/// The first machine with which the machines together need more than there is.
fn first_beyond(plan: &Plan, there_is: u64, need: impl Fn(&PlannedVm) -> u64) -> Option<&PlannedVm> {
    let mut sum = 0;
    plan.vms.iter().find(|vm| {
        sum += need(vm);
        sum > there_is
    })
}
