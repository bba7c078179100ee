//! The promises of a [`VmRepository`](vmm_core::repository::VmRepository) about definitions.

use std::sync::Arc;

use vmm_core::model::{AcceptedDefinition, Facts, MacAddress, VmId};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, assert_stale, audited, made, vm};
use crate::sample::{self, Desk};

fn facts(memory: &str) -> Facts {
    [("memory".to_owned(), memory.to_owned()), ("disk vda".to_owned(), "/pool/a".to_owned())].into_iter().collect()
}

/// A machine has no kept definition until one is kept; then it is that one, also after another was kept.
pub async fn a_definition_is_kept_with_its_machine(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    made(&repository, &desk, "req-1", "web-1").await;
    let (vms, id) = (repository.vms(), vm(&repository, "web-1").await.id);
    assert_eq!(vms.definition(id).await.expect("an answer"), None);
    for memory in ["512 MiB", "1024 MiB"] {
        vms.keep_definition(id, facts(memory)).await.expect("it is kept");
        assert_eq!(vms.definition(id).await.expect("an answer"), Some(facts(memory)));
    }
    assert_not_found(vms.definition(VmId(4711)).await);
    assert_not_found(vms.keep_definition(VmId(4711), facts("1 MiB")).await);
}

/// An accepted definition goes into the record, its disks and what is kept, in one; a wrong revision or a hardware
/// address of another machine changes nothing.
pub async fn an_accepted_definition_goes_into_the_record(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    made(&repository, &desk, "req-1", "web-1").await;
    made(&repository, &desk, "req-2", "web-2").await;
    let (vms, before) = (repository.vms(), vm(&repository, "web-1").await);
    let disk = repository.disks().of_vm(before.id).await.expect("disks")[0].clone();
    let accepted = AcceptedDefinition {
        vcpu: 7,
        memory: 7777,
        mac: MacAddress::local([7, 7, 7, 7, 7]),
        paths: vec![(disk.id, Some("/pool/other".to_owned()))],
        facts: facts("7777 MiB"),
    };
    let entry = || sample::audit("vm.definition");
    let taken = AcceptedDefinition { mac: vm(&repository, "web-2").await.mac, ..accepted.clone() };
    assert_conflict(vms.accept_definition(before.id, taken, None, entry()).await, &["hardware address"]);
    let stale = Some(vmm_core::model::Revision(before.revision.0 + 1));
    assert_stale(vms.accept_definition(before.id, accepted.clone(), stale, entry()).await);
    assert_eq!(vm(&repository, "web-1").await, before);
    let accepting = vms.accept_definition(before.id, accepted.clone(), Some(before.revision), entry());
    let after = audited(&repository, 1, accepting).await.expect("it is accepted");
    assert_eq!((after.vcpu, after.memory, after.mac), (accepted.vcpu, accepted.memory, accepted.mac));
    assert_eq!(after.revision.0, before.revision.0 + 1);
    assert_eq!(vms.definition(before.id).await.expect("an answer"), Some(accepted.facts));
    let disks = repository.disks().of_vm(before.id).await.expect("disks");
    assert_eq!(disks[0].disk_path.as_deref(), Some("/pool/other"));
}
