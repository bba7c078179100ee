//! Named scripts: kept from a file, run on many machines, watched.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use vmm_core::model::{
    Again, Run, RunFilter, RunId, RunMachine, RunState, ScriptArguments, ScriptContent, ScriptFilter, ScriptName,
    ScriptTarget, VmName,
};
use vmm_core::{Error, Kind, Result, RunChange, RunDraft, RunTerms, ScriptDraft};

use super::login;
use crate::client;
use crate::dialogue::{Question, RunWish, ScriptStep, Task};
use crate::parts::{Answer, Asked, Parts, work_name};
use crate::post::{Place, Reply};
use crate::render::escape;
use crate::render::script as render;
use crate::running::Ticket;
use crate::secrets::Given;
use crate::sender::Document;

/// How many scripts or runs a list shows.
const LISTED: u32 = 10;
/// The scripts there are.
pub(crate) async fn list(parts: &Parts, asked: &Asked) -> Result<Answer> {
    let filter = ScriptFilter { limit: Some(LISTED), ..ScriptFilter::default() };
    Ok(render::list(&parts.vmm.scripts(&asked.actor, &filter).await?).into())
}

/// The newest runs.
pub(crate) async fn runs(parts: &Parts, asked: &Asked) -> Result<Answer> {
    // To show them begins nothing: the words stand for a repetition that had none of its own.
    if asked.begun {
        return Ok(Answer::at(Place::Live(work_name(asked.update)), render::interrupted("repeat a run")));
    }
    let filter = RunFilter { limit: Some(LISTED), ..RunFilter::default() };
    Ok(render::runs(&parts.vmm.script_runs(&asked.actor, &filter).await?).into())
}

/// Keeps an uploaded file as a script of this name.
pub(crate) async fn keep(
    parts: &Parts,
    asked: &Asked,
    document: Document,
    name: ScriptName,
    words: &[String],
) -> Result<Answer> {
    let most = ScriptContent::LONGEST;
    if usize::try_from(document.size).is_ok_and(|size| size > most) {
        let reason = format!("The file has {} bytes; a script has at most {most}.", document.size);
        return Ok(Reply::text(reason).into());
    }
    let bytes = match client::download(&parts.bot, &document).await {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Reply::text(escape(&reason)).into()),
    };
    let (command, targets) = words.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let draft = ScriptDraft {
        name: name.clone(),
        file: document.name.parse()?,
        command: command.map(|command| command.parse()).transpose()?,
        content: Some(ScriptContent::from_bytes(bytes)?),
        targets: read(targets)?,
        user: None,
        password: None,
    };
    let create = async {
        let saved = parts.vmm.create_script(&asked.actor, draft).await?;
        Ok(render::saved(&saved, &asked.actor).into())
    };
    parts.once(asked, || render::interrupted(&format!("keep the script {name}")), create).await
}

/// Does what a button says.
pub(crate) async fn step(parts: &Arc<Parts>, asked: &Asked, step: ScriptStep) -> Result<Answer> {
    match step {
        ScriptStep::Show { name } => {
            let (script, _) = parts.vmm.script(&asked.actor, &ScriptName::new(name)?, None).await?;
            Ok(render::card(&script, &asked.actor).into())
        }
        ScriptStep::Run { wish } => login::begin(parts, asked, Task::Run { wish }).await,
        ScriptStep::ShowRun { run } => {
            let (run, machines) = parts.vmm.script_run(&asked.actor, RunId(run)).await?;
            let mut answer = Answer::from(render::ended(&run, &machines, false));
            answer.replies.extend(render::output(&run, &machines).map(|reply| (Place::New, reply)));
            Ok(answer)
        }
        ScriptStep::Delete { name } => Ok(render::ask_to_delete(&name).into()),
        ScriptStep::Deleted { name } => {
            let delete = async {
                parts.vmm.delete_script(&asked.actor, &ScriptName::new(name.clone())?).await?;
                Ok(render::deleted(&name).into())
            };
            parts.once(asked, || render::interrupted(&format!("delete the script {name}")), delete).await
        }
    }
}

/// What a run needs before it can begin.
pub(super) enum Plan {
    /// This is to be asked first.
    Ask(Answer),
    /// Nothing: it has the login that its person has stored with the script.
    Stored,
    /// A login on these machines.
    On(Vec<VmName>),
}

/// Finds out what a run needs.
///
/// # Errors
/// If a machine is not there: nobody shall give a password for nothing.
pub(super) async fn plan(parts: &Parts, asked: &Asked, wish: &RunWish) -> Result<Plan> {
    let name = name(parts, asked, wish).await?;
    let script = match (parts.vmm.script(&asked.actor, &name, None).await, wish) {
        (Ok((script, _)), _) => script,
        (Err(Error::NotFound { kind: Kind::Script, .. }), RunWish::Script { on, .. }) => {
            return Ok(Plan::Ask(render::none(&name, on.first()).into()));
        }
        (Err(error), _) => return Err(error),
    };
    if matches!(wish, RunWish::Script { on, .. } if on.is_empty() && script.targets.is_empty()) {
        let question = Question::RunOn { script: script.name.to_string() };
        return Ok(Plan::Ask(Answer::asking_anew(render::on_which(&script.name), question)));
    }
    // A login that is stored with the script is its owner's.
    if Some(script.owner) == asked.user() && script.user.is_some() {
        return Ok(Plan::Stored);
    }
    machines(parts, asked, wish).await.map(Plan::On)
}

/// The machines of a run.
pub(super) async fn machines(parts: &Parts, asked: &Asked, wish: &RunWish) -> Result<Vec<VmName>> {
    match wish {
        RunWish::Again { run } => {
            let (_, machines) = parts.vmm.script_run(&asked.actor, RunId(*run)).await?;
            let again = machines.into_iter().filter(|machine| Again::Nonzero.takes(machine));
            Ok(again.map(|machine| machine.name).collect())
        }
        RunWish::Script { name, on } if on.is_empty() => {
            let (script, _) = parts.vmm.script(&asked.actor, &ScriptName::new(name.clone())?, None).await?;
            parts.vmm.target_machines(&asked.actor, &script.targets).await
        }
        RunWish::Script { on, .. } => parts.vmm.target_machines(&asked.actor, &read(on)?).await,
    }
}

/// Runs a script on the machines that were asked for.
pub(super) async fn on(parts: &Arc<Parts>, asked: &Asked, script: String, text: &str) -> Result<Answer> {
    let on: Vec<_> = text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    read(&on)?;
    login::begin(parts, asked, Task::Run { wish: RunWish::Script { name: script, on } }).await
}

/// The script that is to run.
async fn name(parts: &Parts, asked: &Asked, wish: &RunWish) -> Result<ScriptName> {
    match wish {
        RunWish::Script { name, .. } => ScriptName::new(name.clone()),
        RunWish::Again { run } => Ok(parts.vmm.script_run(&asked.actor, RunId(*run)).await?.0.script_name),
    }
}

/// Runs something under this login, or else under the one that is stored with the script.
pub(super) async fn start(parts: &Arc<Parts>, asked: &Asked, wish: RunWish, given: Option<Given>) -> Result<Answer> {
    let script = name(parts, asked, &wish).await?;
    let targets = match &wish {
        RunWish::Script { on, .. } if !on.is_empty() => Some(read(on)?),
        _ => None,
    };
    let (user, password) = given.clone().map(|Given { user, password }| (user, password)).unzip();
    let terms = RunTerms { user, password, ..RunTerms::default() };
    let (owned, asking) = (Arc::clone(parts), asked.clone());
    let begun = render::begun(&script);
    let interrupted = {
        let task = Task::Run { wish: wish.clone() };
        move || crate::render::login::interrupted(&task)
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
            Err(error) => Answer::at(live, crate::render::error(&error)),
        }
    };
    parts.work(asked, begun, interrupted, act).await
}

/// Shows a run until it has ended.
async fn watch(parts: &Parts, asked: &Asked, ticket: &Ticket, mut run: Run) -> Result<(Run, Vec<RunMachine>)> {
    let mut watch = parts.vmm.watch_run(&asked.actor, run.id).await?;
    let (mut machines, mut changed, mut next) = (Vec::<RunMachine>::new(), false, Instant::now());
    loop {
        tokio::select! {
            // What has changed together is shown together.
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
            () = ticket.cancelled() => match parts.vmm.cancel_script_run(&asked.actor, run.id).await {
                // It has ended in the meantime.
                Ok(_) | Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            },
            () = sleep_until(next), if changed => {
                let shown = render::running(&run, &machines, asked.update);
                parts.show(asked, Place::Live(work_name(asked.update)), shown).await?;
                (changed, next) = (false, Instant::now() + parts.pause);
            }
        }
    }
}

fn read(targets: &[String]) -> Result<Vec<ScriptTarget>> {
    targets.iter().map(|target| target.parse()).collect()
}
