//! Promises about the life of domains.

use std::sync::Arc;

use uuid::Uuid;
use vmm_core::host::{DomainSpec, DomainState, Statistics};

use super::subject::{Subject, assert_conflict, assert_invalid, assert_not_found};

/// From definition to removal, each step twice.
pub async fn starting_and_stopping_are_safe_to_repeat(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    for _ in 0..2 {
        subject.hypervisor.domains().start(uuid).await.expect("it runs");
        assert_eq!(subject.state(uuid).await, DomainState::Running);
    }
    for _ in 0..2 {
        subject.hypervisor.domains().stop(uuid).await.expect("it is off");
        assert_eq!(subject.state(uuid).await, DomainState::Off);
    }
    for _ in 0..2 {
        subject.hypervisor.definitions().undefine(uuid).await.expect("it is gone");
        assert_eq!(subject.hypervisor.domains().by_id(uuid).await.expect("it answers"), None);
    }
}

/// And change nothing.
pub async fn calls_that_do_not_fit_the_state_are_conflicts(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    assert_conflict(&subject.hypervisor.domains().shutdown(uuid).await);
    assert_conflict(&subject.hypervisor.domains().reboot(uuid).await);
    assert_eq!(subject.state(uuid).await, DomainState::Off);
    subject.hypervisor.domains().start(uuid).await.expect("it starts");
    assert_conflict(&subject.hypervisor.definitions().undefine(uuid).await);
    assert_eq!(subject.state(uuid).await, DomainState::Running);
}

/// Every call that names a domain says so, but for its removal.
pub async fn what_is_missing_is_not_found_and_removing_it_is_fine(subject: &Subject) {
    let uuid = Uuid::new_v4();
    assert_eq!(subject.hypervisor.domains().by_id(uuid).await.expect("it answers"), None);
    subject.hypervisor.definitions().undefine(uuid).await.expect("it is gone already");
    assert_all_not_found(subject, uuid).await;
}

async fn assert_all_not_found(subject: &Subject, uuid: Uuid) {
    assert_not_found(&subject.hypervisor.domains().start(uuid).await);
    assert_not_found(&subject.hypervisor.domains().resume(uuid).await);
    assert_not_found(&subject.hypervisor.domains().discard_saved(uuid).await);
    assert_not_found(&subject.hypervisor.domains().shutdown(uuid).await);
    assert_not_found(&subject.hypervisor.domains().stop(uuid).await);
    assert_not_found(&subject.hypervisor.domains().reboot(uuid).await);
    assert_not_found(&subject.hypervisor.network().addresses(uuid).await);
    assert_not_found(&subject.hypervisor.console().tail(uuid, 1).await);
}

/// Domains are listed whether they run or not.
pub async fn domains_are_listed_in_order_of_name(subject: &Subject) {
    for name in ["c", "a", "b"] {
        subject.define(name).await;
    }
    subject.hypervisor.domains().start(subject.spec("b").uuid).await.expect("it starts");
    let domains = subject.hypervisor.domains().list().await.expect("it answers");
    let seen: Vec<_> = domains.iter().map(|domain| (domain.name.as_str(), domain.state)).collect();
    let (a, b, c) = (subject.name("a"), subject.name("b"), subject.name("c"));
    let off = DomainState::Off;
    assert_eq!(seen, [(a.as_str(), off), (b.as_str(), DomainState::Running), (c.as_str(), off)]);
}

/// Each is told that it is done.
pub async fn many_may_do_the_same_at_once(subject: &Subject) {
    let spec = Arc::new(subject.define("web").await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (hypervisor, spec) = (Arc::clone(&subject.hypervisor), Arc::clone(&spec));
        tasks.spawn(async move {
            hypervisor.definitions().define(&spec).await?;
            hypervisor.domains().start(spec.uuid).await
        });
    }
    for result in tasks.join_all().await {
        result.expect("it is done");
    }
    assert_eq!(subject.state(spec.uuid).await, DomainState::Running);
}

/// They are not listed, not found, not changed; and their ids and names are taken.
pub async fn the_domains_of_another_desk_are_foreign(subject: &Subject) {
    let spec = subject.define("web").await;
    subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
    let elsewhere = DomainSpec { desk: vmm_core::model::DeskId(Uuid::new_v4()), ..subject.spec("db") };
    assert_invalid(&subject.hypervisor.definitions().define(&elsewhere).await);
    let Some((hypervisor, desk)) = subject.other.clone() else { return };
    let other = Subject { hypervisor, ..subject.clone() };
    assert_eq!(other.hypervisor.domains().list().await.expect("it answers"), []);
    assert_eq!(other.hypervisor.domains().by_id(spec.uuid).await.expect("it answers"), None);
    assert_all_not_found(&other, spec.uuid).await;
    assert_not_found(&other.hypervisor.definitions().undefine(spec.uuid).await);
    let same_id = DomainSpec { desk, ..spec.clone() };
    let same_name = DomainSpec { uuid: Uuid::new_v4(), ..same_id.clone() };
    assert_conflict(&other.hypervisor.definitions().define(&same_id).await);
    assert_conflict(&other.hypervisor.definitions().define(&same_name).await);
    assert_eq!(subject.state(spec.uuid).await, DomainState::Running);
}

/// Where the host has any.
pub async fn figures_are_those_of_a_running_domain(subject: &Subject) {
    let spec = subject.define("web").await;
    subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
    let domain = subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined");
    if subject.capabilities().await.statistics {
        let statistics = &domain.statistics;
        assert_eq!((statistics.vcpu, statistics.memory_current), (1, 64 * 1024));
        assert!(statistics.cpu_time > 0 && statistics.memory_resident > 0);
        assert_eq!(statistics.disks.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>(), ["vda"]);
        assert_eq!(statistics.interfaces.len(), 1);
    }
    subject.hypervisor.domains().stop(spec.uuid).await.expect("it stops");
    let domain = subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined");
    assert_eq!(domain.statistics, Statistics::default());
}

/// Another number for each start; none while it is off.
pub async fn a_run_has_a_number_of_its_own(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    let run = async || subject.hypervisor.domains().by_id(uuid).await.expect("it answers").expect("it is defined").run;
    assert_eq!(run().await, None);
    let mut runs = Vec::new();
    for _ in 0..2 {
        subject.hypervisor.domains().start(uuid).await.expect("it starts");
        runs.push(run().await);
        let listed = subject.hypervisor.domains().list().await.expect("it answers");
        assert_eq!(listed.iter().map(|domain| domain.run).collect::<Vec<_>>(), [run().await]);
        subject.hypervisor.domains().stop(uuid).await.expect("it stops");
        assert_eq!(run().await, None);
    }
    assert!(runs[0] != runs[1] || runs[0].is_none(), "{runs:?}");
}
