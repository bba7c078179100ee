//! The records in memory keep the promises of a repository.

use std::sync::Arc;

use vmm_core::repository::Repository;
use vmm_core::repository::memory::MemoryRepository;
use vmm_testkit::contract::mail::Records;
use vmm_testkit::sample;

mod contract {
    vmm_testkit::repository_contract!(crate::memory::repository);
}

mod mail {
    vmm_testkit::mail_contract!(crate::memory::records);
}

async fn repository() -> Arc<dyn Repository> {
    records().await.repository
}

async fn records() -> Records {
    let repository = MemoryRepository::new();
    repository.audit().use_key(sample::audit_key()).await.expect("an answer");
    Records::of(repository)
}

#[tokio::test]
async fn nothing_is_changed_without_the_key_of_the_audit_log() {
    let repository = MemoryRepository::new();
    let refused = repository.audit().record(sample::audit("vm.ssh")).await.expect_err("there is no key");
    assert!(matches!(refused, vmm_core::Error::Internal { .. }), "{refused:?}");
    assert_ne!(repository.desk(), MemoryRepository::new().desk(), "each desk is another one");
}
