//! Commands on machines.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use vmm_core::model::VmName;
use vmm_core::remote::{self, Login, Output};
use vmm_core::{Error, Part, Result, SshEvent};

use super::errand::{Ended, ErrandWork};
use crate::talk::context::Context;
use crate::talk::dialogue::{Missing, Question};
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render;
use crate::talk::render::errand::SoFar;
use crate::talk::render::output::Tail;

/// Limit for a command.
const DEADLINE: Duration = Duration::from_secs(600);

/// Asks which command is to run on a machine.
pub(super) async fn ask(context: &Context, asked: &Asked, vm: VmName) -> Result<Answer> {
    context.vmm.vm(&asked.actor, &vm).await?.0.check_on()?;
    let question = Question::Login(Missing::Line { vm: vm.to_string() });
    Ok(Answer::asking_anew(render::ssh::which_line(&vm), question))
}

/// The first word that begins with what a phone's keyboard puts for two hyphens or a quote. In straight quotes it may
/// be meant.
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

/// Checks that a command is written as a shell reads it.
///
/// # Errors
/// `Invalid` with the word that a phone's keyboard has changed.
pub(super) fn check(line: &str) -> Result<()> {
    match spoilt(line) {
        None => Ok(()),
        Some(word) => {
            let reason =
                format!("has {word:?}, which your keyboard put in place of hyphens or straight quotes; write those");
            Err(Error::invalid("command", reason))
        }
    }
}

/// Runs a command, and shows the end of its output meanwhile.
pub(super) async fn run(work: &ErrandWork, login: Login, line: &str, tail: &mut Tail) -> Result<Ended> {
    let (events, output) = mpsc::channel(16);
    let commands = vec![(login, remote::Command::new(line).within(DEADLINE))];
    let results = tokio::select! {
        results = work.context.vmm.follow_ssh(&work.asked.actor, &work.vm, commands, events) => results?,
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
    let none =
        || Err(Error::unavailable(Part::Machine, "it did not answer whether the command ran; look at the machine"));
    results.into_iter().next().unwrap_or_else(none)
}

/// Shows what a command writes, for as long as somebody waits for it: it does not end.
async fn follow(work: &ErrandWork, tail: &mut Tail, mut events: mpsc::Receiver<SshEvent>) -> Infallible {
    let mut edits = interval(work.context.pause);
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
