//! The login that a task on machines needs: known for a time, or asked for before.

use std::sync::Arc;
use std::time::Duration;

use vmm_core::model::{RunId, VmName};
use vmm_core::{Result, SecretString};

use super::need::Need;
use super::task;
use crate::dialogue::{Errand, Machines, Missing, Question, Task};
use crate::parts::{Answer, Asked, Parts, work_name};
use crate::post::Place;
use crate::render;
use crate::secrets::Given;

/// For how long a login is known if its person says nothing else.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// The longest name of a user, in bytes, as Linux has it.
const LONGEST_USER: usize = 32;

/// Starts a task under the login that is known for all of its machines, or asks for a login.
pub(super) async fn begin(parts: &Arc<Parts>, asked: &Asked, task: Task) -> Result<Answer> {
    // A process that was killed over it took the login with it.
    if asked.begun {
        return Ok(Answer::at(Place::Live(work_name(asked.update)), render::task::interrupted(&task)));
    }
    let vms = match task::need(parts, asked, &task).await? {
        Need::Answer(answer) => return Ok(answer),
        Need::Nothing => return task::start(parts, asked, task, None).await,
        Need::Login(vms) => vms,
    };
    if let Some(given) = parts.secrets.login(asked.from.person, &vms) {
        return task::start(parts, asked, task, Some(given)).await;
    }
    let reply = render::login::which_user(&task, &vms);
    Ok(Answer::asking_anew(reply, Question::Login(Missing::User { task })))
}

/// Takes the answer to what was missing, and asks what else is missing or starts the task.
pub(super) async fn reply(parts: &Arc<Parts>, asked: &Asked, missing: Missing, text: &str) -> Result<Answer> {
    match missing {
        Missing::Line { vm } => {
            let errand = Errand::Run { line: text.trim().to_owned() };
            begin(parts, asked, Task::Errand { vm, errand }).await
        }
        Missing::User { task } => {
            let user = text.trim().to_owned();
            if !is_user(&user) {
                return Ok(Answer::asking(render::login::no_user(), Question::Login(Missing::User { task })));
            }
            let reply = render::login::which_password(&task, &user, KEPT);
            Ok(Answer::asking(reply, Question::Login(Missing::Password { task, user })))
        }
        Missing::Password { task, user } => {
            let given = Given { user, password: SecretString::from(text) };
            let (words, document) = task.words();
            parts.hide(asked, &words, document).await?;
            let vms = task::machines(parts, asked, &task).await?;
            parts.secrets.keep(asked.from.person, &vms, &given, KEPT);
            task::start(parts, asked, task, Some(given)).await
        }
    }
}

/// Keeps logins for longer.
pub(super) async fn keep(parts: &Parts, asked: &Asked, on: Machines, hours: u32) -> Result<Answer> {
    let vms = machines(parts, asked, on).await?;
    let kept = parts.secrets.extend(asked.from.person, &vms, Duration::from_secs(u64::from(hours) * 3600));
    Ok(Answer::toast(render::login::kept(&vms, kept, hours)))
}

/// Forgets logins.
pub(super) async fn forget(parts: &Parts, asked: &Asked, on: Machines) -> Result<Answer> {
    let vms = machines(parts, asked, on).await?;
    parts.secrets.forget(asked.from.person, &vms);
    Ok(Answer::toast(render::login::forgotten_on(&vms)))
}

/// Returns the machines that a button about logins names.
async fn machines(parts: &Parts, asked: &Asked, on: Machines) -> Result<Vec<VmName>> {
    match on {
        Machines::One { vm } => Ok(vec![VmName::new(vm)?]),
        Machines::OfRun { run } => {
            let (_, machines) = parts.vmm.script_run(&asked.actor, RunId(run)).await?;
            Ok(machines.into_iter().map(|machine| machine.name).collect())
        }
    }
}

fn is_user(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= LONGEST_USER && !name.contains(odd)
}
