//! What is answered: an arm for each command, button and question, and one call to the desk in each.

mod definition;
mod errand;
mod group;
mod job;
mod login;
mod need;
mod password;
mod request;
mod run;
mod script;
mod ssh;
mod task;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use vmm_core::model::{VmFilter, VmId, VmName};
use vmm_core::{Actor, Error, Result, SecretString, Vmm};

use crate::command::{self, Command, Misread};
use crate::dialogue::{Errand, Intent, Question, RunWish, Switch, Task};
use crate::parts::{Answer, Asked, Parts};
use crate::post::{Place, Reply};
use crate::render;
use crate::sender::Document;

/// How many machines a message shows.
const PAGE: u32 = 10;
/// How far back a picture of a machine's load goes.
const HISTORY: Duration = Duration::from_secs(3600);

/// Binds a person to the account that a code was made for.
pub(crate) async fn link(parts: &Parts, actor: Option<&Actor>, code: &SecretString, person: i64) -> Result<Reply> {
    match parts.vmm.link_chat(code, person).await {
        Ok(user) => {
            // They were given to the account that this chat spoke for until now.
            parts.secrets.forget_all(person);
            Ok(render::help::linked(&user))
        }
        Err(Error::Unauthenticated) => Ok(render::help::bad_code(actor)),
        Err(error) => Err(error),
    }
}

/// Answers a command of this person, who is bound to an account. What they were asked is asked no more.
pub(crate) async fn command(parts: &Arc<Parts>, asked: &Asked, command: Command) -> Result<Answer> {
    let (vmm, actor) = (&parts.vmm, &asked.actor);
    match command {
        Command::Link(code) => link(parts, Some(actor), &code, asked.from.person).await.map(Answer::from),
        Command::Start | Command::Help => Ok(render::help::help(actor, parts.kind(asked.from).await?).into()),
        Command::Unlink => {
            vmm.unlink_chat(actor, None).await?;
            parts.secrets.forget_all(asked.from.person);
            Ok(render::help::unlinked().into())
        }
        Command::Revoke { everything } => {
            let revoked = vmm.revoke_access(actor, None, everything).await?;
            if everything {
                parts.secrets.forget_all(asked.from.person);
            }
            Ok(render::access::revoked(&revoked).into())
        }
        Command::Vms => page(vmm, actor, None, Vec::new()).await,
        Command::Vm(name) => card(parts, asked, &name).await,
        Command::Monitor(name) => monitor(vmm, actor, &name).await,
        Command::Definition(name) => definition::look(parts, asked, &name).await,
        Command::Reclaim(name) => definition::reclaim(parts, asked, &name).await,
        Command::Requests => request::open(parts, asked).await,
        Command::Request(None) => request::own(parts, asked).await,
        Command::Request(Some(id)) => request::card(parts, asked, &id).await,
        Command::Jobs => job::list(parts, asked).await,
        Command::Password => Ok(password::ask()),
        Command::Scripts => script::list(parts, asked).await,
        Command::Runs => run::list(parts, asked).await,
        Command::Run { script, on } => {
            let wish = RunWish::Script { name: script.to_string(), on };
            login::begin(parts, asked, Task::Run { wish }).await
        }
        Command::Keep { .. } => Ok(render::help::with_file().into()),
        Command::Ssh(vm, Some(line)) => errand(parts, asked, &vm, Errand::Run { line }).await,
        Command::Ssh(vm, None) => ssh::ask(parts, asked, vm).await,
        Command::Get(vm, path) => errand(parts, asked, &vm, Errand::Get { path }).await,
        Command::Put(..) => Ok(render::transfer::which_file().into()),
        Command::Forget => Ok(render::login::all_forgotten(parts.secrets.forget_all(asked.from.person)).into()),
        Command::Allow => group::allow(parts, asked).await,
        Command::Disallow => group::disallow(parts, asked).await,
        Command::Groups => group::list(parts, asked).await,
        Command::Cancel => Ok(render::help::never_mind().into()),
    }
}

/// Answers a press.
pub(crate) async fn press(parts: &Arc<Parts>, asked: &Asked, intent: Intent) -> Result<Answer> {
    let (vmm, actor) = (&parts.vmm, &asked.actor);
    match intent {
        Intent::Page { after, trail } => page(vmm, actor, after, trail).await,
        Intent::Card { vm } => card(parts, asked, &VmName::new(vm)?).await,
        Intent::Monitor { vm } => monitor(vmm, actor, &VmName::new(vm)?).await,
        Intent::Ask { vm, switch } => Ok(render::power::question(&vm, switch).into()),
        Intent::Confirmed { vm, switch } => {
            let interrupted = || render::power::interrupted(&vm, switch);
            parts.once(asked, interrupted, self::switch(vmm, actor, &vm, switch)).await
        }
        Intent::Job(step) => job::step(parts, asked, step).await,
        Intent::Accept { vm, digest } => definition::accept(parts, asked, &vm, &digest).await,
        Intent::Request(step) => request::step(parts, asked, step).await,
        Intent::Script(step) => script::step(parts, asked, step).await,
        Intent::Cancel { update } => Ok(match parts.running.cancel(asked.from.person, update) {
            true => Answer::toast("It is being ended."),
            false => Answer::toast("That has ended already."),
        }),
        Intent::Command { vm } => ssh::ask(parts, asked, VmName::new(vm)?).await,
        Intent::Errand { vm, errand } => login::begin(parts, asked, Task::Errand { vm, errand }).await,
        Intent::KeepLogin { on, hours } => login::keep(parts, asked, on, hours).await,
        Intent::ForgetLogin { on } => login::forget(parts, asked, on).await,
        Intent::Disallow { chat } => group::end(parts, asked, chat).await,
    }
}

/// Answers what this person said to a question.
pub(crate) async fn reply(parts: &Arc<Parts>, asked: &Asked, question: Question, text: &str) -> Result<Answer> {
    match question {
        Question::Reject { id } => request::reject(parts, asked, &id, text).await,
        Question::OldPassword => Ok(password::old(parts, asked, text.to_owned().into())),
        Question::NewPassword => password::new(parts, asked, text.to_owned().into()).await,
        Question::RunOn { script } => script::on(parts, asked, script, text).await,
        Question::Login(missing) => login::reply(parts, asked, missing, text).await,
    }
}

/// Answers a file that somebody has uploaded where that may be done.
pub(crate) async fn document(parts: &Arc<Parts>, asked: &Asked, document: Document, caption: &str) -> Result<Answer> {
    if request::is_table(&document, caption) {
        return request::upload(parts, asked, document, caption).await;
    }
    match command::parse(caption, &parts.name) {
        Ok(Command::Keep { name, words }) => script::keep(parts, asked, document, name, &words).await,
        Ok(Command::Put(vm, directory)) => errand(parts, asked, &vm, Errand::Put { directory, document }).await,
        Err(Misread::Wrong(reason)) => Ok(Reply::text(render::escape(&reason)).into()),
        _ => Ok(render::help::what_with_file().into()),
    }
}

async fn errand(parts: &Arc<Parts>, asked: &Asked, vm: &VmName, errand: Errand) -> Result<Answer> {
    login::begin(parts, asked, Task::Errand { vm: vm.to_string(), errand }).await
}

async fn switch(vmm: &Vmm, actor: &Actor, vm: &str, switch: Switch) -> Result<Answer> {
    let switched = vmm.power(actor, &VmName::new(vm)?, switch.into()).await?;
    Ok(render::power::done(vm, switch, &switched).into())
}

async fn page(vmm: &Vmm, actor: &Actor, after: Option<i64>, trail: Vec<Option<i64>>) -> Result<Answer> {
    let filter = VmFilter { after: after.map(VmId), limit: Some(PAGE), ..VmFilter::default() };
    let page = vmm.vms(actor, &filter).await?;
    Ok(render::vms::list(&page, after, trail).into())
}

async fn card(parts: &Parts, asked: &Asked, name: &VmName) -> Result<Answer> {
    let (vm, disks) = parts.vmm.vm(&asked.actor, name).await?;
    Ok(render::vms::card(&vm, &disks, parts.kind(asked.from).await?.trusted()).into())
}

async fn monitor(vmm: &Vmm, actor: &Actor, name: &VmName) -> Result<Answer> {
    let (now, history) = vmm.monitor_with_history(actor, name, HISTORY).await?;
    let picture = tokio::task::spawn_blocking(move || render::plot::png(&history)).await;
    let picture = picture.unwrap_or_else(|error| {
        tracing::error!(%error, "a picture could not be drawn");
        None
    });
    Ok(Answer::at(Place::New, render::monitor::figures(&now, picture)))
}
