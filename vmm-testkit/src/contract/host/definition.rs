//! Promises about how domains are defined, and about the one element of a definition that changes.

use uuid::Uuid;
use vmm_core::host::{Definition, DomainSpec, DomainState, NewVolume, Statistics};
use vmm_core::model::{DefinitionDigest, VolumeName};

use super::subject::{Subject, assert_conflict, assert_not_found, assert_unsupported};

async fn definition(subject: &Subject, uuid: Uuid) -> Definition {
    subject.hypervisor.definitions().by_id(uuid).await.expect("it answers").expect("it is defined")
}

/// The path of a volume on the host.
async fn path(subject: &Subject, name: &VolumeName) -> String {
    let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
    volumes.into_iter().find(|volume| volume.name == *name).expect("it is there").path
}

/// The digest that a volume is attached or detached with.
fn rest(definition: &Definition, path: &str) -> DefinitionDigest {
    definition.facts.without_disk_at(path).digest()
}

/// Returns whether disks can be attached here; if not, asks for one and is refused as unsupported.
async fn attaches(subject: &Subject, uuid: Uuid, volume: &VolumeName) -> bool {
    if subject.capabilities().await.disk_attachment {
        return true;
    }
    let digest = definition(subject, uuid).await.facts.digest();
    assert_unsupported(&subject.hypervisor.definitions().attach_disk(uuid, volume, digest).await);
    assert_unsupported(&subject.hypervisor.definitions().detach_disk(uuid, volume, None).await);
    false
}

/// The second call answers as the first did, and there is one domain, off.
pub async fn defining_is_safe_to_repeat_and_starts_nothing(subject: &Subject) {
    let spec = subject.define("web").await;
    subject.hypervisor.definitions().define(&spec).await.expect("it is defined already");
    let domains = subject.hypervisor.domains().list().await.expect("it answers");
    let [domain] = domains.as_slice() else { panic!("one domain, not {domains:?}") };
    assert_eq!((domain.uuid, domain.name.as_str()), (spec.uuid, spec.name.as_str()));
    assert_eq!((domain.state, &domain.statistics), (DomainState::Off, &Statistics::default()));
    assert_eq!(subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").as_ref(), Some(domain));
}

/// The domain that has it stays.
pub async fn a_taken_name_is_a_conflict(subject: &Subject) {
    let spec = subject.define("web").await;
    let namesake = DomainSpec { uuid: Uuid::new_v4(), ..spec.clone() };
    assert_conflict(&subject.hypervisor.definitions().define(&namesake).await);
    assert_eq!(subject.hypervisor.domains().by_id(namesake.uuid).await.expect("it answers"), None);
    assert_eq!(subject.state(spec.uuid).await, DomainState::Off);
}

/// The domain that has it stays.
pub async fn a_taken_id_is_a_conflict(subject: &Subject) {
    let spec = subject.define("web").await;
    let twin = DomainSpec { name: subject.name("db"), ..spec.clone() };
    assert_conflict(&subject.hypervisor.definitions().define(&twin).await);
    let known = subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined");
    assert_eq!(known.name, spec.name.as_str());
}

/// Neither when it is off nor when it runs; what somebody wrote into it would be lost. It can be defined again as it
/// was.
pub async fn a_domain_that_is_there_is_never_described_anew(subject: &Subject) {
    let spec = subject.define("web").await;
    let before = subject.hypervisor.definitions().by_id(spec.uuid).await.expect("it answers");
    let larger = DomainSpec { memory: 128, vcpu: 2, ..spec.clone() };
    for runs in [false, true] {
        if runs {
            subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
        }
        assert_conflict(&subject.hypervisor.definitions().define(&larger).await);
        subject.hypervisor.definitions().define(&spec).await.expect("it is described the same");
        assert_eq!(subject.hypervisor.definitions().by_id(spec.uuid).await.expect("it answers"), before);
    }
    assert_eq!(subject.state(spec.uuid).await, DomainState::Running);
}

/// All of them, the seed too.
pub async fn a_domain_needs_its_volumes(subject: &Subject) {
    let volume = subject.create("disk.qcow2", 1 << 30).await;
    let missing = subject.volume("missing");
    let spec = subject.spec("web");
    let without_disk = DomainSpec { disks: vec![volume.clone(), missing.clone()], ..spec.clone() };
    let without_seed = DomainSpec { disks: vec![volume], seed: Some(missing), ..spec };
    for spec in [without_disk, without_seed] {
        assert_not_found(&subject.hypervisor.definitions().define(&spec).await);
        assert_eq!(subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers"), None);
    }
}

/// Its size, its interface, and its disks with the files that they stand on. What is missing or foreign has none.
pub async fn a_definition_says_what_a_domain_is(subject: &Subject) {
    let base = subject.create("base.qcow2", 1 << 30).await;
    let overlay = NewVolume { name: subject.volume("top.qcow2"), capacity: 1 << 30, backing: Some(base.clone()) };
    subject.hypervisor.volumes().create(&overlay).await.expect("it is created");
    let spec = DomainSpec { disks: vec![overlay.name.clone()], ..subject.spec("web") };
    subject.hypervisor.definitions().define(&spec).await.expect("it is defined");
    let seen = definition(subject, spec.uuid).await;
    assert_eq!((seen.vcpu, seen.memory, seen.macs.as_slice()), (1, 64, &[spec.mac][..]));
    assert_eq!((seen.name.as_str(), seen.saved, seen.snapshots.len()), (spec.name.as_str(), false, 0));
    let (top, below) = (path(subject, &overlay.name).await, path(subject, &base).await);
    let [disk] = seen.disks.as_slice() else { panic!("one disk, not {:?}", seen.disks) };
    assert_eq!((disk.target.as_str(), disk.path.as_deref(), disk.read_only), ("vda", Some(top.as_str()), false));
    if subject.capabilities().await.disk_attachment {
        assert_eq!(disk.below, [below]);
    }
    assert_eq!(seen.facts.get("memory"), Some("64 MiB"));
    assert_eq!(seen.facts.disk_at(&top), Some("disk vda"));
    assert_eq!(subject.hypervisor.definitions().by_id(Uuid::new_v4()).await.expect("it answers"), None);
    assert_eq!(subject.hypervisor.definitions().by_id(subject.foreign()).await.expect("it answers"), None);
    let Some((other, _)) = &subject.other else { return };
    assert_eq!(other.definitions().by_id(spec.uuid).await.expect("it answers"), None);
}

/// Being looked at, started and stopped changes nothing of it; and the definitions of two domains are two.
pub async fn a_definition_stays_the_same_until_somebody_changes_it(subject: &Subject) {
    let (spec, other) = (subject.define("web").await, subject.define("db").await);
    let before = definition(subject, spec.uuid).await;
    subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
    assert_eq!(definition(subject, spec.uuid).await, before);
    subject.hypervisor.domains().stop(spec.uuid).await.expect("it stops");
    assert_eq!(definition(subject, spec.uuid).await, before);
    assert_ne!(definition(subject, other.uuid).await.facts.digest(), before.facts.digest());
}

/// Each twice, and the second call answers as the first did. The volume stays.
pub async fn a_disk_is_attached_and_detached_and_nothing_else_changes(subject: &Subject) {
    let seed = subject.create("seed", 1 << 20).await;
    let system = subject.create("system.qcow2", 1 << 30).await;
    let spec = DomainSpec { disks: vec![system], seed: Some(seed), ..subject.spec("web") };
    subject.hypervisor.definitions().define(&spec).await.expect("it is defined");
    let data = subject.create("data.qcow2", 1 << 30).await;
    if !attaches(subject, spec.uuid, &data).await {
        return;
    }
    let (uuid, path) = (spec.uuid, path(subject, &data).await);
    let before = definition(subject, uuid).await;
    for _ in 0..2 {
        let after = subject
            .hypervisor
            .definitions()
            .attach_disk(uuid, &data, rest(&before, &path))
            .await
            .expect("it is attached");
        assert_eq!(after, definition(subject, uuid).await);
        assert_eq!(after.facts.without_disk_at(&path), before.facts);
        assert_eq!(after.disks.len(), before.disks.len() + 1);
        assert!(after.disk_at(&path).is_some_and(|disk| !disk.read_only));
    }
    for rest in [Some(rest(&before, &path)), None] {
        let after = subject.hypervisor.definitions().detach_disk(uuid, &data, rest).await.expect("it is detached");
        assert_eq!((&after.facts, &after.disks), (&before.facts, &before.disks));
    }
    assert!(subject.hypervisor.volumes().list().await.expect("it answers").iter().any(|volume| volume.name == data));
}

/// Whatever it is that differs from what the caller has seen.
pub async fn a_disk_of_a_definition_that_was_changed_is_left_alone(subject: &Subject) {
    let (spec, other) = (subject.define("web").await, subject.define("db").await);
    let data = subject.create("data.qcow2", 1 << 30).await;
    if !attaches(subject, spec.uuid, &data).await {
        return;
    }
    let path = path(subject, &data).await;
    let (before, wrong) = (definition(subject, spec.uuid).await, definition(subject, other.uuid).await.facts.digest());
    assert_conflict(&subject.hypervisor.definitions().attach_disk(spec.uuid, &data, wrong).await);
    assert_eq!(definition(subject, spec.uuid).await, before);
    let after = subject
        .hypervisor
        .definitions()
        .attach_disk(spec.uuid, &data, rest(&before, &path))
        .await
        .expect("it is as it was seen");
    assert_conflict(&subject.hypervisor.definitions().detach_disk(spec.uuid, &data, Some(wrong)).await);
    assert_eq!(definition(subject, spec.uuid).await, after);
}

/// Not while they run, and not if they are adopted, foreign or missing.
pub async fn disks_are_changed_on_stopped_domains_of_the_desk_alone(subject: &Subject) {
    let spec = subject.define("web").await;
    let data = subject.create("data.qcow2", 1 << 30).await;
    if !attaches(subject, spec.uuid, &data).await {
        return;
    }
    let digest = definition(subject, spec.uuid).await.facts.digest();
    subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
    assert_conflict(&subject.hypervisor.definitions().attach_disk(spec.uuid, &data, digest).await);
    assert_conflict(&subject.hypervisor.definitions().detach_disk(spec.uuid, &spec.disks[0], None).await);
    assert_eq!(definition(subject, spec.uuid).await.facts.digest(), digest);
    subject.hypervisor.domains().stop(spec.uuid).await.expect("it stops");
    let missing = subject.volume("missing");
    assert_not_found(&subject.hypervisor.definitions().attach_disk(spec.uuid, &missing, digest).await);
    let foreign = subject.foreign();
    for uuid in [foreign, Uuid::new_v4()] {
        assert_not_found(&subject.hypervisor.definitions().attach_disk(uuid, &data, digest).await);
        assert_not_found(&subject.hypervisor.definitions().detach_disk(uuid, &data, None).await);
    }
    subject.hypervisor.adoption().adopt(foreign).await.expect("it is nobody's");
    subject.hypervisor.domains().stop(foreign).await.expect("it stops");
    assert_conflict(&subject.hypervisor.definitions().attach_disk(foreign, &data, digest).await);
    assert_conflict(&subject.hypervisor.definitions().detach_disk(foreign, &data, None).await);
}

/// Two files would then be written that are one disk.
pub async fn a_volume_that_a_disk_stands_on_is_neither_attached_nor_detached(subject: &Subject) {
    let base = subject.create("base.qcow2", 1 << 30).await;
    let top = NewVolume { name: subject.volume("top.qcow2"), capacity: 1 << 30, backing: Some(base.clone()) };
    subject.hypervisor.volumes().create(&top).await.expect("it is created");
    let spec = DomainSpec { disks: vec![top.name], ..subject.spec("web") };
    subject.hypervisor.definitions().define(&spec).await.expect("it is defined");
    if !attaches(subject, spec.uuid, &base).await {
        return;
    }
    let before = definition(subject, spec.uuid).await;
    assert_conflict(&subject.hypervisor.definitions().attach_disk(spec.uuid, &base, before.facts.digest()).await);
    assert_conflict(&subject.hypervisor.definitions().detach_disk(spec.uuid, &base, None).await);
    assert_eq!(definition(subject, spec.uuid).await, before);
}
