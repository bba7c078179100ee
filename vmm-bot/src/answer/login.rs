//! Work on machines under a login of theirs: known for a time, or asked for before.

use std::sync::Arc;
use std::time::Duration;

use vmm_core::model::{RunId, VmName};
use vmm_core::{Result, SecretString};

use super::script::{self, Plan};
use super::ssh;
use crate::dialogue::{Machines, Missing, Question, Task};
use crate::parts::{Answer, Asked, Parts, work_name};
use crate::post::Place;
use crate::render::login as render;
use crate::secrets::Given;

/// For how long a login is known if its person says nothing else.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// The longest name of a user, in bytes, as Linux has it.
const LONGEST_USER: usize = 32;

/// Does something under the login that is known for all of its machines, or asks for one.
pub(super) async fn begin(parts: &Arc<Parts>, asked: &Asked, task: Task) -> Result<Answer> {
    // A process that was killed over it took the login with it.
    if asked.begun {
        return Ok(Answer::at(Place::Live(work_name(asked.update)), render::interrupted(&task)));
    }
    let vms = match &task {
        Task::Errand { vm, errand } => vec![ssh::machine(parts, asked, vm, errand).await?],
        Task::Run { wish } => match script::plan(parts, asked, wish).await? {
            Plan::Ask(answer) => return Ok(answer),
            Plan::Stored => return script::start(parts, asked, wish.clone(), None).await,
            Plan::On(vms) => vms,
        },
    };
    if let Some(given) = parts.secrets.login(asked.from.person, &vms) {
        return start(parts, asked, task, given).await;
    }
    let reply = render::which_user(&task, &vms);
    Ok(Answer::asking_anew(reply, Question::Login(Missing::User { task })))
}

/// Goes on with what was missing.
pub(super) async fn reply(parts: &Arc<Parts>, asked: &Asked, missing: Missing, text: &str) -> Result<Answer> {
    match missing {
        Missing::Line { vm } => ssh::line(parts, asked, vm, text).await,
        Missing::User { task } => {
            let user = text.trim().to_owned();
            if !is_user(&user) {
                return Ok(Answer::asking(render::no_user(), Question::Login(Missing::User { task })));
            }
            let reply = render::which_password(&task, &user, KEPT);
            Ok(Answer::asking(reply, Question::Login(Missing::Password { task, user })))
        }
        Missing::Password { task, user } => {
            let given = Given { user, password: SecretString::from(text) };
            let (words, document) = task.words();
            parts.hide(asked, &words, document).await?;
            let vms = match &task {
                Task::Errand { vm, .. } => vec![VmName::new(vm.clone())?],
                Task::Run { wish } => script::machines(parts, asked, wish).await?,
            };
            parts.secrets.keep(asked.from.person, &vms, &given, KEPT);
            start(parts, asked, task, given).await
        }
    }
}

/// Keeps logins for longer.
pub(super) async fn keep(parts: &Parts, asked: &Asked, on: Machines, hours: u32) -> Result<Answer> {
    let vms = machines(parts, asked, on).await?;
    let kept = parts.secrets.extend(asked.from.person, &vms, Duration::from_secs(u64::from(hours) * 3600));
    Ok(Answer::toast(render::kept(&vms, kept, hours)))
}

/// Forgets logins.
pub(super) async fn forget(parts: &Parts, asked: &Asked, on: Machines) -> Result<Answer> {
    let vms = machines(parts, asked, on).await?;
    parts.secrets.forget(asked.from.person, &vms);
    Ok(Answer::toast(render::forgotten_on(&vms)))
}

async fn machines(parts: &Parts, asked: &Asked, on: Machines) -> Result<Vec<VmName>> {
    match on {
        Machines::One { vm } => Ok(vec![VmName::new(vm)?]),
        Machines::OfRun { run } => {
            let (_, machines) = parts.vmm.script_run(&asked.actor, RunId(run)).await?;
            Ok(machines.into_iter().map(|machine| machine.name).collect())
        }
    }
}

async fn start(parts: &Arc<Parts>, asked: &Asked, task: Task, given: Given) -> Result<Answer> {
    match task {
        Task::Errand { vm, errand } => ssh::start(parts, asked, VmName::new(vm)?, errand, given).await,
        Task::Run { wish } => script::start(parts, asked, wish, Some(given)).await,
    }
}

fn is_user(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= LONGEST_USER && !name.contains(odd)
}
