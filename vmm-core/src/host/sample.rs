//! The figures of a domain that are kept for its history.

use super::{Domain, Statistics};
use crate::model::{Sample, VmId};

/// Returns the figures of a machine's domain; `None` if the domain does not run or was busy when libvirt counted.
pub(crate) fn sample(vm: VmId, domain: &Domain) -> Option<Sample> {
    if !domain.state.has_run() || domain.statistics.cpu_time == 0 {
        return None;
    }
    let Statistics { cpu_time, vcpu, memory_current, memory_unused, memory_resident, disks, interfaces } =
        &domain.statistics;
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.fold(0, u64::saturating_add);
    // A busy domain counts nothing, which would look as if all were counted at once afterwards.
    let counted = |one: u64, other: u64| if (one, other) == (0, 0) { None } else { Some((one, other)) };
    let disk = counted(sum(&mut disks.iter().map(|disk| disk.read)), sum(&mut disks.iter().map(|disk| disk.written)));
    let net = counted(
        sum(&mut interfaces.iter().map(|interface| interface.received)),
        sum(&mut interfaces.iter().map(|interface| interface.sent)),
    );
    Some(Sample {
        vm,
        run: domain.run,
        vcpu: (*vcpu).max(1),
        cpu_time: *cpu_time,
        memory_used: memory_unused.map(|unused| memory_current.saturating_sub(unused)),
        memory_resident: *memory_resident,
        disk_read: disk.map(|(read, _)| read),
        disk_written: disk.map(|(_, written)| written),
        net_received: net.map(|(received, _)| received),
        net_sent: net.map(|(_, sent)| sent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::DomainState;

    #[test]
    fn a_busy_domain_is_not_taken_for_an_idle_one() {
        let mut domain = Domain {
            uuid: uuid::Uuid::nil(),
            name: "web".to_owned(),
            state: DomainState::Running,
            run: Some(1),
            statistics: Statistics { cpu_time: 1, vcpu: 1, ..Statistics::default() },
        };
        let found = sample(VmId(1), &domain).expect("it runs");
        assert_eq!((found.disk_read, found.net_sent, found.memory_used), (None, None, None));
        domain.state = DomainState::Off;
        assert_eq!(sample(VmId(1), &domain), None);
        (domain.state, domain.statistics) = (DomainState::Running, Statistics::default());
        assert_eq!(sample(VmId(1), &domain), None);
    }
}
