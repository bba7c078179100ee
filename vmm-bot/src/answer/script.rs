//! Named scripts: kept from a file, run on many machines, watched.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use vmm_core::model::{
    Again, Interpreter, Run, RunFilter, RunId, RunMachine, ScriptArguments, ScriptContent, ScriptFilter, ScriptName,
    ScriptTarget,
};
use vmm_core::{Error, Result, RunDraft, RunTerms, ScriptDraft, SecretString};

use crate::client;
use crate::dialogue::{Question, RunWish, ScriptStep};
use crate::parts::{Answer, Asked, Parts, work_name};
use crate::post::{Place, Reply};
use crate::render::escape;
use crate::render::script as render;
use crate::running::Ticket;
use crate::sender::Document;

/// How many scripts or runs a list shows.
const LISTED: u32 = 10;
/// How often a run is shown anew.
const PACE: Duration = Duration::from_secs(2);
/// What runs a script if nothing is said.
const INTERPRETER: &str = "sh";

/// The scripts there are.
pub(crate) async fn list(parts: &Parts, asked: &Asked) -> Result<Answer> {
    let filter = ScriptFilter { limit: Some(LISTED), ..ScriptFilter::default() };
    Ok(render::list(&parts.vmm.scripts(&asked.actor, &filter).await?).into())
}

/// The newest runs.
pub(crate) async fn runs(parts: &Parts, asked: &Asked) -> Result<Answer> {
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
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Reply::text("The file is not text in UTF-8, which a script has to be.").into());
    };
    let (command, targets) = words.split_first().map_or((INTERPRETER, &[][..]), |(first, rest)| (first, rest));
    let draft = ScriptDraft {
        name: name.clone(),
        file: document.name.parse()?,
        command: command.parse::<Interpreter>()?,
        content: Some(ScriptContent::new(text)?),
        targets: read(targets)?,
        user: None,
        password: None,
    };
    let create = async {
        let script = parts.vmm.create_script(&asked.actor, draft).await?;
        Ok(render::card(&script, &asked.actor).into())
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
        ScriptStep::Run { wish } => run(parts, asked, wish).await,
        ScriptStep::ShowRun { run } => {
            let (run, machines) = parts.vmm.script_run(&asked.actor, RunId(run)).await?;
            let mut answer = Answer::from(render::run(&run, &machines, None));
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

/// Runs something; asks before on which machines and with which login, where that is not known.
pub(crate) async fn run(parts: &Arc<Parts>, asked: &Asked, wish: RunWish) -> Result<Answer> {
    let name = name(parts, asked, &wish).await?;
    // A process that was killed over it took the login with it.
    if parts.mail.has_begun(asked.update).await? {
        return Ok(Answer::at(Place::Live(work_name(asked.update)), render::interrupted(&format!("run {name}"))));
    }
    let (script, _) = parts.vmm.script(&asked.actor, &name, None).await?;
    if matches!(&wish, RunWish::Script { on, .. } if on.is_empty() && script.targets.is_empty()) {
        let question = Question::RunOn { script: name.to_string() };
        return Ok(Answer::asking_anew(render::on_which(&name), question));
    }
    // A login that is stored with the script is its owner's.
    let own = Some(script.owner) == asked.user() && script.user.is_some();
    if !own {
        let question = Question::RunUser { wish };
        return Ok(Answer::asking_anew(render::as_whom(&name), question));
    }
    start(parts, asked, name, wish, RunTerms::default()).await
}

/// Runs a script on the machines that were asked for.
pub(crate) async fn on(parts: &Arc<Parts>, asked: &Asked, script: String, text: &str) -> Result<Answer> {
    let on: Vec<_> = text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    read(&on)?;
    run(parts, asked, RunWish::Script { name: script, on }).await
}

/// Asks for the password of the user that was asked for.
pub(crate) fn user(wish: RunWish, user: &str) -> Answer {
    let user = user.trim().to_owned();
    Answer::asking(render::password(&user), Question::RunPassword { wish, user })
}

/// Runs something with the login that was asked for.
pub(crate) async fn password(
    parts: &Arc<Parts>,
    asked: &Asked,
    wish: RunWish,
    user: String,
    password: SecretString,
) -> Result<Answer> {
    let without = match &wish {
        RunWish::Script { name, .. } => format!("/run {name}"),
        RunWish::Again { .. } => "/runs".to_owned(),
    };
    parts.hide(asked, &without, None).await?;
    let name = name(parts, asked, &wish).await?;
    let terms = RunTerms { user: Some(user), password: Some(password), ..RunTerms::default() };
    start(parts, asked, name, wish, terms).await
}

/// The script that is to run.
async fn name(parts: &Parts, asked: &Asked, wish: &RunWish) -> Result<ScriptName> {
    match wish {
        RunWish::Script { name, .. } => ScriptName::new(name.clone()),
        RunWish::Again { run } => Ok(parts.vmm.script_run(&asked.actor, RunId(*run)).await?.0.script_name),
    }
}

async fn start(parts: &Arc<Parts>, asked: &Asked, name: ScriptName, wish: RunWish, terms: RunTerms) -> Result<Answer> {
    let targets = match &wish {
        RunWish::Script { on, .. } if !on.is_empty() => Some(read(on)?),
        _ => None,
    };
    let (owned, asking) = (Arc::clone(parts), asked.clone());
    let begun = render::begun(&name);
    let interrupted = || render::interrupted(&format!("run {name}"));
    let script = name.clone();
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
                let mut answer = Answer::at(live, render::run(&run, &machines, None));
                answer.replies.extend(render::output(&run, &machines).map(|reply| (Place::New, reply)));
                answer
            }
            Err(error) => Answer::at(live, crate::render::error(&error)),
        }
    };
    parts.work(asked, begun, interrupted, act).await
}

/// Shows a run until it has ended.
async fn watch(parts: &Parts, asked: &Asked, ticket: &Ticket, run: Run) -> Result<(Run, Vec<RunMachine>)> {
    let mut watch = parts.vmm.watch_run(&asked.actor, run.id).await?;
    let (mut changed, mut next) = (true, Instant::now());
    loop {
        tokio::select! {
            change = watch.next() => match change? {
                Some(_) => changed = true,
                None => return parts.vmm.script_run(&asked.actor, run.id).await,
            },
            () = sleep_until(next), if changed => {
                let (run, machines) = parts.vmm.script_run(&asked.actor, run.id).await?;
                let shown = render::run(&run, &machines, Some(asked.update));
                parts.show(asked, Place::Live(work_name(asked.update)), shown).await?;
                (changed, next) = (false, Instant::now() + PACE);
            }
            () = ticket.cancelled() => match parts.vmm.cancel_script_run(&asked.actor, run.id).await {
                // It has ended in the meantime.
                Ok(_) | Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            },
        }
    }
}

fn read(targets: &[String]) -> Result<Vec<ScriptTarget>> {
    targets.iter().map(|target| target.parse()).collect()
}
