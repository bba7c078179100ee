//! Promises about the host and its network.

use super::subject::{Subject, assert_conflict, assert_invalid, assert_unsupported};

/// Resources, network and pool are known.
pub async fn a_host_says_what_it_is_and_has(subject: &Subject) {
    let host = subject.hypervisor.host().await.expect("the host answers");
    assert!(!host.name.is_empty() && !host.hypervisor.is_empty() && !host.pool.is_empty());
    assert!(host.vcpus > 0 && host.memory > 0);
    assert!(host.pool_available <= host.pool_capacity && host.pool_capacity > 0);
    let subnet = host.subnet.expect("it hands out addresses");
    assert!(!subnet.can_assign(subnet.gateway));
}

/// What names the pool is in every answer; it stands in the hash that an approval names.
pub async fn a_pool_keeps_its_name(subject: &Subject) {
    let pools = [subject.hypervisor.host().await, subject.hypervisor.host().await];
    let [first, second] = pools.map(|host| host.expect("the host answers").pool);
    assert_eq!(first, second);
    if let Some((other, _)) = &subject.other {
        assert_eq!(other.host().await.expect("the host answers").pool, first);
    }
}

/// No domain, no volume, no reservation by the desk's names.
pub async fn a_new_desk_has_nothing(subject: &Subject) {
    assert_eq!(subject.hypervisor.domains().await.expect("it answers"), []);
    let volumes = subject.hypervisor.volumes().await.expect("it answers");
    let own = subject.volume("");
    assert!(volumes.iter().all(|volume| !volume.name.as_str().starts_with(own.as_str())));
}

/// The second call answers as the first did, and leaves one reservation.
pub async fn reserving_and_releasing_are_safe_to_repeat(subject: &Subject) {
    let reservation = subject.reservation("web", 1, subject.address().await);
    if !subject.capabilities().await.reservations {
        assert_unsupported(&subject.hypervisor.reserve_address(&reservation).await);
        return;
    }
    for _ in 0..2 {
        subject.hypervisor.reserve_address(&reservation).await.expect("it is reserved");
        let known = subject.hypervisor.reservations().await.expect("it answers");
        assert_eq!(known.iter().filter(|known| **known == reservation).count(), 1);
        assert!(known.is_sorted_by_key(|known| known.address));
    }
    for _ in 0..2 {
        subject.hypervisor.release_address(reservation.mac).await.expect("it is released");
        let known = subject.hypervisor.reservations().await.expect("it answers");
        assert!(!known.contains(&reservation));
    }
}

/// An address that is reserved is taken, by whom it is reserved for.
pub async fn a_reserved_address_is_taken(subject: &Subject) {
    let host = async || subject.hypervisor.host().await.expect("the host answers");
    let Some(before) = host().await.address_pool else { return };
    assert!(before.size() > 0 && before.free() <= before.size());
    let reservation = subject.reservation("web", 1, subject.address().await);
    let is_taken = async || {
        let pool = host().await.address_pool.expect("it says so each time");
        pool.taken.contains(&(reservation.mac, reservation.address))
    };
    subject.hypervisor.reserve_address(&reservation).await.expect("it is reserved");
    assert!(is_taken().await);
    subject.hypervisor.release_address(reservation.mac).await.expect("it is released");
    assert!(!is_taken().await);
}

/// Neither address, nor hardware address, nor name can be in two reservations.
pub async fn a_reservation_that_clashes_is_a_conflict(subject: &Subject) {
    if !subject.capabilities().await.reservations {
        return;
    }
    let (address, other_address) = (subject.address().await, subject.address().await);
    let reservation = subject.reservation("web", 1, address);
    subject.hypervisor.reserve_address(&reservation).await.expect("it is reserved");
    for clash in [
        subject.reservation("db", 2, address),
        subject.reservation("web", 1, other_address),
        subject.reservation("db", 1, other_address),
        subject.reservation("web", 2, other_address),
    ] {
        assert_conflict(&subject.hypervisor.reserve_address(&clash).await);
    }
    let known = subject.hypervisor.reservations().await.expect("it answers");
    let own: Vec<_> = known.iter().filter(|known| [subject.mac(1), subject.mac(2)].contains(&known.mac)).collect();
    assert_eq!(own, [&reservation]);
}

/// So are the gateway's and the broadcast's.
pub async fn an_address_outside_the_network_is_refused(subject: &Subject) {
    if !subject.capabilities().await.reservations {
        return;
    }
    let subnet = subject.hypervisor.host().await.expect("it answers").subnet.expect("it hands out addresses");
    for address in [[198, 51, 100, 7].into(), subnet.gateway] {
        assert_invalid(&subject.hypervisor.reserve_address(&subject.reservation("web", 1, address)).await);
    }
}
