//! The owners of volumes in a pool: two desks with the same image, volumes that came by other hands, images that went
//! missing.

use std::collections::HashSet;

use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{Job, JobFilter, JobState, Os, OsFilter, RequestState, Vm, VmFilter, VolumeName};
use vmm_core::{Error, Part, Power, RequestDraft, Result};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

const SPEC: &str = "name,os,ip\nweb-1,debian,192.0.2.50\n";

async fn volumes(desk: &TestDesk) -> Vec<VolumeName> {
    desk.hypervisor.volumes().list().await.expect("it answers").into_iter().map(|volume| volume.name).collect()
}

async fn entry(desk: &TestDesk) -> Os {
    let oses = desk.vmm.oses(&desk.admin, &OsFilter::default()).await.expect("the catalog");
    oses.items.into_iter().next().expect("an entry")
}

async fn image(desk: &TestDesk) -> VolumeName {
    entry(desk).await.image.expect("it is imported").volume
}

async fn restarts(desk: &TestDesk, vm: &Vm) {
    desk.vmm.power(&desk.admin, &vm.name, Power::Stop).await.expect("it stops");
    desk.vmm.power(&desk.admin, &vm.name, Power::Start).await.expect("it starts");
    let domain = desk.hypervisor.domains().by_id(vm.uuid).await.expect("it answers").expect("it is there");
    assert_eq!(domain.state, DomainState::Running);
}

async fn import_again(desk: &TestDesk) -> Job {
    let (_, job) = desk.vmm.import_os(&desk.admin, entry(desk).await.id).await.expect("an import");
    desk.ended(job).await
}

/// Returns the preview's problem of the first row.
async fn refused(desk: &TestDesk) -> String {
    let draft = RequestDraft {
        id: sample::request_id("r9"),
        requester: None,
        description: String::new(),
        spec: "name,os\nweb-9,debian\n".to_owned(),
    };
    match desk.vmm.submit_request(&desk.user, draft).await {
        Err(Error::Invalid(problems)) => problems[0].to_string(),
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn whatever_another_desk_does_with_the_same_image_the_machines_of_a_desk_keep_what_they_stand_on() {
    let first = TestDesk::new().await;
    let vm = first.provision("r1", "name,os\nweb-1,debian\n").await.remove(0);
    let before = volumes(&first).await;

    let mut second = TestDesk::beside(&first).await;
    // Cancelled before it began.
    let (_, job) = second.start_import("debian", "12").await;
    second.vmm.cancel_job(&second.admin, job).await.expect("it is open");
    second.start_worker();
    assert_eq!(second.ended(job).await.state, JobState::Cancelled);
    assert_eq!(volumes(&first).await, before);
    // Failed after the image was copied.
    second.hypervisor.fail_next("volumes.inspect", Error::internal("a fault of the test", "record"));
    let (failed, job) = second.start_import("debian", "13").await;
    assert_eq!(second.ended(job).await.state, JobState::Failed);
    assert_eq!(volumes(&first).await, before);
    assert_eq!(second.vmm.os(&second.admin, failed.id).await.expect("the entry").image, None);
    // Done, and used by a machine that is then removed.
    second.import("debian", "14").await;
    let other = second.provision("r1", "name,os\ndb-1,debian:14\n").await.remove(0);
    let job = second.vmm.delete_vm(&second.admin, &other.name, None).await.expect("a removal");
    assert_eq!(second.ended(job).await.state, JobState::Done);

    assert!(before.iter().all(|volume| !volume.as_str().is_empty()));
    let now = volumes(&first).await;
    assert!(before.iter().all(|volume| now.contains(volume)), "{before:?} became {now:?}");
    assert_eq!(entry(&first).await.problem, None);
    restarts(&first, &vm).await;
}

/// An action of one of two desks on its catalog.
#[derive(Clone, Copy, Debug)]
enum Event {
    Import,
    Cancel,
    Delete,
    Kill,
}

/// Every event of both desks, three in a row, in every order: the shortest list that has each order of three once
/// (a de Bruijn sequence, made as the concatenation of Lyndon words).
fn every_order_of_three() -> Vec<(usize, Event)> {
    const EVENTS: [Event; 4] = [Event::Import, Event::Cancel, Event::Delete, Event::Kill];
    const SYMBOLS: usize = 2 * EVENTS.len();
    let mut order = Vec::new();
    let mut word = vec![0];
    while !word.is_empty() {
        if 3 % word.len() == 0 {
            order.extend_from_slice(&word);
        }
        word = word.iter().copied().cycle().take(3).collect();
        while word.last() == Some(&(SYMBOLS - 1)) {
            word.pop();
        }
        if let Some(last) = word.last_mut() {
            *last += 1;
        }
    }
    order.extend_from_within(..2);
    order.into_iter().map(|symbol| (symbol % 2, EVENTS[symbol / 2])).collect()
}

async fn entries(desk: &TestDesk) -> Vec<Os> {
    desk.vmm.oses(&desk.admin, &OsFilter::default()).await.expect("the catalog").items
}

async fn open_jobs(desk: &TestDesk) -> Vec<Job> {
    let jobs = desk.vmm.jobs(&desk.admin, &JobFilter::default()).await.expect("jobs").items;
    jobs.into_iter().filter(|job| !job.state.is_final()).collect()
}

/// Does what an event says. A refusal is an answer like any other: an entry that is being imported is not deleted.
async fn happens(desk: &mut TestDesk, event: Event, number: usize) {
    match event {
        Event::Import => drop(desk.start_import("debian", &format!("13.{number}")).await),
        Event::Cancel => {
            if let Some(job) = open_jobs(desk).await.first() {
                drop(desk.vmm.cancel_job(&desk.admin, job.id).await);
            }
        }
        Event::Delete => {
            if let Some(os) = entries(desk).await.iter().rfind(|os| os.version.as_str() != "12") {
                drop(desk.vmm.delete_os(&desk.admin, os.id, None).await);
            }
        }
        Event::Kill => {
            desk.kill_worker().await;
            desk.start_worker();
        }
    }
}

/// Every entry that says that it has an image has it in the pool, as it was imported.
async fn keeps_its_images(desk: &TestDesk, after: &str) {
    for os in entries(desk).await {
        assert_eq!(os.problem, None, "{}:{} after {after}", os.name, os.version);
    }
}

#[tokio::test]
async fn in_every_order_of_imports_cancels_deletions_and_kills_no_desk_loses_an_image_and_none_is_left_over() {
    let first = TestDesk::new().await;
    let mut second = TestDesk::beside(&first).await;
    second.start_worker();
    second.import("debian", "12").await;
    let mut desks = [first, second];
    let mut machines = Vec::new();
    for (desk, name) in desks.iter().zip(["web-1", "db-1"]) {
        machines.push(desk.provision("r1", &format!("name,os\n{name},debian:12\n")).await.remove(0));
    }
    let before: HashSet<_> = volumes(&desks[0]).await.into_iter().collect();

    // One import that is cancelled for certain, however fast the computer is.
    desks[0].kill_worker().await;
    happens(&mut desks[0], Event::Import, usize::MAX).await;
    happens(&mut desks[0], Event::Cancel, 0).await;
    desks[0].start_worker();

    let order = every_order_of_three();
    assert_eq!(order.len(), 8 * 8 * 8 + 2);
    for (number, (desk, event)) in order.iter().enumerate() {
        happens(&mut desks[*desk], *event, number).await;
        let now = volumes(&desks[0]).await;
        assert!(before.iter().all(|volume| now.contains(volume)), "{:?}", &order[number.saturating_sub(2)..=number]);
        for desk in &desks {
            keeps_its_images(desk, &format!("{:?}", &order[number.saturating_sub(2)..=number])).await;
        }
    }

    for (desk, vm) in desks.iter().zip(&machines) {
        desk.until("its jobs end", async || open_jobs(desk).await.is_empty()).await;
        let jobs = desk.vmm.jobs(&desk.admin, &JobFilter::default()).await.expect("jobs").items;
        assert!(jobs.iter().any(|job| job.cancel), "no job was cancelled before its end");
        keeps_its_images(desk, "all").await;
        restarts(desk, vm).await;
        let job = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("a removal");
        assert_eq!(desk.ended(job).await.state, JobState::Done);
        for os in entries(desk).await {
            desk.vmm.delete_os(&desk.admin, os.id, None).await.expect("nothing uses it");
        }
        assert!(desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").items.is_empty());
    }
    assert_eq!(volumes(&desks[0]).await, []);
}

#[tokio::test]
async fn a_volume_that_was_there_before_is_neither_used_nor_removed() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    let volume = request.plan.vms[0].disks[0].volume.clone();
    desk.hypervisor.add_volume_behind_back(&volume, 10 << 30);
    desk.approve(&request).await;
    let settled = desk.settled(&request.id).await;
    assert_eq!(settled.state, RequestState::Failed);
    let reason = settled.reason.expect("a reason");
    assert!(reason.contains(volume.as_str()), "{reason}");
    assert!(volumes(&desk).await.contains(&volume));
    assert_eq!(desk.hypervisor.volumes().checksum(&volume).await.expect("it is there"), "somebody else's");
}

#[tokio::test]
async fn a_volume_that_comes_by_other_hands_while_a_job_runs_survives_its_undoing() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    let volume = request.plan.vms[0].disks[0].volume.clone();
    desk.hypervisor.fail_next("network.reserve", Error::unavailable(Part::Hypervisor, "away"));
    desk.approve(&request).await;
    desk.until("the job has begun", async || desk.hypervisor.calls("network.reserve") > 0).await;
    desk.hypervisor.add_volume_behind_back(&volume, 7 << 30);
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Failed);
    let job = desk.jobs(&request.id).await.pop().expect("a job");
    assert_eq!(job.state, JobState::Failed, "{:?}", job.error);
    assert_eq!(desk.hypervisor.volumes().checksum(&volume).await.expect("it is there"), "somebody else's");
    assert!(desk.hypervisor.network().reservations().await.expect("it answers").is_empty());
}

#[tokio::test]
async fn a_new_disk_takes_a_name_that_nothing_in_the_pool_has() {
    let desk = TestDesk::new().await;
    let vm = desk.provision("r1", "name,os\nweb-1,debian\n").await.remove(0);
    desk.vmm.power(&desk.user, &vm.name, Power::Stop).await.expect("it stops");
    let (_, disks) = desk.vmm.vm(&desk.user, &vm.name).await.expect("the machine");
    let system = disks[0].volume.clone().expect("a volume").to_string();
    let taken = VolumeName::new(system.replace("system", "data1")).expect("a name");
    desk.hypervisor.add_volume_behind_back(&taken, 5 << 30);
    let (disk, job) = desk.vmm.add_disk(&desk.admin, &vm.name, 5).await.expect("a disk");
    assert_eq!(desk.ended(job).await.state, JobState::Done);
    assert_eq!(disk.volume.map(|volume| volume.to_string()), Some(system.replace("system", "data2")));
    let job = desk.vmm.delete_disk(&desk.admin, disk.id).await.expect("a removal");
    assert_eq!(desk.ended(job).await.state, JobState::Done);
    assert_eq!(desk.hypervisor.volumes().checksum(&taken).await.expect("it is there"), "somebody else's");
}

#[tokio::test]
async fn a_missing_image_is_shown_and_planned_around_until_it_is_imported_again() {
    let desk = TestDesk::new().await;
    let vm = desk.provision("r1", "name,os\nweb-1,debian\n").await.remove(0);
    let image = image(&desk).await;
    desk.hypervisor.remove_volume_behind_back(&image);
    let problem = entry(&desk).await.problem.expect("it is missing");
    assert!(problem.contains("debian:12") && problem.contains("missing") && problem.contains("import it again"));
    assert!(refused(&desk).await.contains(&problem));

    let job = import_again(&desk).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.error);
    assert_eq!((entry(&desk).await.problem, self::image(&desk).await), (None, image));
    restarts(&desk, &vm).await;
    desk.provision("r2", "name,os\nweb-2,debian\n").await;
}

#[tokio::test]
async fn a_changed_image_is_shown_and_compared_before_it_is_trusted_or_replaced() -> Result<()> {
    let desk = TestDesk::new().await;
    let image = image(&desk).await;
    desk.hypervisor.touch_volume_behind_back(&image, false);
    let problem = entry(&desk).await.problem.expect("it was changed");
    assert!(problem.contains("changed since it was imported"), "{problem}");
    assert!(refused(&desk).await.contains(&problem));
    let imports = desk.hypervisor.calls("volumes.delete");
    assert_eq!(import_again(&desk).await.state, JobState::Done);
    assert_eq!((entry(&desk).await.problem, desk.hypervisor.calls("volumes.delete")), (None, imports));

    // Nothing stands on it: it is replaced.
    let content = desk.hypervisor.volumes().checksum(&image).await?;
    desk.hypervisor.touch_volume_behind_back(&image, true);
    assert_eq!(import_again(&desk).await.state, JobState::Done);
    assert_eq!((entry(&desk).await.problem, desk.hypervisor.volumes().checksum(&image).await?), (None, content));

    // A machine stands on it: it stays, and the job says what to do.
    desk.provision("r1", "name,os\nweb-1,debian\n").await;
    desk.hypervisor.touch_volume_behind_back(&image, true);
    let job = import_again(&desk).await;
    let reason = job.error.expect("a reason");
    assert_eq!(job.state, JobState::Failed);
    assert!(reason.contains("web-1") && reason.contains("backup"), "{reason}");
    assert!(volumes(&desk).await.contains(&image));
    Ok(())
}

#[tokio::test]
async fn an_entry_whose_import_was_cancelled_is_imported_again() {
    let mut desk = TestDesk::without_image().await;
    let (os, job) = desk.start_import("debian", "12").await;
    desk.vmm.cancel_job(&desk.admin, job).await.expect("it is open");
    desk.start_worker();
    assert_eq!(desk.ended(job).await.state, JobState::Cancelled);
    assert_eq!(import_again(&desk).await.state, JobState::Done);
    assert!(desk.vmm.os(&desk.admin, os.id).await.expect("the entry").image.is_some());
}
