//! Budgets where things wait and grow: runs, uploads, small files.

use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vmm_core::files::FileStore;
use vmm_core::model::{
    AuditFilter, FileName, RunState, ScriptArguments, ScriptContent, ScriptFile, ScriptName, VmFilter,
};
use vmm_core::{Budget, Error, Holder, RunDraft, RunTerms, ScriptDraft, SecretString};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::{FILE_LIMIT, FILE_QUOTA, TestDesk};
use vmm_testkit::sample;

/// The time that a refusal may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn name(number: usize) -> FileName {
    FileName::new(format!("file-{number}")).expect("a name")
}

fn over<T>(result: &Result<T, Error>) -> Option<Budget> {
    match result {
        Err(Error::OverBudget { budget, .. }) => Some(*budget),
        _ => None,
    }
}

async fn script(desk: &TestDesk, text: &str) -> ScriptName {
    let draft = ScriptDraft {
        name: sample::script_name(text),
        file: ScriptFile::new("job.sh").expect("a name"),
        command: Some("sh".parse().expect("an interpreter")),
        content: Some(ScriptContent::new("true\n").expect("a text")),
        targets: Vec::new(),
        user: Some("vmm".to_owned()),
        password: Some(SecretString::from("secret")),
    };
    desk.vmm.create_script(&desk.user, draft).await.expect("a free name").script.name
}

fn run_on(script: &ScriptName, vm: &str) -> RunDraft {
    RunDraft {
        script: script.clone(),
        version: None,
        targets: Some(vec![vm.parse().expect("a target")]),
        arguments: ScriptArguments::default(),
        terms: RunTerms { timeout: Some(Duration::from_secs(3600)), ..RunTerms::default() },
    }
}

#[tokio::test]
async fn seventy_runs_that_sleep_on_one_machine_leave_a_run_on_another_one_to_start() {
    let desk = TestDesk::new().await;
    desk.provision("r1", "name,os\nbusy,debian\nother,debian\n").await;
    let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines");
    for vm in vms {
        let answer = if vm.name.as_str() == "busy" { Answer::hangs() } else { Answer::stdout("done\n") };
        desk.remote.answer(SocketAddr::new(vm.ip.expect("it runs"), 22), "job.sh", answer);
    }
    let job = script(&desk, "job").await;
    let mut sleeping = Vec::new();
    for _ in 0..70 {
        sleeping.push(desk.vmm.run_script(&desk.user, run_on(&job, "busy")).await.expect("there is room").id);
    }
    let begun = async || {
        desk.remote.calls().iter().filter(|call| call.line.as_ref().is_some_and(|line| line.contains("job.sh"))).count()
    };
    desk.until("scripts sleep on the machine", async || begun().await == 6).await;
    let run = desk.vmm.run_script(&desk.user, run_on(&job, "other")).await.expect("there is room").id;
    let look = async |id| desk.vmm.script_run(&desk.user, id).await.expect("the run").0.state;
    desk.until("the run ends", async || look(run).await.is_final()).await;
    let mut states = Vec::new();
    for id in &sleeping {
        states.push(look(*id).await);
    }
    for id in sleeping {
        desk.vmm.cancel_script_run(&desk.user, id).await.expect("it goes on");
    }
    assert_eq!(states.iter().filter(|state| **state == RunState::Running).count(), 6, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == RunState::Queued).count(), 64, "{states:?}");
}

#[tokio::test]
async fn who_asks_again_and_again_without_a_place_does_not_fill_the_audit_log() {
    let desk = TestDesk::new().await;
    desk.provision("r1", "name,os\nbusy,debian\n").await;
    let job = script(&desk, "job").await;
    let runs = || desk.vmm.take_place(Budget::Runs, Holder::from(&desk.user)).ok();
    let _held: Vec<_> = std::iter::from_fn(runs).collect();
    let rows = async || desk.vmm.audit(&desk.admin, None, &AuditFilter::default()).await.expect("the log").items.len();
    let before = rows().await;
    for _ in 0..20 {
        let refused = desk.vmm.run_script(&desk.user, run_on(&job, "busy")).await;
        assert_eq!(over(&refused), Some(Budget::Runs));
    }
    assert_eq!(rows().await, before);
}

/// An upload that has sent so much and then nothing.
async fn stalled(desk: &TestDesk, number: usize, told: bool, uploads: &mut JoinSet<Result<(), Error>>) -> DuplexStream {
    let (mut here, there) = tokio::io::duplex(64 << 10);
    let (vmm, user) = (desk.vmm.clone(), desk.user.clone());
    let size = told.then_some(FILE_LIMIT);
    uploads.spawn(async move { vmm.put_file(&user, name(number), size, Box::new(there)).await.map(drop) });
    // What is refused takes nothing.
    let _ = here.write_all(&vec![7; usize::try_from(FILE_LIMIT - 1000).expect("a size")]).await;
    here
}

#[tokio::test]
async fn uploads_that_stall_count_towards_the_stored_bytes_whether_their_size_is_told_or_not() {
    for told in [true, false] {
        let desk = TestDesk::without_image().await;
        let (mut uploads, mut open, mut refused) = (JoinSet::new(), Vec::new(), Vec::new());
        for number in 0..30 {
            open.push(stalled(&desk, number, told, &mut uploads).await);
        }
        let room = usize::try_from(FILE_QUOTA / FILE_LIMIT).expect("a number");
        for _ in room..30 {
            let ended = timeout(PATIENCE, uploads.join_next()).await.expect("in time").expect("an upload");
            refused.push(over(&ended.expect("no panic")));
        }
        assert_eq!(refused, vec![Some(Budget::StoredBytes); 30 - room], "told: {told}");
        let limits = desk.vmm.limits(&desk.user).await.expect("an answer");
        let taken = limits.iter().find(|used| used.budget == Budget::StoredBytes).expect("it is there").taken;
        assert!((2 * (FILE_LIMIT - 1000)..=FILE_QUOTA).contains(&taken), "{taken}");
        uploads.shutdown().await;
        drop(open);
        desk.until("nothing is kept", async || {
            let limits = desk.vmm.limits(&desk.user).await.expect("an answer");
            limits.iter().all(|used| used.taken == 0)
        })
        .await;
        assert!(desk.files.list().await.expect("an answer").is_empty());
    }
}

#[tokio::test]
async fn an_upload_over_the_share_of_uploads_is_refused_before_it_is_read() {
    let desk = TestDesk::with_budgets(|limits| limits.set_share(Budget::Uploads, 1)).await;
    let mut uploads = JoinSet::new();
    let _open = stalled(&desk, 0, true, &mut uploads).await;
    let content = Box::new(tokio::io::repeat(7).take(10));
    assert_eq!(over(&desk.vmm.put_file(&desk.user, name(1), Some(10), content).await), Some(Budget::Uploads));
    let others = desk.vmm.put_file(&desk.admin, name(1), None, Box::new(Cursor::new(vec![7]))).await;
    others.expect("another account's");
    uploads.shutdown().await;
}

#[tokio::test]
async fn seven_hundred_and_thirty_three_empty_files_are_refused_from_the_limit_on() {
    let desk = TestDesk::with_budgets(|limits| limits.set_share(Budget::Files, 20)).await;
    let mut kept = 0;
    for number in 0..733 {
        match desk.vmm.put_file(&desk.user, name(number), Some(0), Box::new(Cursor::new(Vec::new()))).await {
            Ok(_) => kept += 1,
            refused => assert_eq!(over(&refused), Some(Budget::Files)),
        }
    }
    assert_eq!(kept, 20);
    assert_eq!(desk.files.list().await.expect("an answer").len(), 20);
    desk.vmm.delete_file(&desk.user, &name(0)).await.expect("it is there");
    let again = desk.vmm.put_file(&desk.user, name(0), Some(0), Box::new(Cursor::new(Vec::new()))).await;
    again.expect("there is room again");
}

#[tokio::test]
async fn an_owner_deletes_a_script_that_never_ran_and_an_admin_any() {
    let desk = TestDesk::new().await;
    desk.provision("r1", "name,os\nbusy,debian\n").await;
    let (fresh, ran) = (script(&desk, "fresh").await, script(&desk, "ran").await);
    let run = desk.vmm.run_script(&desk.user, run_on(&ran, "busy")).await.expect("a run").id;
    desk.until("the run ends", async || {
        desk.vmm.script_run(&desk.user, run).await.expect("the run").0.state.is_final()
    })
    .await;
    desk.vmm.delete_script(&desk.user, &fresh).await.expect("it is the owner's");
    let refused = desk.vmm.delete_script(&desk.user, &ran).await;
    assert!(matches!(&refused, Err(Error::Conflict { reason, .. }) if reason.contains("has runs")), "{refused:?}");
    desk.vmm.delete_script(&desk.admin, &ran).await.expect("an admin may");
}
