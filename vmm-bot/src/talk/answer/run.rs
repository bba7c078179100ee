//! Runs of scripts: what one needs, its start, and its live message until it has ended.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use vmm_core::model::{
    Again, Run, RunFilter, RunId, RunMachine, RunState, ScriptArguments, ScriptName, ScriptTarget, VmName,
};
use vmm_core::{Error, Kind, Result, RunChange, RunDraft, RunTerms};

use super::need::Need;
use crate::talk::context::Context;
use crate::talk::dialogue::{Question, RunWish, Task};
use crate::talk::exchange::{Answer, Asked, work_name};
use crate::talk::render::{run as render, script};
use crate::talk::reply::Place;
use crate::talk::running::Ticket;
use crate::talk::secrets::Given;

/// The largest number of runs in a list.
const LISTED: u32 = 10;

/// Lists the newest runs.
pub(super) async fn list(context: &Context, asked: &Asked) -> Result<Answer> {
    // To show them begins nothing: the words stand for a repetition that had none of its own.
    if asked.begun {
        return Ok(Answer::at(Place::Live(work_name(asked.update)), script::interrupted("the repetition of a run")));
    }
    let filter = RunFilter { limit: Some(LISTED), ..RunFilter::default() };
    Ok(render::list(&context.vmm.script_runs(&asked.actor, &filter).await?).into())
}

/// Shows a run with what its machines wrote.
pub(super) async fn show(context: &Context, asked: &Asked, run: RunId) -> Result<Answer> {
    let (run, machines) = context.vmm.script_run(&asked.actor, run).await?;
    let mut answer = Answer::from(render::ended(&run, &machines, false));
    answer.replies.extend(render::output(&run, &machines).map(|reply| (Place::New, reply)));
    Ok(answer)
}

/// Finds out what a run needs before it can start.
///
/// # Errors
/// If a machine is not there: nobody shall give a password for nothing.
pub(super) async fn need(context: &Context, asked: &Asked, wish: &RunWish) -> Result<Need> {
    let name = name(context, asked, wish).await?;
    let script = match (context.vmm.script(&asked.actor, &name, None).await, wish) {
        (Ok((script, _)), _) => script,
        (Err(Error::NotFound { kind: Kind::Script, .. }), RunWish::Script { on, .. }) => {
            return Ok(Need::Answer(script::none(&name, on.first()).into()));
        }
        (Err(error), _) => return Err(error),
    };
    if matches!(wish, RunWish::Script { on, .. } if on.is_empty() && script.targets.is_empty()) {
        let question = Question::RunOn { script: script.name.to_string() };
        return Ok(Need::Answer(Answer::asking_anew(render::on_which(&script.name), question)));
    }
    // A login that is stored with the script is its owner's.
    if Some(script.owner) == asked.user() && script.user.is_some() {
        return Ok(Need::Nothing);
    }
    machines(context, asked, wish).await.map(Need::Login)
}

/// Returns the machines of a run.
pub(super) async fn machines(context: &Context, asked: &Asked, wish: &RunWish) -> Result<Vec<VmName>> {
    match wish {
        RunWish::Again { run } => {
            let (_, machines) = context.vmm.script_run(&asked.actor, RunId(*run)).await?;
            let again = machines.into_iter().filter(|machine| Again::Nonzero.takes(machine));
            Ok(again.map(|machine| machine.name).collect())
        }
        RunWish::Script { name, on } if on.is_empty() => {
            let (script, _) = context.vmm.script(&asked.actor, &ScriptName::new(name.clone())?, None).await?;
            context.vmm.target_machines(&asked.actor, &script.targets).await
        }
        RunWish::Script { on, .. } => context.vmm.target_machines(&asked.actor, &targets(on)?).await,
    }
}

/// Returns the name of the script that is to run.
async fn name(context: &Context, asked: &Asked, wish: &RunWish) -> Result<ScriptName> {
    match wish {
        RunWish::Script { name, .. } => ScriptName::new(name.clone()),
        RunWish::Again { run } => Ok(context.vmm.script_run(&asked.actor, RunId(*run)).await?.0.script_name),
    }
}

/// Runs something under this login, or else under the one that is stored with the script.
pub(super) async fn start(
    context: &Arc<Context>,
    asked: &Asked,
    wish: RunWish,
    given: Option<Given>,
) -> Result<Answer> {
    let script = name(context, asked, &wish).await?;
    let targets = match &wish {
        RunWish::Script { on, .. } if !on.is_empty() => Some(targets(on)?),
        _ => None,
    };
    let (user, password) = given.clone().map(|Given { user, password }| (user, password)).unzip();
    let terms = RunTerms { user, password, ..RunTerms::default() };
    let (owned, asking) = (Arc::clone(context), asked.clone());
    let begun = render::begun(&script);
    let interrupted = {
        let task = Task::Run { wish: wish.clone() };
        move || crate::talk::render::task::interrupted(&task)
    };
    let act = move |ticket| async move {
        let started = match wish {
            RunWish::Script { .. } => {
                let arguments = ScriptArguments::default();
                let draft = RunDraft { script, version: None, targets, arguments, terms };
                owned.vmm.run_script(&asking.actor, draft).await
            }
            RunWish::Again { run } => owned.vmm.rerun_script(&asking.actor, RunId(run), Again::Nonzero, terms).await,
        };
        let watched = match started {
            Ok(run) => watch(&owned, &asking, &ticket, run).await,
            Err(error) => Err(error),
        };
        let live = Place::Live(work_name(asking.update));
        match watched {
            Ok((run, machines)) => {
                if let Some(given) = &given {
                    // One on which it failed may have refused the login.
                    let failed = machines.iter().filter(|machine| machine.state == RunState::Failed);
                    let failed: Vec<_> = failed.map(|machine| machine.name.clone()).collect();
                    owned.secrets.refused(asking.from.person, &failed, given);
                }
                let mut answer = Answer::at(live, render::ended(&run, &machines, given.is_some()));
                answer.replies.extend(render::output(&run, &machines).map(|reply| (Place::New, reply)));
                answer
            }
            Err(error) => Answer::at(live, crate::talk::render::error(&error)),
        }
    };
    context.work(asked, begun, interrupted, act).await
}

/// Shows a run until it has ended.
async fn watch(context: &Context, asked: &Asked, ticket: &Ticket, mut run: Run) -> Result<(Run, Vec<RunMachine>)> {
    let mut watch = context.vmm.watch_run(&asked.actor, run.id).await?;
    let (mut machines, mut changed, mut next) = (Vec::<RunMachine>::new(), false, Instant::now());
    loop {
        tokio::select! {
            // Changes of one moment are shown in one message.
            biased;
            change = watch.next() => {
                match change? {
                    Some(RunChange::Run(now)) => run = now,
                    Some(RunChange::Machine(now)) => match machines.iter_mut().find(|machine| machine.vm == now.vm) {
                        Some(machine) => *machine = now,
                        None => machines.push(now),
                    },
                    None => return Ok((run, machines)),
                }
                changed = true;
            }
            () = ticket.cancelled() => match context.vmm.cancel_script_run(&asked.actor, run.id).await {
                // It has ended in the meantime.
                Ok(_) | Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            },
            () = sleep_until(next), if changed => {
                let shown = render::running(&run, &machines, asked.update);
                context.show(asked, Place::Live(work_name(asked.update)), shown).await?;
                (changed, next) = (false, Instant::now() + context.pause);
            }
        }
    }
}

/// Reads the machines and groups that somebody has written.
pub(super) fn targets(words: &[String]) -> Result<Vec<ScriptTarget>> {
    words.iter().map(|word| word.parse()).collect()
}
