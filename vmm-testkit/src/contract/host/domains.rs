//! Promises about domains.

use std::sync::Arc;

use uuid::Uuid;
use vmm_core::host::{DomainSpec, DomainState, Statistics};

use super::subject::{Subject, assert_conflict, assert_invalid, assert_not_found, assert_unsupported};

async fn state(subject: &Subject, uuid: Uuid) -> DomainState {
    subject.hypervisor.domain(uuid).await.expect("it answers").expect("it is defined").state
}

/// The second call answers as the first did, and there is one domain, off.
pub async fn defining_is_safe_to_repeat_and_starts_nothing(subject: &Subject) {
    let spec = subject.define("web").await;
    subject.hypervisor.define(&spec).await.expect("it is defined already");
    let domains = subject.hypervisor.domains().await.expect("it answers");
    let [domain] = domains.as_slice() else { panic!("one domain, not {domains:?}") };
    assert_eq!((domain.uuid, domain.name.as_str()), (spec.uuid, spec.name.as_str()));
    assert_eq!((domain.state, &domain.statistics), (DomainState::Off, &Statistics::default()));
    assert_eq!(subject.hypervisor.domain(spec.uuid).await.expect("it answers").as_ref(), Some(domain));
}

/// The domain that has it stays.
pub async fn a_taken_name_is_a_conflict(subject: &Subject) {
    let spec = subject.define("web").await;
    let namesake = DomainSpec { uuid: Uuid::new_v4(), ..spec.clone() };
    assert_conflict(&subject.hypervisor.define(&namesake).await);
    assert_eq!(subject.hypervisor.domain(namesake.uuid).await.expect("it answers"), None);
    assert_eq!(state(subject, spec.uuid).await, DomainState::Off);
}

/// The domain that has it stays.
pub async fn a_taken_id_is_a_conflict(subject: &Subject) {
    let spec = subject.define("web").await;
    let twin = DomainSpec { name: subject.name("db"), ..spec.clone() };
    assert_conflict(&subject.hypervisor.define(&twin).await);
    let known = subject.hypervisor.domain(spec.uuid).await.expect("it answers").expect("it is defined");
    assert_eq!(known.name, spec.name.as_str());
}

/// Neither when it is off nor when it runs; what somebody wrote into it would be lost. It can be defined again as it was.
pub async fn a_domain_that_is_there_is_never_described_anew(subject: &Subject) {
    let spec = subject.define("web").await;
    let before = subject.hypervisor.definition(spec.uuid).await.expect("it answers");
    let larger = DomainSpec { memory: 128, vcpu: 2, ..spec.clone() };
    for runs in [false, true] {
        if runs {
            subject.hypervisor.start(spec.uuid).await.expect("it starts");
        }
        assert_conflict(&subject.hypervisor.define(&larger).await);
        subject.hypervisor.define(&spec).await.expect("it is described the same");
        assert_eq!(subject.hypervisor.definition(spec.uuid).await.expect("it answers"), before);
    }
    assert_eq!(state(subject, spec.uuid).await, DomainState::Running);
}

/// All of them, the seed too.
pub async fn a_domain_needs_its_volumes(subject: &Subject) {
    let volume = subject.create("disk.qcow2", 1 << 30).await;
    let missing = subject.volume("missing");
    let spec = subject.spec("web");
    let without_disk = DomainSpec { disks: vec![volume.clone(), missing.clone()], ..spec.clone() };
    let without_seed = DomainSpec { disks: vec![volume], seed: Some(missing), ..spec };
    for spec in [without_disk, without_seed] {
        assert_not_found(&subject.hypervisor.define(&spec).await);
        assert_eq!(subject.hypervisor.domain(spec.uuid).await.expect("it answers"), None);
    }
}

/// From definition to removal, each step twice.
pub async fn starting_and_stopping_are_safe_to_repeat(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    for _ in 0..2 {
        subject.hypervisor.start(uuid).await.expect("it runs");
        assert_eq!(state(subject, uuid).await, DomainState::Running);
    }
    for _ in 0..2 {
        subject.hypervisor.stop(uuid).await.expect("it is off");
        assert_eq!(state(subject, uuid).await, DomainState::Off);
    }
    for _ in 0..2 {
        subject.hypervisor.undefine(uuid).await.expect("it is gone");
        assert_eq!(subject.hypervisor.domain(uuid).await.expect("it answers"), None);
    }
}

/// And change nothing.
pub async fn calls_that_do_not_fit_the_state_are_conflicts(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    assert_conflict(&subject.hypervisor.shutdown(uuid).await);
    assert_conflict(&subject.hypervisor.reboot(uuid).await);
    assert_eq!(state(subject, uuid).await, DomainState::Off);
    subject.hypervisor.start(uuid).await.expect("it starts");
    assert_conflict(&subject.hypervisor.undefine(uuid).await);
    assert_eq!(state(subject, uuid).await, DomainState::Running);
}

/// Every call that names a domain says so, but for its removal.
pub async fn what_is_missing_is_not_found_and_removing_it_is_fine(subject: &Subject) {
    let uuid = Uuid::new_v4();
    assert_eq!(subject.hypervisor.domain(uuid).await.expect("it answers"), None);
    subject.hypervisor.undefine(uuid).await.expect("it is gone already");
    assert_all_not_found(subject, uuid).await;
}

async fn assert_all_not_found(subject: &Subject, uuid: Uuid) {
    assert_not_found(&subject.hypervisor.start(uuid).await);
    assert_not_found(&subject.hypervisor.resume(uuid).await);
    assert_not_found(&subject.hypervisor.discard_saved(uuid).await);
    assert_not_found(&subject.hypervisor.shutdown(uuid).await);
    assert_not_found(&subject.hypervisor.stop(uuid).await);
    assert_not_found(&subject.hypervisor.reboot(uuid).await);
    assert_not_found(&subject.hypervisor.addresses(uuid).await);
    assert_not_found(&subject.hypervisor.console_tail(uuid, 1).await);
}

/// Whether they run or not.
pub async fn domains_are_listed_in_order_of_name(subject: &Subject) {
    for name in ["c", "a", "b"] {
        subject.define(name).await;
    }
    subject.hypervisor.start(subject.spec("b").uuid).await.expect("it starts");
    let domains = subject.hypervisor.domains().await.expect("it answers");
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
            hypervisor.define(&spec).await?;
            hypervisor.start(spec.uuid).await
        });
    }
    for result in tasks.join_all().await {
        result.expect("it is done");
    }
    assert_eq!(state(subject, spec.uuid).await, DomainState::Running);
}

/// They are not listed, not found, not changed; and their ids and names are taken.
pub async fn the_domains_of_another_desk_are_foreign(subject: &Subject) {
    let spec = subject.define("web").await;
    subject.hypervisor.start(spec.uuid).await.expect("it starts");
    let elsewhere = DomainSpec { desk: vmm_core::model::DeskId(Uuid::new_v4()), ..subject.spec("db") };
    assert_invalid(&subject.hypervisor.define(&elsewhere).await);
    let Some((hypervisor, desk)) = subject.other.clone() else { return };
    let other = Subject { hypervisor, ..subject.clone() };
    assert_eq!(other.hypervisor.domains().await.expect("it answers"), []);
    assert_eq!(other.hypervisor.domain(spec.uuid).await.expect("it answers"), None);
    assert_all_not_found(&other, spec.uuid).await;
    assert_not_found(&other.hypervisor.undefine(spec.uuid).await);
    let same_id = DomainSpec { desk, ..spec.clone() };
    let same_name = DomainSpec { uuid: Uuid::new_v4(), ..same_id.clone() };
    assert_conflict(&other.hypervisor.define(&same_id).await);
    assert_conflict(&other.hypervisor.define(&same_name).await);
    assert_eq!(state(subject, spec.uuid).await, DomainState::Running);
}

/// Where the host has any.
pub async fn figures_are_those_of_a_running_domain(subject: &Subject) {
    let spec = subject.define("web").await;
    subject.hypervisor.start(spec.uuid).await.expect("it starts");
    let domain = subject.hypervisor.domain(spec.uuid).await.expect("it answers").expect("it is defined");
    if subject.capabilities().await.statistics {
        let statistics = &domain.statistics;
        assert_eq!((statistics.vcpu, statistics.memory_current), (1, 64 * 1024));
        assert!(statistics.cpu_time > 0 && statistics.memory_resident > 0);
        assert_eq!(statistics.disks.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>(), ["vda"]);
        assert_eq!(statistics.interfaces.len(), 1);
    }
    subject.hypervisor.stop(spec.uuid).await.expect("it stops");
    let domain = subject.hypervisor.domain(spec.uuid).await.expect("it answers").expect("it is defined");
    assert_eq!(domain.statistics, Statistics::default());
}

/// Another number for each start; none while it is off.
pub async fn a_run_has_a_number_of_its_own(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    let run = async || subject.hypervisor.domain(uuid).await.expect("it answers").expect("it is defined").run;
    assert_eq!(run().await, None);
    let mut runs = Vec::new();
    for _ in 0..2 {
        subject.hypervisor.start(uuid).await.expect("it starts");
        runs.push(run().await);
        let listed = subject.hypervisor.domains().await.expect("it answers");
        assert_eq!(listed.iter().map(|domain| domain.run).collect::<Vec<_>>(), [run().await]);
        subject.hypervisor.stop(uuid).await.expect("it stops");
        assert_eq!(run().await, None);
    }
    assert!(runs[0] != runs[1] || runs[0].is_none(), "{runs:?}");
}

/// Nor does it have one for having been known once.
pub async fn a_stopped_domain_has_no_address(subject: &Subject) {
    let uuid = subject.define("web").await.uuid;
    assert_eq!(subject.hypervisor.addresses(uuid).await.expect("it answers"), Vec::<std::net::IpAddr>::new());
}

/// Where the host gives out addresses; a machine that asked for none has none.
pub async fn leases_are_told_of_all_machines_at_once(subject: &Subject) {
    let spec = subject.define("web").await;
    let leases = subject.hypervisor.leases().await.expect("it answers");
    assert!(leases.iter().all(|lease| lease.mac != spec.mac), "{leases:?}");
}

/// And it is there again under the same name for the next domain, empty.
pub async fn a_console_is_empty_until_the_domain_starts(subject: &Subject) {
    let spec = subject.define("web").await;
    if !subject.capabilities().await.console {
        assert_unsupported(&subject.hypervisor.console_tail(spec.uuid, 100).await);
        return;
    }
    assert_eq!(subject.hypervisor.console_tail(spec.uuid, 100).await.expect("it answers"), b"");
    subject.hypervisor.start(spec.uuid).await.expect("it starts");
    assert!(subject.hypervisor.console_tail(spec.uuid, 100).await.expect("it answers").len() <= 100);
    subject.hypervisor.stop(spec.uuid).await.expect("it stops");
    subject.hypervisor.undefine(spec.uuid).await.expect("it is gone");
    subject.hypervisor.define(&spec).await.expect("it is defined again");
    assert_eq!(subject.hypervisor.console_tail(spec.uuid, 100).await.expect("it answers"), b"");
}
