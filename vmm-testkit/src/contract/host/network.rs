//! Promises about the addresses that the network gives to machines.

use super::subject::{Subject, assert_conflict, assert_invalid, assert_unsupported};

/// The second call answers as the first did, and leaves one reservation.
pub async fn reserving_and_releasing_are_safe_to_repeat(subject: &Subject) {
    let reservation = subject.reservation("web", 1, subject.address().await);
    if !subject.capabilities().await.reservations {
        assert_unsupported(&subject.hypervisor.network().reserve(&reservation).await);
        return;
    }
    for _ in 0..2 {
        subject.hypervisor.network().reserve(&reservation).await.expect("it is reserved");
        let known = subject.hypervisor.network().reservations().await.expect("it answers");
        assert_eq!(known.iter().filter(|known| **known == reservation).count(), 1);
        assert!(known.is_sorted_by_key(|known| known.address));
    }
    for _ in 0..2 {
        subject.hypervisor.network().release(reservation.mac).await.expect("it is released");
        let known = subject.hypervisor.network().reservations().await.expect("it answers");
        assert!(!known.contains(&reservation));
    }
}

/// Neither address, nor hardware address, nor name can be in two reservations.
pub async fn a_reservation_that_clashes_is_a_conflict(subject: &Subject) {
    if !subject.capabilities().await.reservations {
        return;
    }
    let (address, other_address) = (subject.address().await, subject.address().await);
    let reservation = subject.reservation("web", 1, address);
    subject.hypervisor.network().reserve(&reservation).await.expect("it is reserved");
    for clash in [
        subject.reservation("db", 2, address),
        subject.reservation("web", 1, other_address),
        subject.reservation("db", 1, other_address),
        subject.reservation("web", 2, other_address),
    ] {
        assert_conflict(&subject.hypervisor.network().reserve(&clash).await);
    }
    let known = subject.hypervisor.network().reservations().await.expect("it answers");
    let own: Vec<_> = known.iter().filter(|known| [subject.mac(1), subject.mac(2)].contains(&known.mac)).collect();
    assert_eq!(own, [&reservation]);
}

/// So are the gateway's and the broadcast's.
pub async fn an_address_outside_the_network_is_refused(subject: &Subject) {
    if !subject.capabilities().await.reservations {
        return;
    }
    let subnet =
        subject.hypervisor.host().describe().await.expect("it answers").subnet.expect("it hands out addresses");
    for address in [[198, 51, 100, 7].into(), subnet.gateway] {
        assert_invalid(&subject.hypervisor.network().reserve(&subject.reservation("web", 1, address)).await);
    }
}

/// Nor does it have one for having been known once.
pub async fn a_stopped_domain_has_no_address(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    assert_eq!(subject.hypervisor.network().addresses(uuid).await.expect("it answers"), Vec::<std::net::IpAddr>::new());
}

/// Where the host gives out addresses; a machine that asked for none has none.
pub async fn leases_are_told_of_all_machines_at_once(subject: &Subject) {
    let spec = subject.define("web").await;
    let leases = subject.hypervisor.network().leases().await.expect("it answers");
    assert!(leases.iter().all(|lease| lease.mac != spec.mac), "{leases:?}");
}
