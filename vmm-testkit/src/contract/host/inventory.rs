//! Promises about what a host is and has.

use super::subject::Subject;

/// Resources, network and pool are known.
pub async fn a_host_says_what_it_is_and_has(subject: &Subject) {
    let host = subject.hypervisor.host().describe().await.expect("the host answers");
    assert!(!host.name.is_empty() && !host.hypervisor.is_empty() && !host.pool.is_empty());
    assert!(host.vcpus > 0 && host.memory > 0);
    assert!(host.pool_available <= host.pool_capacity && host.pool_capacity > 0);
    let subnet = host.subnet.expect("it hands out addresses");
    assert!(!subnet.can_assign(subnet.gateway));
}

/// The pool's identity is in every answer; it stands in the hash that an approval names.
pub async fn a_pool_keeps_its_name(subject: &Subject) {
    let pools = [subject.hypervisor.host().describe().await, subject.hypervisor.host().describe().await];
    let [first, second] = pools.map(|host| host.expect("the host answers").pool);
    assert_eq!(first, second);
    if let Some((other, _)) = &subject.other {
        assert_eq!(other.host().describe().await.expect("the host answers").pool, first);
    }
}

/// No domain, no volume, no reservation by the desk's names.
pub async fn a_new_desk_has_nothing(subject: &Subject) {
    assert_eq!(subject.hypervisor.domains().list().await.expect("it answers"), []);
    let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
    let own = subject.volume("");
    assert!(volumes.iter().all(|volume| !volume.name.as_str().starts_with(own.as_str())));
}

/// An address that is reserved is taken, by whom it is reserved for.
pub async fn a_reserved_address_is_taken(subject: &Subject) {
    let host = async || subject.hypervisor.host().describe().await.expect("the host answers");
    let Some(before) = host().await.address_pool else { return };
    assert!(before.size() > 0 && before.free() <= before.size());
    let reservation = subject.reservation("web", 1, subject.address().await);
    let is_taken = async || {
        let pool = host().await.address_pool.expect("it says so each time");
        pool.taken.contains(&(reservation.mac, reservation.address))
    };
    subject.hypervisor.network().reserve(&reservation).await.expect("it is reserved");
    assert!(is_taken().await);
    subject.hypervisor.network().release(reservation.mac).await.expect("it is released");
    assert!(!is_taken().await);
}
