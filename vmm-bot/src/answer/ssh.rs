//! Commands on machines: asking for what is missing, running, and the logins that are known for a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use vmm_core::model::{VmName, VmStatus};
use vmm_core::remote::{self, Credential, Login, Output};
use vmm_core::{Error, Kind, Part, Result, SecretString, SshEvent};

use super::transfer;
use crate::dialogue::{Errand, Missing, Question};
use crate::parts::{Answer, Asked, Parts, work_name};
use crate::post::{Place, Reply};
use crate::render;
use crate::render::output::Tail;
use crate::render::ssh::Shown;
use crate::running::Ticket;

/// Limit for a command.
const DEADLINE: Duration = Duration::from_secs(600);
/// For how long a login is known if its person says nothing else.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// The shortest time between two edits of a message: Telegram takes about one a second in a chat.
const EDITS: Duration = Duration::from_secs(2);
/// The longest name of a user, in bytes, as Linux has it.
const LONGEST_USER: usize = 32;

/// Asks what shall run on a machine.
pub(super) async fn ask(parts: &Parts, asked: &Asked, vm: VmName) -> Result<Answer> {
    on(parts, asked, &vm).await?;
    let question = Question::Ssh(Missing::Line { vm: vm.to_string() });
    Ok(Answer::asking_anew(render::ssh::which_line(&vm), question))
}

/// Does something on a machine, or asks as whom.
pub(super) async fn begin(parts: &Arc<Parts>, asked: &Asked, vm: VmName, errand: Errand) -> Result<Answer> {
    transfer::place(&errand)?;
    let login = parts.logins.of(asked.from.person, vm.as_str());
    // A process that was killed over it took the login with it.
    if login.is_some() || parts.mail.has_begun(asked.update).await? {
        return start(parts, asked, vm, errand, login).await;
    }
    on(parts, asked, &vm).await?;
    let question = Question::Ssh(Missing::User { vm: vm.to_string(), errand });
    Ok(Answer::asking_anew(render::ssh::which_user(&vm), question))
}

/// Goes on with what was missing.
pub(super) async fn reply(parts: &Arc<Parts>, asked: &Asked, missing: Missing, text: &str) -> Result<Answer> {
    match missing {
        Missing::Line { vm } => {
            let line = text.trim().to_owned();
            begin(parts, asked, VmName::new(vm)?, Errand::Run { line }).await
        }
        Missing::User { vm, errand } => {
            let user = text.trim().to_owned();
            if !is_user(&user) {
                return Ok(Answer::asking(render::ssh::no_user(), Question::Ssh(Missing::User { vm, errand })));
            }
            let reply = render::ssh::which_password(&vm, &user);
            Ok(Answer::asking(reply, Question::Ssh(Missing::Password { vm, errand, user })))
        }
        Missing::Password { vm, errand, user } => {
            let (vm, password) = (VmName::new(vm)?, SecretString::from(text));
            let (words, document) = errand.words(vm.as_str());
            parts.hide(asked, &words, document).await?;
            parts.logins.keep(asked.from.person, vm.as_str(), user.clone(), password.clone(), KEPT);
            let login = Login { user, credential: Credential::Password(password) };
            start(parts, asked, vm, errand, Some(login)).await
        }
    }
}

/// Keeps a login for longer.
pub(super) fn keep(parts: &Parts, asked: &Asked, vm: &str, hours: u32) -> Answer {
    let time = Duration::from_secs(u64::from(hours) * 3600);
    Answer::toast(match parts.logins.extend(asked.from.person, vm, time) {
        true => format!("Your login on {vm} is kept for {hours} h from now."),
        false => format!("Your login on {vm} is not known any more."),
    })
}

/// Forgets a login.
pub(super) fn forget(parts: &Parts, asked: &Asked, vm: &str) -> Answer {
    parts.logins.forget(asked.from.person, Some(vm));
    Answer::toast(format!("Your login on {vm} is forgotten."))
}

fn is_user(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= LONGEST_USER && !name.contains(odd)
}

/// Fails unless this is a machine that is on: nobody shall give a password for nothing.
async fn on(parts: &Parts, asked: &Asked, vm: &VmName) -> Result<()> {
    match parts.vmm.vm(&asked.actor, vm).await?.0.status {
        VmStatus::On => Ok(()),
        VmStatus::Off => Err(Error::conflict(Kind::Vm, vm, "is off; start it first")),
        VmStatus::Request => Err(Error::conflict(Kind::Vm, vm, "is not made yet; wait until it is on")),
    }
}

/// Without a login all that can be told is that it was interrupted.
async fn start(parts: &Arc<Parts>, asked: &Asked, vm: VmName, errand: Errand, login: Option<Login>) -> Result<Answer> {
    let shown = Shown { vm: vm.to_string(), errand };
    let begun = render::ssh::running(&shown, &Tail::default(), asked.update);
    let interrupted = || render::ssh::interrupted(&shown);
    let act = |ticket| {
        let (parts, asked, shown) = (Arc::clone(parts), asked.clone(), shown.clone());
        async move {
            match login {
                Some(login) => work(&parts, &asked, &vm, &shown, login, ticket).await,
                None => Answer::at(Place::Live(work_name(asked.update)), render::ssh::interrupted(&shown)),
            }
        }
    };
    parts.work(asked, begun, interrupted, act).await
}

/// Does something to its end, or until somebody does not want that any more.
async fn work(parts: &Parts, asked: &Asked, vm: &VmName, shown: &Shown, login: Login, ticket: Ticket) -> Answer {
    let place = Place::Live(work_name(asked.update));
    let (user, mut tail) = (login.user.clone(), Tail::default());
    let done = async {
        match &shown.errand {
            Errand::Run { line } => run(parts, asked, vm, shown, login, line, &mut tail).await,
            Errand::Get { .. } => transfer::get(parts, asked, vm, shown, login).await,
            Errand::Put { document, .. } => transfer::put(parts, asked, vm, shown, login, document).await,
        }
    };
    let done = tokio::select! {
        done = done => Some(done),
        () = ticket.cancelled() => None,
    };
    match done {
        None => Answer::at(place, render::ssh::cancelled(shown, &tail)),
        Some(Ok((reply, None))) => Answer::at(place, reply),
        Some(Ok((reply, Some(document)))) => Answer::at(place, reply).and(Place::New, document),
        Some(Err(Error::LoginRefused { .. })) => {
            parts.logins.forget(asked.from.person, Some(vm.as_str()));
            Answer::at(place, render::ssh::refused(shown, &user))
        }
        Some(Err(error)) => Answer::at(place, render::ssh::failed(shown, &tail, &error)),
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
    let mut edits = interval(EDITS);
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
                let reply = render::ssh::running(shown, tail, asked.update);
                if last.as_ref() != Some(&reply) {
                    last = Some(reply.clone());
                    if let Err(error) = parts.show(asked, Place::Live(work_name(asked.update)), reply).await {
                        tracing::warn!(%error, "what a command writes is not shown for now");
                    }
                }
            }
        }
    }
}
