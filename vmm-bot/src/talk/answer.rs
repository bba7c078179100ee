//! The answers: an arm for each command, button and question, with one call to the desk.

mod access;
mod bot_group;
mod definition;
mod errand;
mod job;
pub(crate) mod link;
mod login;
mod monitor;
mod need;
mod password;
mod power;
mod request;
mod run;
mod script;
mod ssh;
mod task;
mod transfer;
mod vm;

use std::sync::Arc;

use vmm_core::Result;
use vmm_core::model::VmName;

use crate::talk::command::{self, Command, Misread};
use crate::talk::context::Context;
use crate::talk::dialogue::{Errand, Intent, Question, RunWish, Task};
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render;
use crate::talk::reply::Reply;
use crate::transport::file::Document;

/// Answers a command of this person, who is bound to an account. What they were asked is asked no more.
pub(crate) async fn command(context: &Arc<Context>, asked: &Asked, command: Command) -> Result<Answer> {
    let actor = &asked.actor;
    match command {
        Command::Link(code) => link::link(context, Some(actor), &code, asked.from.person).await.map(Answer::from),
        Command::Start | Command::Help => Ok(render::help::help(actor, context.kind(asked.from).await?).into()),
        Command::Unlink => link::unlink(context, asked).await,
        Command::Revoke { everything } => access::revoke(context, asked, everything).await,
        Command::Vms => vm::list(context, asked, None, Vec::new()).await,
        Command::Vm(name) => vm::card(context, asked, &name).await,
        Command::Monitor(name) => monitor::show(context, asked, &name).await,
        Command::Definition(name) => definition::look(context, asked, &name).await,
        Command::Reclaim(name) => definition::reclaim(context, asked, &name).await,
        Command::Requests => request::open(context, asked).await,
        Command::Request(None) => request::own(context, asked).await,
        Command::Request(Some(id)) => request::card(context, asked, &id).await,
        Command::Jobs => job::list(context, asked).await,
        Command::Password => Ok(password::ask()),
        Command::Scripts => script::list(context, asked).await,
        Command::Runs => run::list(context, asked).await,
        Command::Run { script, on } => {
            let wish = RunWish::Script { name: script.to_string(), on };
            login::begin(context, asked, Task::Run { wish }).await
        }
        Command::Keep { .. } => Ok(render::help::with_file().into()),
        Command::Ssh(vm, Some(line)) => errand(context, asked, &vm, Errand::Run { line }).await,
        Command::Ssh(vm, None) => ssh::ask(context, asked, vm).await,
        Command::Get(vm, path) => errand(context, asked, &vm, Errand::Get { path }).await,
        Command::Put(..) => Ok(render::transfer::which_file().into()),
        Command::Forget => Ok(render::login::all_forgotten(context.secrets.forget_all(asked.from.person)).into()),
        Command::Allow => bot_group::allow(context, asked).await,
        Command::Disallow => bot_group::disallow(context, asked).await,
        Command::Groups => bot_group::list(context, asked).await,
        Command::Cancel => Ok(render::help::never_mind().into()),
    }
}

/// Answers a press.
pub(crate) async fn press(context: &Arc<Context>, asked: &Asked, intent: Intent) -> Result<Answer> {
    match intent {
        Intent::Page { after, trail } => vm::list(context, asked, after, trail).await,
        Intent::Card { vm } => vm::card(context, asked, &VmName::new(vm)?).await,
        Intent::Monitor { vm } => monitor::show(context, asked, &VmName::new(vm)?).await,
        Intent::Ask { vm, switch } => Ok(render::power::question(&vm, switch).into()),
        Intent::Confirmed { vm, switch } => power::switch(context, asked, &vm, switch).await,
        Intent::Job(step) => job::step(context, asked, step).await,
        Intent::Accept { vm, digest } => definition::accept(context, asked, &vm, &digest).await,
        Intent::Request(step) => request::step(context, asked, step).await,
        Intent::Script(step) => script::step(context, asked, step).await,
        Intent::Cancel { update } => Ok(match context.running.cancel(asked.from.person, update) {
            true => Answer::toast("Cancelling …"),
            false => Answer::toast("This has already ended."),
        }),
        Intent::Command { vm } => ssh::ask(context, asked, VmName::new(vm)?).await,
        Intent::Errand { vm, errand } => login::begin(context, asked, Task::Errand { vm, errand }).await,
        Intent::KeepLogin { on, hours } => login::keep(context, asked, on, hours).await,
        Intent::ForgetLogin { on } => login::forget(context, asked, on).await,
        Intent::Disallow { chat } => bot_group::end(context, asked, chat).await,
    }
}

/// Answers what this person said to a question.
pub(crate) async fn reply(context: &Arc<Context>, asked: &Asked, question: Question, text: &str) -> Result<Answer> {
    match question {
        Question::Reject { id } => request::reject(context, asked, &id, text).await,
        Question::OldPassword => Ok(password::old(context, asked, text.to_owned().into())),
        Question::NewPassword => password::new(context, asked, text.to_owned().into()).await,
        Question::RunOn { script } => script::on(context, asked, script, text).await,
        Question::Login(missing) => login::reply(context, asked, missing, text).await,
    }
}

/// Answers a file that somebody has uploaded where that may be done.
pub(crate) async fn document(
    context: &Arc<Context>,
    asked: &Asked,
    document: Document,
    caption: &str,
) -> Result<Answer> {
    if request::is_table(&document, caption) {
        return request::upload(context, asked, document, caption).await;
    }
    match command::parse(caption, &context.name) {
        Ok(Command::Keep { name, words }) => script::keep(context, asked, document, name, &words).await,
        Ok(Command::Put(vm, directory)) => errand(context, asked, &vm, Errand::Put { directory, document }).await,
        Err(Misread::Wrong(reason)) => Ok(Reply::text(render::escape(&reason)).into()),
        _ => Ok(render::help::what_with_file().into()),
    }
}

async fn errand(context: &Arc<Context>, asked: &Asked, vm: &VmName, errand: Errand) -> Result<Answer> {
    login::begin(context, asked, Task::Errand { vm: vm.to_string(), errand }).await
}
