//! Stuck jobs in a chat.

use vmm_core::Error;
use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{JobState, PauseReason, VmStatus};
use vmm_testkit::sample;

use crate::app::App;

const SPEC: &str = "name,os,memory,disk\nweb-1,debian:12,512,2\n";

/// A removal of a machine that stopped at its volumes.
async fn stuck(app: &App) -> i64 {
    app.desk.provision("r1", SPEC).await;
    app.desk.hypervisor.fail_next("volumes.delete", Error::conflict(vmm_core::Kind::Volume, "web-1", "is in use"));
    let id = app.desk.vmm.delete_vm(&app.desk.admin, &sample::vm_name("web-1"), None).await.unwrap();
    let is_stuck = async || app.desk.vmm.job(&app.desk.admin, id).await.unwrap().state == JobState::Stuck;
    app.desk.until("the removal is stuck", is_stuck).await;
    id.0
}

#[tokio::test]
async fn an_admin_sees_stuck_jobs_and_tries_them_again() {
    let app = App::new().await;
    let job = stuck(&app).await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    root.says("/jobs");
    let list = root.sees(&format!("Job {job} (delete-vm web-1) is stuck at delete-seed, since")).await;
    root.presses(&list, &format!("Job {job}: web-1")).answer().await;
    let card = root.sees_edit(&list, "is in use").await;
    assert_eq!(card.labels(), ["Try again", "Close", "Refresh", "Stuck jobs"]);
    alice.says("/jobs");
    let theirs = alice.sees("(delete-vm web-1) is stuck").await;
    alice.presses(&theirs, &format!("Job {job}: web-1")).answer().await;
    let theirs = alice.sees_edit(&theirs, "is in use").await;
    alice.presses(&theirs, "Try again");
    alice.sees_edit(&theirs, "may not retry stuck jobs").await;
    root.presses(&card, "Try again").answer().await;
    root.sees_edit(&card, &format!("Job {job} (delete-vm web-1) is queued")).await;
    let is_done =
        async || app.desk.vmm.job(&app.desk.admin, vmm_core::model::JobId(job)).await.unwrap().state == JobState::Done;
    app.desk.until("the removal goes on to its end", is_done).await;
    assert!(app.desk.hypervisor.domains().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_admin_closes_a_stuck_job_after_a_question_and_is_told_what_is_left() {
    let app = App::new().await;
    let job = stuck(&app).await;
    let root = app.linked("Root", &app.desk.admin).await;
    root.says("/jobs");
    let list = root.sees("is stuck").await;
    root.presses(&list, &format!("Job {job}: web-1")).answer().await;
    let card = root.sees_edit(&list, "is in use").await;
    root.presses(&card, "Close").answer().await;
    let question = root.sees_edit(&card, &format!("Close job {job}?")).await;
    assert!(app.audit("job.close").await.is_empty());
    root.presses(&question, "Yes, close").answer().await;
    let closed = root.sees_edit(&question, "closed: left on the host: the volume web-1").await;
    assert_eq!(closed.labels(), ["Refresh", "Stuck jobs"]);
    root.presses(&closed, "Stuck jobs").answer().await;
    root.sees_edit(&closed, "No job is stuck").await;
    assert_eq!(app.audit("job.close").await.len(), 1);
}

#[tokio::test]
async fn every_state_has_its_mark_its_words_and_its_buttons() {
    let app = App::new().await;
    let vm = app.desk.provision("r1", SPEC).await.remove(0);
    let alice = app.linked("Alice", &app.desk.user).await;
    app.desk.hypervisor.set_state(vm.uuid, DomainState::Paused(PauseReason::IoError));
    let is_paused = async || app.desk.vmm.vm(&app.desk.user, &vm.name).await.unwrap().0.status == VmStatus::Paused;
    app.desk.until("it is seen", is_paused).await;
    alice.says("/vm web-1");
    let words = "⏸ web-1 is paused (a disk of it could not be read or written); see whether the host's pool is full";
    let card = alice.sees(words).await;
    assert_eq!(card.labels(), ["Resume", "Power off", "Monitor", "Refresh", "All machines"]);
    alice.presses(&card, "Resume").answer().await;
    let question = alice.sees_edit(&card, "The machine continues where it was paused").await;
    alice.presses(&question, "Yes, resume").answer().await;
    let done = alice.sees_edit(&question, "web-1 was resumed").await;
    app.desk.hypervisor.set_state(vm.uuid, DomainState::Saved);
    alice.presses(&done, "Show the machine").answer().await;
    let card = alice.sees_edit(&done, "💾 web-1 is saved; start it (it continues where it was saved)").await;
    assert_eq!(card.labels(), ["Start", "Discard saved state", "Monitor", "Refresh", "All machines"]);
    alice.presses(&card, "Start").answer().await;
    let question = alice.sees_edit(&card, "If it is saved, it continues where it was saved").await;
    alice.presses(&question, "Yes, start").answer().await;
    let done = alice.sees_edit(&question, "web-1 continues where it was saved").await;
    app.desk.hypervisor.set_state(vm.uuid, DomainState::Saved);
    alice.presses(&done, "Show the machine").answer().await;
    let card = alice.sees_edit(&done, "is saved").await;
    alice.presses(&card, "Discard saved state").answer().await;
    let question = alice.sees_edit(&card, "The saved memory is lost for good").await;
    alice.presses(&question, "Yes, discard saved state").answer().await;
    let done = alice.sees_edit(&question, "web-1 is off, and its saved state is gone").await;
    app.desk.hypervisor.remove_behind_back(vm.uuid);
    alice.presses(&done, "Show the machine").answer().await;
    let card = alice.sees_edit(&done, "❔ web-1 is unknown (its host has no domain with its id").await;
    assert_eq!(card.labels(), ["Monitor", "Refresh", "All machines"]);
}
