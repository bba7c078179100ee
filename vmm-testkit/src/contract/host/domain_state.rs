//! Promises about domains that are paused or saved.

use uuid::Uuid;
use vmm_core::host::{DomainSpec, DomainState, Start, Statistics};
use vmm_core::model::PauseReason;

use super::subject::{Outside, Subject, assert_conflict};

async fn state(subject: &Subject, uuid: Uuid) -> DomainState {
    let one = subject.hypervisor.domains().by_id(uuid).await.expect("it answers").expect("it is defined");
    let all = subject.hypervisor.domains().list().await.expect("it answers");
    let listed = all.iter().find(|domain| domain.uuid == uuid).expect("it is listed");
    assert_eq!(listed.state, one.state, "the list says what the look at one says");
    assert_eq!(listed.run.is_some(), listed.state.has_run() && one.run.is_some());
    one.state
}

/// A running domain, on which something was done by somebody else; `None` where that cannot be done.
async fn after(subject: &Subject, what: Outside) -> Option<DomainSpec> {
    let spec = subject.define("web").await;
    subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
    subject.outside(what, spec.uuid).then_some(spec)
}

/// Each call twice; a running domain may be resumed, too. A pause does not end a run.
pub async fn a_paused_domain_is_told_with_its_reason_and_resumed(subject: &Subject) {
    let Some(spec) = after(subject, Outside::Pause).await else { return };
    let run =
        async || subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined").run;
    assert_eq!(state(subject, spec.uuid).await, DomainState::Paused(PauseReason::User));
    let paused = run().await;
    for _ in 0..2 {
        subject.hypervisor.domains().resume(spec.uuid).await.expect("it goes on");
        assert_eq!(state(subject, spec.uuid).await, DomainState::Running);
    }
    assert_eq!(run().await, paused);
}

/// Its start says so, and it is not saved any more.
pub async fn a_saved_domain_goes_on_where_it_was_saved(subject: &Subject) {
    let Some(spec) = after(subject, Outside::Save).await else { return };
    assert_eq!(state(subject, spec.uuid).await, DomainState::Saved);
    let domain = subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined");
    assert_eq!((domain.run, domain.statistics), (None, Statistics::default()));
    assert_eq!(subject.hypervisor.domains().start(spec.uuid).await.expect("it starts"), Start::Restored);
    assert_eq!(state(subject, spec.uuid).await, DomainState::Running);
    subject.hypervisor.domains().stop(spec.uuid).await.expect("it stops");
    assert_eq!(state(subject, spec.uuid).await, DomainState::Off);
    assert_eq!(subject.hypervisor.domains().start(spec.uuid).await.expect("it starts"), Start::Booted);
}

/// Twice; the domain is off then, and boots when it is started.
pub async fn a_saved_state_is_discarded(subject: &Subject) {
    let Some(spec) = after(subject, Outside::Save).await else { return };
    for _ in 0..2 {
        subject.hypervisor.domains().discard_saved(spec.uuid).await.expect("it is gone");
        assert_eq!(state(subject, spec.uuid).await, DomainState::Off);
    }
    assert_eq!(subject.hypervisor.domains().start(spec.uuid).await.expect("it starts"), Start::Booted);
}

/// As it is it may be described; and otherwise once it is off.
pub async fn a_saved_domain_is_not_described_anew(subject: &Subject) {
    let Some(spec) = after(subject, Outside::Save).await else { return };
    let larger = DomainSpec { memory: 128, ..spec.clone() };
    assert_conflict(&subject.hypervisor.definitions().define(&larger).await);
    subject.hypervisor.definitions().define(&spec).await.expect("it is described the same");
    assert_eq!(state(subject, spec.uuid).await, DomainState::Saved);
    subject.hypervisor.domains().discard_saved(spec.uuid).await.expect("it is gone");
    subject.hypervisor.definitions().undefine(spec.uuid).await.expect("it is off");
    subject.hypervisor.definitions().define(&larger).await.expect("nothing is there");
}

/// Stopping it before changes nothing; one of that id that is defined afterwards is not saved.
pub async fn a_saved_domain_is_removed_with_its_state(subject: &Subject) {
    let Some(spec) = after(subject, Outside::Save).await else { return };
    subject.hypervisor.domains().stop(spec.uuid).await.expect("it has no power");
    assert_eq!(state(subject, spec.uuid).await, DomainState::Saved);
    subject.hypervisor.definitions().undefine(spec.uuid).await.expect("it does not run");
    assert_eq!(subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers"), None);
    subject.hypervisor.definitions().define(&spec).await.expect("it is defined again");
    assert_eq!(state(subject, spec.uuid).await, DomainState::Off);
}

/// And changes nothing.
pub async fn what_does_not_fit_a_pause_or_a_saved_state_is_a_conflict(subject: &Subject) {
    let uuid = subject.define("off").await.uuid;
    assert_conflict(&subject.hypervisor.domains().resume(uuid).await);
    subject.hypervisor.domains().discard_saved(uuid).await.expect("it has none");
    subject.hypervisor.domains().start(uuid).await.expect("it starts");
    assert_conflict(&subject.hypervisor.domains().discard_saved(uuid).await);
    assert_eq!(state(subject, uuid).await, DomainState::Running);
    let Some(spec) = after(subject, Outside::Pause).await else { return };
    assert_conflict(&subject.hypervisor.domains().start(spec.uuid).await);
    assert_conflict(&subject.hypervisor.domains().shutdown(spec.uuid).await);
    assert_conflict(&subject.hypervisor.domains().reboot(spec.uuid).await);
    assert_conflict(&subject.hypervisor.domains().discard_saved(spec.uuid).await);
    assert_conflict(&subject.hypervisor.definitions().undefine(spec.uuid).await);
    assert_eq!(state(subject, spec.uuid).await, DomainState::Paused(PauseReason::User));
    subject.outside(Outside::Save, uuid);
    assert_conflict(&subject.hypervisor.domains().resume(uuid).await);
    assert_conflict(&subject.hypervisor.domains().shutdown(uuid).await);
    assert_conflict(&subject.hypervisor.domains().reboot(uuid).await);
    assert_eq!(state(subject, uuid).await, DomainState::Saved);
    subject.hypervisor.domains().stop(spec.uuid).await.expect("a paused domain can be powered off");
    assert_eq!(state(subject, spec.uuid).await, DomainState::Off);
}
