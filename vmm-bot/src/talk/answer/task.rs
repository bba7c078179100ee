//! Tasks on machines: what one needs before it can start, and its start once a login is known.

use std::sync::Arc;

use vmm_core::model::VmName;
use vmm_core::remote::{Login, Progress};
use vmm_core::{Error, Result};

use super::errand::ErrandWork;
use super::need::Need;
use super::{run, ssh, transfer};
use crate::talk::context::Context;
use crate::talk::dialogue::{Errand, Task};
use crate::talk::exchange::{Answer, Asked, work_name};
use crate::talk::render;
use crate::talk::render::errand::{Shown, SoFar};
use crate::talk::render::output::Tail;
use crate::talk::reply::Place;
use crate::talk::running::Ticket;
use crate::talk::secrets::Given;

/// Finds out what a task needs.
///
/// # Errors
/// If the task cannot be done on its machines: nobody shall give a password for nothing.
pub(super) async fn need(context: &Context, asked: &Asked, task: &Task) -> Result<Need> {
    match task {
        Task::Errand { vm, errand } => {
            match errand {
                Errand::Run { line } => ssh::check(line)?,
                Errand::Get { .. } | Errand::Put { .. } => drop(transfer::place(errand)?),
            }
            let vm = VmName::new(vm.clone())?;
            context.vmm.vm(&asked.actor, &vm).await?.0.check_on()?;
            Ok(Need::Login(vec![vm]))
        }
        Task::Run { wish } => run::need(context, asked, wish).await,
    }
}

/// Returns the machines of a task.
pub(super) async fn machines(context: &Context, asked: &Asked, task: &Task) -> Result<Vec<VmName>> {
    match task {
        Task::Errand { vm, .. } => Ok(vec![VmName::new(vm.clone())?]),
        Task::Run { wish } => run::machines(context, asked, wish).await,
    }
}

/// Starts a task under a login; without one, a script runs under the login that is stored with it.
pub(super) async fn start(context: &Arc<Context>, asked: &Asked, task: Task, given: Option<Given>) -> Result<Answer> {
    let (vm, errand, given) = match (task, given) {
        (Task::Run { wish }, given) => return run::start(context, asked, wish, given).await,
        (Task::Errand { vm, errand }, Some(given)) => (VmName::new(vm)?, errand, given),
        (Task::Errand { .. }, None) => {
            return Err(Error::invalid("login", "is missing; send the command again"));
        }
    };
    let shown = Shown { vm: vm.to_string(), errand };
    let work = ErrandWork { context: Arc::clone(context), asked: asked.clone(), vm, shown };
    let (begun, interrupted) = (work.running(&SoFar::nothing()), render::errand::interrupted(&work.shown));
    context.work(asked, begun, || interrupted, |ticket| finish(work, given, ticket)).await
}

/// Does an errand to its end, or until its person cancels it.
async fn finish(work: ErrandWork, given: Given, ticket: Ticket) -> Answer {
    let place = Place::Live(work_name(work.asked.update));
    let (login, mut tail, progress) = (Login::from(given.clone()), Tail::default(), Progress::new());
    let done = async {
        match &work.shown.errand {
            Errand::Run { line } => ssh::run(&work, login, line, &mut tail).await,
            Errand::Get { .. } => transfer::get(&work, login, &progress).await,
            Errand::Put { document, .. } => transfer::put(&work, login, &progress, document).await,
        }
    };
    let done = tokio::select! {
        done = done => Some(done),
        () = ticket.cancelled() => None,
    };
    let shown = &work.shown;
    let so_far = || match &shown.errand {
        Errand::Run { .. } => SoFar::written(&tail),
        Errand::Get { .. } | Errand::Put { .. } => SoFar::carried(progress.bytes(), progress.total()),
    };
    match done {
        None => Answer::at(place, render::errand::cancelled(shown, &so_far())),
        Some(Ok((reply, None))) => Answer::at(place, reply),
        Some(Ok((reply, Some(document)))) => Answer::at(place, reply).and(Place::New, document),
        Some(Err(Error::LoginRefused { .. })) => {
            work.context.secrets.refused(work.asked.from.person, std::slice::from_ref(&work.vm), &given);
            Answer::at(place, render::errand::refused(shown, &given.user))
        }
        Some(Err(error)) => Answer::at(place, render::errand::failed(shown, &so_far(), &error)),
    }
}
