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

/// The first word that begins with what a phone's keyboard puts for two hyphens or a quote. In straight quotes it may be
/// meant.
fn spoilt(line: &str) -> Option<&str> {
    let mut quote = None;
    let mut begins = true;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '\u{2013}' | '\u{2014}' | '\u{2018}'..='\u{201f}') if begins => {
                return line[at..].split_whitespace().next();
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        begins = c.is_whitespace();
    }
    None
}

/// The machine on which something is to be done.
///
/// # Errors
/// If it cannot be done there: nobody shall give a password for nothing.
pub(super) async fn machine(parts: &Parts, asked: &Asked, vm: &str, errand: &Errand) -> Result<VmName> {
    transfer::place(errand)?;
    if let Errand::Run { line } = errand
        && let Some(word) = spoilt(line)
    {
        let reason = format!("the keyboard made {word:?} of what was typed; write it with - or straight quotes");
        return Err(Error::invalid("command", reason));
    }
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
    let work = Work { parts: Arc::clone(parts), asked: asked.clone(), vm, shown };
    let (begun, interrupted) = (work.running(&SoFar::nothing()), render::ssh::interrupted(&work.shown));
    parts.work(asked, begun, || interrupted, |ticket| work.done(given, ticket)).await
}

/// Something that is done on a machine, who asked for it, and what it is shown as.
pub(super) struct Work {
    pub(super) parts: Arc<Parts>,
    pub(super) asked: Asked,
    pub(super) vm: VmName,
    pub(super) shown: Shown,
}

impl Work {
    /// Does it to its end, or until somebody does not want that any more.
    async fn done(self, given: Given, ticket: Ticket) -> Answer {
        let place = Place::Live(work_name(self.asked.update));
        let (login, mut tail, progress) = (Login::from(given.clone()), Tail::default(), Progress::new());
        let done = async {
            match &self.shown.errand {
                Errand::Run { line } => run(&self, login, line, &mut tail).await,
                Errand::Get { .. } => transfer::get(&self, login, &progress).await,
                Errand::Put { document, .. } => transfer::put(&self, login, &progress, document).await,
            }
        };
        let done = tokio::select! {
            done = done => Some(done),
            () = ticket.cancelled() => None,
        };
        let shown = &self.shown;
        let so_far = || match &shown.errand {
            Errand::Run { .. } => SoFar::written(&tail),
            Errand::Get { .. } | Errand::Put { .. } => SoFar::carried(progress.bytes(), progress.total()),
        };
        match done {
            None => Answer::at(place, render::ssh::cancelled(shown, &so_far())),
            Some(Ok((reply, None))) => Answer::at(place, reply),
            Some(Ok((reply, Some(document)))) => Answer::at(place, reply).and(Place::New, document),
            Some(Err(Error::LoginRefused { .. })) => {
                self.parts.secrets.refused(self.asked.from.person, std::slice::from_ref(&self.vm), &given);
                Answer::at(place, render::ssh::refused(shown, &given.user))
            }
            Some(Err(error)) => Answer::at(place, render::ssh::failed(shown, &so_far(), &error)),
        }
    }

    /// How it is while it goes on.
    pub(super) fn running(&self, so_far: &SoFar) -> Reply {
        render::ssh::running(&self.shown, so_far, self.asked.update)
    }

    /// Shows how it is.
    pub(super) async fn show(&self, reply: Reply) {
        let place = Place::Live(work_name(self.asked.update));
        if let Err(error) = self.parts.show(&self.asked, place, reply).await {
            tracing::warn!(%error, "how something is on a machine is not shown for now");
        }
    }
}

/// What is told of something in the end: the message, and a file if there is one.
pub(super) type Told = (Reply, Option<Reply>);

async fn run(work: &Work, login: Login, line: &str, tail: &mut Tail) -> Result<Told> {
    let (events, output) = mpsc::channel(16);
    let commands = vec![(login, remote::Command::new(line).within(DEADLINE))];
    let results = tokio::select! {
        results = work.parts.vmm.follow_ssh(&work.asked.actor, &work.vm, commands, events) => results?,
        never = follow(work, tail, output) => match never {},
    };
    match only(results) {
        Ok(output) => Ok(render::ssh::ended(&work.shown, &output)),
        Err(error) => match &error {
            Error::Unfinished(unfinished) => Ok(render::ssh::unfinished(&work.shown, &error, unfinished)),
            _ => Err(error),
        },
    }
}

/// The result of the only command.
fn only(results: Vec<Result<Output>>) -> Result<Output> {
    let none = || Err(Error::unavailable(Part::Machine, "it told nothing of the command"));
    results.into_iter().next().unwrap_or_else(none)
}

/// Shows what a command writes, for as long as somebody waits for it: it does not end.
async fn follow(work: &Work, tail: &mut Tail, mut events: mpsc::Receiver<SshEvent>) -> Infallible {
    let mut edits = interval(work.parts.pause);
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
                let reply = work.running(&SoFar::written(tail));
                if last.as_ref() != Some(&reply) {
                    last = Some(reply.clone());
                    work.show(reply).await;
                }
            }
        }
    }
}
