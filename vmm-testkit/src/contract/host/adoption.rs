//! Promises about domains that exist without vmm.

use uuid::Uuid;
use vmm_core::host::{DomainSpec, DomainState, ForeignDomain};

use super::subject::{Subject, assert_conflict, assert_not_found};

async fn adoptable(subject: &Subject, uuid: Uuid) -> Option<ForeignDomain> {
    let all = subject.hypervisor.adoption().adoptable().await.expect("it answers");
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    all.into_iter().find(|domain| domain.uuid == uuid)
}

async fn listed(subject: &Subject) -> Vec<Uuid> {
    let domains = subject.hypervisor.domains().list().await.expect("it answers");
    domains.into_iter().map(|domain| domain.uuid).collect()
}

/// From then on it is one of the desk, until it is released; each call twice. It goes on running, and stays as it is.
pub async fn a_foreign_domain_is_adopted_and_released(subject: &Subject) {
    let uuid = subject.foreign();
    let before = adoptable(subject, uuid).await.expect("it is foreign");
    assert_eq!((before.state, before.adopted), (DomainState::Running, false));
    assert_eq!((before.vcpu, before.memory, before.macs.len()), (1, 64, 1));
    for _ in 0..2 {
        subject.hypervisor.adoption().adopt(uuid).await.expect("it is nobody's");
        assert_eq!(listed(subject).await, [uuid]);
        let domain = subject.hypervisor.domains().by_id(uuid).await.expect("it answers").expect("it is the desk's");
        assert_eq!((&domain.name, domain.state), (&before.name, DomainState::Running));
        assert_eq!(adoptable(subject, uuid).await, Some(ForeignDomain { adopted: true, ..before.clone() }));
    }
    for _ in 0..2 {
        subject.hypervisor.adoption().release(uuid).await.expect("it was adopted");
        assert!(listed(subject).await.is_empty());
        assert_eq!(subject.hypervisor.domains().by_id(uuid).await.expect("it answers"), None);
        assert_eq!(adoptable(subject, uuid).await.as_ref(), Some(&before));
    }
}

/// It is switched like any other, but neither defined anew nor removed.
pub async fn an_adopted_domain_keeps_its_definition(subject: &Subject) {
    let uuid = subject.foreign();
    subject.hypervisor.adoption().adopt(uuid).await.expect("it is nobody's");
    subject.hypervisor.domains().stop(uuid).await.expect("it stops");
    assert_conflict(&subject.hypervisor.definitions().undefine(uuid).await);
    assert_conflict(&subject.hypervisor.definitions().define(&DomainSpec { uuid, ..subject.spec("web") }).await);
    subject.hypervisor.domains().start(uuid).await.expect("it starts");
    assert_eq!(listed(subject).await, [uuid]);
    subject.hypervisor.adoption().release(uuid).await.expect("it was adopted");
    assert_not_found(&subject.hypervisor.domains().stop(uuid).await);
}

/// As one that the desk defined, while it runs; each call twice. Nobody but its desk gets it.
pub async fn a_domain_that_lost_its_tag_is_one_of_the_desk_again(subject: &Subject) {
    let uuid = subject.foreign();
    for _ in 0..2 {
        subject.hypervisor.adoption().reclaim(uuid).await.expect("it has no tag");
        assert_eq!(listed(subject).await, [uuid]);
        assert_eq!(adoptable(subject, uuid).await, None);
        assert_conflict(&subject.hypervisor.adoption().release(uuid).await);
    }
    let domain = subject.hypervisor.domains().by_id(uuid).await.expect("it answers").expect("it is the desk's");
    assert_eq!(domain.state, DomainState::Running);
    assert_not_found(&subject.hypervisor.adoption().reclaim(Uuid::new_v4()).await);
    if let Some((other, _)) = &subject.other {
        assert_conflict(&other.adoption().reclaim(uuid).await);
        assert_eq!(other.domains().by_id(uuid).await.expect("it answers"), None);
    }
}

/// Neither by the desk that made it, nor by another one; and nobody but its desk takes its tag off.
pub async fn what_is_a_desks_is_not_adopted(subject: &Subject) {
    let own = subject.define("web").await.uuid;
    assert_eq!(adoptable(subject, own).await, None);
    assert_conflict(&subject.hypervisor.adoption().adopt(own).await);
    assert_conflict(&subject.hypervisor.adoption().release(own).await);
    assert_not_found(&subject.hypervisor.adoption().adopt(Uuid::new_v4()).await);
    subject.hypervisor.adoption().release(Uuid::new_v4()).await.expect("it has no tag");
    let Some((hypervisor, _)) = subject.other.clone() else { return };
    let (other, adopted) = (Subject { hypervisor, ..subject.clone() }, subject.foreign());
    subject.hypervisor.adoption().adopt(adopted).await.expect("it is nobody's");
    for uuid in [own, adopted] {
        assert_eq!(adoptable(&other, uuid).await, None);
        assert_conflict(&other.hypervisor.adoption().adopt(uuid).await);
        other.hypervisor.adoption().release(uuid).await.expect("it has no tag of that desk");
        assert!(subject.hypervisor.domains().by_id(uuid).await.expect("it answers").is_some());
    }
}
