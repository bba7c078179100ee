//! The promises of a [`RunRepository`](vmm_core::repository::RunRepository).

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use vmm_core::model::{Run, RunEnd, RunFailure, RunFilter, RunId, RunOutput, RunState, Script, ScriptChange};
use vmm_core::remote::{Exit, Output, Stream};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, audited, race, unaudited};
use crate::sample::{self, Desk};

const ALIVE: Duration = Duration::from_secs(30);

fn output(exit: Exit) -> Output {
    let stream = |bytes: &[u8], total| Stream { bytes: bytes.to_vec(), total };
    let (stdout, stderr) = (stream(&[0xff, 0, b'x'], 70_000), stream(b"", 0));
    Output { exit, stdout, stderr, duration: Duration::from_micros(1_234_567) }
}

async fn script(repository: &Arc<dyn Repository>) -> Script {
    let desk = Desk::make(repository).await;
    let new = sample::script("deploy", desk.user.id);
    repository.scripts().create(new, sample::no_limits(), sample::audit("script.create")).await.expect("a free name")
}

/// A run of the script on so many machines.
async fn start(repository: &Arc<dyn Repository>, script: &Script, machines: usize) -> Run {
    let new = sample::run(script, machines);
    repository.runs().create(new, Utc::now() + ALIVE, sample::audit("script.run")).await.expect("a script")
}

async fn run(repository: &Arc<dyn Repository>, id: RunId) -> Run {
    repository.runs().by_id(id).await.expect("an answer").expect("the run is there")
}

async fn states(repository: &Arc<dyn Repository>, id: RunId) -> Vec<RunState> {
    repository.runs().machines(id).await.expect("an answer").iter().map(|machine| machine.state).collect()
}

async fn begin(repository: &Arc<dyn Repository>, id: RunId, position: usize) {
    assert!(repository.runs().begin(id, position).await.expect("an answer"), "machine {position} was queued");
}

async fn finish(repository: &Arc<dyn Repository>, id: RunId, position: usize, end: RunEnd) {
    repository.runs().finish(id, position, end).await.expect("it is running");
}

/// A run reads as it was recorded, and its machines as they ended.
pub async fn a_run_reads_as_it_was_recorded(repository: Arc<dyn Repository>) {
    let script = script(&repository).await;
    let new = sample::run(&script, 6);
    let create = repository.runs().create(new.clone(), Utc::now() + ALIVE, sample::audit("script.run"));
    let queued = audited(&repository, 1, create).await.expect("a script");
    assert_eq!((queued.script, &queued.script_name, &queued.sha256), (Some(script.id), &script.name, &script.sha256));
    assert_eq!((&queued.file, &queued.command, queued.timeout), (&new.file, &new.command, new.timeout));
    assert_eq!(queued.version, new.version);
    assert_eq!((&queued.arguments, queued.at_once), (&Some(new.arguments.clone()), new.at_once));
    assert_eq!((queued.user, &queued.user_name, &queued.login), (new.user, &new.user_name, &new.login));
    assert_eq!((queued.state, queued.cancel, queued.machines, queued.ended), (RunState::Queued, false, 6, 0));
    let id = queued.id;
    assert_eq!(run(&repository, id).await, queued);

    for position in [0, 1, 2, 4, 5] {
        begin(&repository, id, position).await;
    }
    assert_eq!(run(&repository, id).await.state, RunState::Running);
    let Output { stdout, stderr, duration, .. } = output(Exit::Code(5));
    let (error, kept) = ("its end".to_owned(), RunOutput { stdout, stderr });
    let failure = RunFailure { error, exit: None, output: Some(kept), duration: Some(duration) };
    let known = RunFailure { exit: Some(Exit::Code(5)), ..failure.clone() };
    finish(&repository, id, 4, RunEnd::Failed(known.clone())).await;
    finish(&repository, id, 5, RunEnd::Unknown(failure.clone())).await;
    finish(&repository, id, 0, RunEnd::Done(output(Exit::Code(7)))).await;
    finish(&repository, id, 1, RunEnd::Done(output(Exit::Signal("KILL".to_owned())))).await;
    finish(&repository, id, 2, RunEnd::Failed("it is away".to_owned().into())).await;
    let going_on = run(&repository, id).await;
    assert_eq!((going_on.state, going_on.ended), (RunState::Running, 5));
    begin(&repository, id, 3).await;
    finish(&repository, id, 3, RunEnd::Done(output(Exit::Code(0)))).await;
    assert_eq!(run(&repository, id).await.state, RunState::Unknown);

    let machines = repository.runs().machines(id).await.expect("an answer");
    assert_eq!(machines.iter().map(|machine| (machine.vm, machine.name.clone())).collect::<Vec<_>>(), new.machines);
    let Output { stdout, stderr, duration, .. } = output(Exit::Code(7));
    assert_eq!(machines[0].output, Some(RunOutput { stdout, stderr }));
    assert_eq!((machines[0].duration, &machines[0].exit), (Some(duration), &Some(Exit::Code(7))));
    assert_eq!(machines[1].exit, Some(Exit::Signal("KILL".to_owned())));
    assert_eq!((machines[2].error.as_deref(), &machines[2].output), (Some("it is away"), &None));
    for (machine, state, told) in [(4, RunState::Failed, known), (5, RunState::Unknown, failure)] {
        let machine = &machines[machine];
        let read = (machine.state, machine.error.clone(), &machine.exit, &machine.output, machine.duration);
        assert_eq!(read, (state, Some(told.error), &told.exit, &told.output, told.duration));
    }
}

/// A machine begins once; of many who want to begin it exactly one does, and it ends once.
pub async fn a_machine_of_a_run_begins_once(repository: Arc<dyn Repository>) {
    let script = script(&repository).await;
    let id = start(&repository, &script, 1).await.id;
    let early = repository.runs().finish(id, 0, RunEnd::Cancelled).await;
    assert_conflict(early, &["not running"]);
    let won = race(&repository, 16, move |repository, _| async move {
        match repository.runs().begin(id, 0).await.expect("an answer") {
            true => Ok(()),
            false => Err(vmm_core::Error::conflict(vmm_core::Kind::Run, id, "begun")),
        }
    });
    assert_eq!(won.await, 1);
    finish(&repository, id, 0, RunEnd::Done(output(Exit::Code(0)))).await;
    assert_conflict(repository.runs().finish(id, 0, RunEnd::Cancelled).await, &["not running"]);
    assert!(!repository.runs().begin(id, 0).await.expect("an answer"));
    assert!(!repository.runs().begin(id, 1).await.expect("an answer"), "there is no such machine");
    assert_eq!(run(&repository, id).await.state, RunState::Done);
}

/// A run that nobody keeps alive is interrupted, with what was running and what waited, and none of it begins later.
pub async fn a_run_that_nobody_keeps_alive_is_interrupted(repository: Arc<dyn Repository>) {
    let script = script(&repository).await;
    let (lost, kept) = (start(&repository, &script, 3).await.id, start(&repository, &script, 1).await.id);
    for position in 0..2 {
        begin(&repository, lost, position).await;
    }
    finish(&repository, lost, 0, RunEnd::Done(output(Exit::Code(0)))).await;
    let later = Utc::now() + ALIVE * 2;
    assert_eq!(repository.runs().interrupt_lost(Utc::now()).await.expect("an answer"), []);
    assert_eq!(repository.runs().keep(vec![kept], later + ALIVE).await.expect("an answer"), []);
    assert_eq!(repository.runs().interrupt_lost(later).await.expect("an answer"), [lost]);
    assert_eq!(repository.runs().interrupt_lost(later).await.expect("an answer"), []);
    assert_eq!(run(&repository, lost).await.state, RunState::Interrupted);
    assert_eq!(run(&repository, kept).await.state, RunState::Queued);
    assert_eq!(states(&repository, lost).await, [RunState::Done, RunState::Interrupted, RunState::Interrupted]);
    let machines = repository.runs().machines(lost).await.expect("an answer");
    assert!(machines[1].error.as_deref().expect("a reason").contains("while it ran"));
    assert!(machines[2].error.as_deref().expect("a reason").contains("before it began"));
    assert!(!repository.runs().begin(lost, 2).await.expect("an answer"));
    assert_conflict(repository.runs().finish(lost, 1, RunEnd::Cancelled).await, &["not running"]);
}

/// A run is interrupted by name too; one that has ended stays as it is.
pub async fn an_ended_run_is_not_interrupted(repository: Arc<dyn Repository>) {
    let script = script(&repository).await;
    let (open, ended) = (start(&repository, &script, 1).await.id, start(&repository, &script, 1).await.id);
    begin(&repository, ended, 0).await;
    finish(&repository, ended, 0, RunEnd::Done(output(Exit::Code(0)))).await;
    for id in [open, ended] {
        repository.runs().interrupt(id).await.expect("an answer");
    }
    assert_eq!(run(&repository, open).await.state, RunState::Interrupted);
    assert_eq!(run(&repository, ended).await.state, RunState::Done);
}

/// Cancelling ends what waits at once and is told to who does the run; what has ended stays.
pub async fn a_cancelled_run_begins_nothing_more(repository: Arc<dyn Repository>) {
    let script = script(&repository).await;
    let id = start(&repository, &script, 3).await.id;
    for position in 0..2 {
        begin(&repository, id, position).await;
    }
    finish(&repository, id, 0, RunEnd::Done(output(Exit::Code(0)))).await;
    let cancel = async || repository.runs().cancel(id, sample::audit("run.cancel")).await;
    let asked = audited(&repository, 1, cancel()).await.expect("it goes on");
    assert_eq!((asked.cancel, asked.state), (true, RunState::Running));
    assert_eq!(states(&repository, id).await, [RunState::Done, RunState::Running, RunState::Cancelled]);
    assert!(!repository.runs().begin(id, 2).await.expect("an answer"));
    assert_eq!(repository.runs().keep(vec![id], Utc::now() + ALIVE).await.expect("an answer"), [id]);
    finish(&repository, id, 1, RunEnd::Cancelled).await;
    assert_eq!(run(&repository, id).await.state, RunState::Cancelled);
    unaudited(&repository, async {
        assert_conflict(cancel().await, &["cancelled"]);
        assert_not_found(repository.runs().cancel(RunId(4711), sample::audit("run.cancel")).await);
    })
    .await;
}

/// Runs are listed newest first, by script and state, and at most so many.
pub async fn runs_are_listed_newest_first(repository: Arc<dyn Repository>) {
    let deploy = script(&repository).await;
    let other = sample::script("other", deploy.owner);
    let other = repository
        .scripts()
        .create(other, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let mut ids = Vec::new();
    for script in [&deploy, &other, &deploy] {
        ids.push(start(&repository, script, 1).await.id);
    }
    repository.runs().interrupt(ids[0]).await.expect("an answer");
    let listed = async |filter: RunFilter| -> Vec<RunId> {
        repository.runs().list(&filter).await.expect("an answer").iter().map(|run| run.id).collect()
    };
    let all = RunFilter::default;
    assert_eq!(listed(all()).await, [ids[2], ids[1], ids[0]]);
    let script = Some(sample::script_name("DEPLOY"));
    assert_eq!(listed(RunFilter { script, ..all() }).await, [ids[2], ids[0]]);
    assert_eq!(listed(RunFilter { state: Some(RunState::Interrupted), ..all() }).await, [ids[0]]);
    assert_eq!(listed(RunFilter { limit: Some(1), ..all() }).await, [ids[2]]);
    assert_eq!(listed(RunFilter { before: Some(ids[2]), limit: Some(1), ..all() }).await, [ids[1]]);
}

/// A run and the text that ran outlive the script, its change, and the account that started it.
pub async fn a_run_outlives_its_script(repository: Arc<dyn Repository>) {
    let script = script(&repository).await;
    let id = start(&repository, &script, 1).await.id;
    let content = Some(sample::script_content("echo two\n"));
    let change = ScriptChange { content, ..ScriptChange::default() };
    repository
        .scripts()
        .change(script.id, change, sample::no_limits(), sample::audit("script.change"))
        .await
        .expect("it is there");
    repository.scripts().delete(script.id, false, sample::audit("script.delete")).await.expect("it is there");
    repository
        .users()
        .delete(script.owner, None, sample::audit("user.delete"))
        .await
        .expect("nothing names it any more");
    let after = run(&repository, id).await;
    assert_eq!((after.script, &after.script_name, &after.sha256), (None, &script.name, &script.sha256));
    assert!(repository.scripts().content(&after.sha256).await.expect("an answer").is_some());
}

/// Ended runs are forgotten when they are too old, and the oldest of a script when there are too many; with the last
/// one goes a text that nothing has any more. What goes on is kept.
pub async fn the_oldest_runs_are_forgotten(repository: Arc<dyn Repository>) {
    let deploy = script(&repository).await;
    let other = sample::script("other", deploy.owner);
    let other = repository
        .scripts()
        .create(other, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let (mut ended, mut alone) = (Vec::new(), Vec::new());
    let open = start(&repository, &deploy, 1).await.id;
    for _ in 0..4 {
        ended.push(start(&repository, &deploy, 1).await.id);
        alone.push(start(&repository, &other, 1).await.id);
    }
    for id in ended.iter().chain(&alone) {
        repository.runs().interrupt(*id).await.expect("an answer");
    }
    let left = async || -> Vec<RunId> {
        let runs = repository.runs().list(&RunFilter::default()).await.expect("an answer");
        runs.iter().rev().map(|run| run.id).collect()
    };
    let long_ago = Utc::now() - Duration::from_secs(3600);
    assert_eq!(repository.runs().forget(long_ago, 4).await.expect("an answer"), 0);
    assert_eq!(repository.runs().forget(long_ago, 2).await.expect("an answer"), 4);
    assert_eq!(left().await, [open, ended[2], alone[2], ended[3], alone[3]]);
    repository.scripts().delete(deploy.id, false, sample::audit("script.delete")).await.expect("it is there");
    repository.scripts().delete(other.id, false, sample::audit("script.delete")).await.expect("it is there");
    let kept = async || repository.scripts().content(&deploy.sha256).await.expect("an answer").is_some();
    assert!(kept().await);
    assert_eq!(repository.runs().forget(Utc::now() + ALIVE, 100).await.expect("an answer"), 4);
    assert_eq!(left().await, [open]);
    assert!(kept().await, "the run that goes on has it");
    repository.runs().interrupt(open).await.expect("an answer");
    assert_eq!(repository.runs().forget(Utc::now() + ALIVE, 100).await.expect("an answer"), 1);
    assert!(!kept().await && left().await.is_empty());
}
