//! What a [`DiskRepository`](vmm_core::repository::DiskRepository) promises.

use std::sync::Arc;

use vmm_core::model::{DiskId, DiskRole, PlannedDisk, VolumeName};
use vmm_core::repository::Repository;

use super::{assert_not_found, vm};
use crate::sample::{self, Desk};

/// A machine's disks are listed with the system disk first, and then as planned.
pub async fn the_system_disk_comes_first(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = sample::plan(&desk.os, &["web-1"]);
    for (index, size) in [(1, 100), (2, 50)] {
        let volume = VolumeName::new(format!("web-1-{index}.qcow2")).expect("valid");
        plan.vms[0].disks.push(PlannedDisk { role: DiskRole::Data, volume, size });
    }
    super::submit(&repository, &desk, "req-1", plan).await;
    let disks = repository.disks().of_vm(vm(&repository, "web-1").await.id).await.expect("an answer");
    let seen: Vec<_> = disks.iter().map(|disk| (disk.role, disk.disk_size, disk.disk_path.clone())).collect();
    assert_eq!(seen, [(DiskRole::System, 4, None), (DiskRole::Data, 100, None), (DiskRole::Data, 50, None)]);
}

/// A disk's path is recorded and forgotten.
pub async fn a_path_is_recorded_and_forgotten(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::pending(&repository, &desk, "req-1", &["web-1"]).await;
    let vm = vm(&repository, "web-1").await.id;
    let disk = repository.disks().of_vm(vm).await.expect("an answer").remove(0);
    for path in [Some("/pool/web-1.qcow2".to_owned()), None] {
        repository.disks().set_path(disk.id, path.clone()).await.expect("the disk is there");
        assert_eq!(repository.disks().of_vm(vm).await.expect("an answer")[0].disk_path, path);
    }
    assert_not_found(repository.disks().set_path(DiskId(4711), None).await);
}

/// Disks go with their machine's rows.
pub async fn disks_go_with_their_machine(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::pending(&repository, &desk, "req-1", &["web-1"]).await;
    let vm = vm(&repository, "web-1").await.id;
    super::cancel(&repository, &desk, "req-1").await;
    assert_eq!(repository.disks().of_vm(vm).await.expect("an answer"), []);
}
