//! Commands on machines.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use vmm_core::model::VmName;
use vmm_core::remote::{self, Login, Output, Progress};
use vmm_core::{Error, Part, Result, SshEvent};

use super::{login, transfer};
use crate::dialogue::{Errand, Missing, Question, Task};
use crate::parts::{Answer, Asked, Parts, work_name};
use crate::post::{Place, Reply};
use crate::render;
use crate::render::output::Tail;
use crate::render::ssh::{Shown, SoFar};
use crate::running::Ticket;
use crate::secrets::Given;

/// Limit for a command.
const DEADLINE: Duration = Duration::from_secs(600);

/// Asks what shall run on a machine.
pub(super) async fn ask(parts: &Parts, asked: &Asked, vm: VmName) -> Result<Answer> {
    parts.vmm.vm(&asked.actor, &vm).await?.0.check_on()?;
    let question = Question::Login(Missing::Line { vm: vm.to_string() });
    Ok(Answer::asking_anew(render::ssh::which_line(&vm), question))
}

/// Runs what shall run.
pub(super) async fn line(parts: &Arc<Parts>, asked: &Asked, vm: String, text: &str) -> Result<Answer> {
    let errand = Errand::Run { line: text.trim().to_owned() };
    login::begin(parts, asked, Task::Errand { vm, errand }).await
}

/// The machine on which something is to be done.
///
/// # Errors
/// If it cannot be done there: nobody shall give a password for nothing.
pub(super) async fn machine(parts: &Parts, asked: &Asked, vm: &str, errand: &Errand) -> Result<VmName> {
    transfer::place(errand)?;
    let vm = VmName::new(vm)?;
    parts.vmm.vm(&asked.actor, &vm).await?.0.check_on()?;
    Ok(vm)
}

/// Does something under this login.
pub(super) async fn start(
    parts: &Arc<Parts>,
    asked: &Asked,
    vm: VmName,
    errand: Errand,
    given: Given,
) -> Result<Answer> {
    let shown = Shown { vm: vm.to_string(), errand };
    let begun = render::ssh::running(&shown, &SoFar::nothing(), asked.update);
    let interrupted = || render::ssh::interrupted(&shown);
    let act = |ticket| {
        let (parts, asked, shown) = (Arc::clone(parts), asked.clone(), shown.clone());
        async move { work(&parts, &asked, &vm, &shown, given, ticket).await }
    };
    parts.work(asked, begun, interrupted, act).await
}

/// Does something to its end, or until somebody does not want that any more.
async fn work(parts: &Parts, asked: &Asked, vm: &VmName, shown: &Shown, given: Given, ticket: Ticket) -> Answer {
    let place = Place::Live(work_name(asked.update));
    let (login, mut tail, progress) = (Login::from(given.clone()), Tail::default(), Progress::new());
    let done = async {
        match &shown.errand {
            Errand::Run { line } => run(parts, asked, vm, shown, login, line, &mut tail).await,
            Errand::Get { .. } => transfer::get(parts, asked, vm, shown, login, &progress).await,
            Errand::Put { document, .. } => transfer::put(parts, asked, vm, shown, login, &progress, document).await,
        }
    };
    let done = tokio::select! {
        done = done => Some(done),
        () = ticket.cancelled() => None,
    };
    let so_far = || match &shown.errand {
        Errand::Run { .. } => SoFar::written(&tail),
        Errand::Get { .. } | Errand::Put { .. } => SoFar::carried(progress.bytes(), progress.total()),
    };
    match done {
        None => Answer::at(place, render::ssh::cancelled(shown, &so_far())),
        Some(Ok((reply, None))) => Answer::at(place, reply),
        Some(Ok((reply, Some(document)))) => Answer::at(place, reply).and(Place::New, document),
        Some(Err(Error::LoginRefused { .. })) => {
            parts.secrets.refused(asked.from.person, std::slice::from_ref(vm), &given);
            Answer::at(place, render::ssh::refused(shown, &given.user))
        }
        Some(Err(error)) => Answer::at(place, render::ssh::failed(shown, &so_far(), &error)),
    }
}

/// What is told of something in the end: the message, and a file if there is one.
pub(super) type Told = (Reply, Option<Reply>);

async fn run(
    parts: &Parts,
    asked: &Asked,
    vm: &VmName,
    shown: &Shown,
    login: Login,
    line: &str,
    tail: &mut Tail,
) -> Result<Told> {
    let (events, output) = mpsc::channel(16);
    let command = remote::Command::new(line).within(DEADLINE);
    let results = tokio::select! {
        results = parts.vmm.follow_ssh(&asked.actor, vm, vec![(login, command)], events) => results?,
        never = follow(parts, asked, shown, tail, output) => match never {},
    };
    Ok(render::ssh::ended(shown, &only(results)?))
}

/// The result of the only command.
fn only(results: Vec<Result<Output>>) -> Result<Output> {
    let none = || Err(Error::unavailable(Part::Machine, "it told nothing of the command"));
    results.into_iter().next().unwrap_or_else(none)
}

/// Shows what a command writes, for as long as somebody waits for it: it does not end.
async fn follow(
    parts: &Parts,
    asked: &Asked,
    shown: &Shown,
    tail: &mut Tail,
    mut events: mpsc::Receiver<SshEvent>,
) -> Infallible {
    let mut edits = interval(parts.pause);
    edits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut news, mut last) = (false, None);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(SshEvent::Output { piece, .. }) => {
                    tail.push(&piece);
                    news = true;
                }
                Some(SshEvent::Ended { .. }) => {}
                None => std::future::pending().await,
            },
            _ = edits.tick(), if news => {
                news = false;
                let reply = render::ssh::running(shown, &SoFar::written(tail), asked.update);
                if last.as_ref() != Some(&reply) {
                    last = Some(reply.clone());
                    show(parts, asked, reply).await;
                }
            }
        }
    }
}

/// Shows how something is that goes on.
pub(super) async fn show(parts: &Parts, asked: &Asked, reply: Reply) {
    if let Err(error) = parts.show(asked, Place::Live(work_name(asked.update)), reply).await {
        tracing::warn!(%error, "how something is on a machine is not shown for now");
    }
}
