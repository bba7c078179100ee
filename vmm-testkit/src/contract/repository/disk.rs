//! The promises of a [`DiskRepository`](vmm_core::repository::DiskRepository).

use std::sync::Arc;

use vmm_core::model::{
    Disk, DiskFilter, DiskId, DiskRole, JobId, JobState, NewDisk, PlannedDisk, Subject, Vm, VolumeName,
};
use vmm_core::repository::Repository;
use vmm_core::{Error, Result};

use super::{assert_conflict, assert_not_found, audited, job, made, unaudited, vm};
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

/// In order of id, of all machines or of one.
pub async fn disks_are_listed_page_by_page(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::pending(&repository, &desk, "req-1", &["b", "a"]).await;
    let list = async |filter: DiskFilter| repository.disks().list(&filter).await.expect("an answer");
    let all = list(DiskFilter::default()).await;
    assert_eq!(all.iter().map(|disk| disk.vm_name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(list(DiskFilter { limit: Some(1), ..DiskFilter::default() }).await, all[..1]);
    assert_eq!(list(DiskFilter { after: Some(all[0].id), ..DiskFilter::default() }).await, all[1..]);
    assert_eq!(list(DiskFilter { vm: Some(sample::vm_name("a")), ..DiskFilter::default() }).await, all[1..]);
    assert_eq!(repository.disks().by_id(all[0].id).await.expect("an answer").as_ref(), Some(&all[0]));
    assert_eq!(repository.disks().by_id(DiskId(4711)).await.expect("an answer"), None);
}

/// Its row is there while it is made, and goes if that fails.
pub async fn a_disk_is_added(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "req-1", "web-1").await;
    for end in [JobState::Failed, JobState::Cancelled, JobState::Done] {
        let (disk, id) =
            audited(&repository, 1, add(&repository, &vm, "web-1.data1.qcow2")).await.expect("all is free");
        assert_eq!((disk.vm, disk.role, disk.disk_size), (vm.id, DiskRole::Data, 5));
        let open = job(&repository, id).await;
        assert_eq!((open.subject, open.vm), (Subject::Disk(disk.id), Some(vm.id)));
        repository.jobs().finish(id, end, None).await.expect("it is open");
        let kept = repository.disks().by_id(disk.id).await.expect("an answer").is_some();
        assert_eq!(kept, end == JobState::Done);
    }
    unaudited(&repository, async {
        assert_conflict(add(&repository, &vm, "web-1.data1.qcow2").await, &["web-1"]);
    })
    .await;
}

/// It has its new size when the job is done; it never shrinks.
pub async fn a_disk_grows(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "req-1", "web-1").await;
    let disks = repository.disks();
    let disk = disks.of_vm(vm.id).await.expect("an answer").remove(0);
    let grow = async |size| disks.grow(disk.id, size, sample::growth(), sample::audit("disk.grow")).await;
    for size in [1, disk.disk_size] {
        let refused = unaudited(&repository, grow(size)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    for (end, expected) in [(JobState::Failed, 4), (JobState::Done, 9)] {
        let (growing, job) = audited(&repository, 1, grow(9)).await.expect("it is larger");
        assert_eq!((growing.disk_size, growing.grow_to), (4, Some(9)));
        repository.jobs().finish(job, end, None).await.expect("it is open");
        let seen = disks.by_id(disk.id).await.expect("an answer").expect("the disk is there");
        assert_eq!((seen.disk_size, seen.grow_to), (expected, None));
    }
    let (_, _) = grow(12).await.expect("it is larger");
    disks.set_size(disk.id, 11).await.expect("the disk is there");
    let seen = disks.by_id(disk.id).await.expect("an answer").expect("the disk is there");
    assert_eq!((seen.disk_size, seen.grow_to), (11, None));
    assert_not_found(disks.set_size(DiskId(4711), 1).await);
}

/// When the job is done its row goes; a system disk stays.
pub async fn a_data_disk_is_removed(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "req-1", "web-1").await;
    let (disk, added) = add(&repository, &vm, "web-1.data1.qcow2").await.expect("all is free");
    repository.jobs().finish(added, JobState::Done, None).await.expect("it is open");
    let system = repository.disks().of_vm(vm.id).await.expect("an answer").remove(0);
    unaudited(&repository, async { assert_conflict(start_delete(&repository, system.id).await, &["system disk"]) })
        .await;
    for end in [JobState::Stuck, JobState::Done] {
        let job = audited(&repository, 1, start_delete(&repository, disk.id)).await.expect("no job is open");
        repository.jobs().finish(job, end, None).await.expect("it is open");
    }
    assert_not_found(start_delete(&repository, disk.id).await);
    assert_eq!(repository.disks().of_vm(vm.id).await.expect("an answer"), [system]);
}

/// Of jobs on a machine and on its disks there is one at a time.
pub async fn one_job_works_on_a_machine(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "req-1", "web-1").await;
    let other = made(&repository, &desk, "req-2", "web-2").await;
    let (disk, id) = add(&repository, &vm, "web-1.data1.qcow2").await.expect("no job is open");
    let working = repository.jobs().on_vm(vm.id).await.expect("an answer").expect("a job");
    assert_eq!((working.id, repository.jobs().on_vm(other.id).await.expect("an answer")), (id, None));
    let system = repository.disks().of_vm(vm.id).await.expect("an answer").remove(0);
    unaudited(&repository, async {
        assert_conflict(add(&repository, &vm, "web-1.data2.qcow2").await, &["add-disk"]);
        let grow = repository.disks().grow(system.id, 9, sample::growth(), sample::audit("disk.grow")).await;
        assert_conflict(grow, &["add-disk"]);
        assert_conflict(start_delete(&repository, disk.id).await, &["add-disk"]);
        let delete = repository.vms().start_delete(vm.id, sample::removal(), None, sample::audit("vm.delete")).await;
        assert_conflict(delete, &["add-disk"]);
    })
    .await;
    repository.jobs().finish(id, JobState::Done, None).await.expect("it is open");
    repository
        .vms()
        .start_delete(vm.id, sample::removal(), None, sample::audit("vm.delete"))
        .await
        .expect("no job is open");
    assert_conflict(add(&repository, &vm, "web-1.data2.qcow2").await, &["removing"]);
    let won = super::race(&repository, 16, move |repository, index| {
        let other = other.clone();
        async move { add(&repository, &other, &format!("web-2.data{index}.qcow2")).await.map(drop) }
    });
    assert_eq!(won.await, 1);
}

/// They are their owner's.
pub async fn the_disks_of_an_adopted_machine_are_left_alone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let adoption = sample::adoption(&desk.user, "old-1");
    let adopted = repository.vms().adopt(adoption, sample::adopting(), sample::audit("vm.adopt")).await;
    repository.jobs().finish(adopted.expect("all is free").1, JobState::Done, None).await.expect("it is open");
    let vm = vm(&repository, "old-1").await;
    let disk = repository.disks().of_vm(vm.id).await.expect("an answer").remove(1);
    unaudited(&repository, async {
        assert_conflict(add(&repository, &vm, "old-1.data1.qcow2").await, &["adopted"]);
        let grow = repository.disks().grow(disk.id, 90, sample::growth(), sample::audit("disk.grow")).await;
        assert_conflict(grow, &["adopted"]);
        assert_conflict(start_delete(&repository, disk.id).await, &["adopted"]);
    })
    .await;
}

async fn add(repository: &Arc<dyn Repository>, vm: &Vm, volume: &str) -> Result<(Disk, JobId)> {
    let disk = NewDisk { vm: vm.id, volume: VolumeName::new(volume).expect("valid"), disk_size: 5 };
    repository.disks().add(disk, sample::addition(), sample::audit("disk.create")).await
}

async fn start_delete(repository: &Arc<dyn Repository>, id: DiskId) -> Result<JobId> {
    repository.disks().start_delete(id, sample::removal(), sample::audit("disk.delete")).await
}
