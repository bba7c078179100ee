//! The login that a task on machines needs: known for a time, or asked for before.

use std::sync::Arc;
use std::time::Duration;

use vmm_core::model::{RunId, VmName};
use vmm_core::{Result, SecretString};

use super::need::Need;
use super::task;
use crate::talk::context::Context;
use crate::talk::dialogue::{Errand, Machines, Missing, Question, Task};
use crate::talk::exchange::{Answer, Asked, work_name};
use crate::talk::render;
use crate::talk::reply::Place;
use crate::talk::secrets::Given;

/// For how long a login is known if its person says nothing else.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// The longest name of a user, in bytes, as Linux has it.
const LONGEST_USER: usize = 32;

/// Starts a task under the login that is known for all of its machines, or asks for a login.
pub(super) async fn begin(context: &Arc<Context>, asked: &Asked, task: Task) -> Result<Answer> {
    // A process that was killed over it took the login with it.
    if asked.begun {
        return Ok(Answer::at(Place::Live(work_name(asked.update)), render::task::interrupted(&task)));
    }
    let vms = match task::need(context, asked, &task).await? {
        Need::Answer(answer) => return Ok(answer),
        Need::Nothing => return task::start(context, asked, task, None).await,
        Need::Login(vms) => vms,
    };
    if let Some(given) = context.secrets.login(asked.from.person, &vms) {
        return task::start(context, asked, task, Some(given)).await;
    }
    let reply = render::login::which_user(&task, &vms);
    Ok(Answer::asking_anew(reply, Question::Login(Missing::User { task })))
}

/// Takes the answer to what was missing, and asks what else is missing or starts the task.
pub(super) async fn reply(context: &Arc<Context>, asked: &Asked, missing: Missing, text: &str) -> Result<Answer> {
    match missing {
        Missing::Line { vm } => {
            let errand = Errand::Run { line: text.trim().to_owned() };
            begin(context, asked, Task::Errand { vm, errand }).await
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
            context.hide(asked, &words, document).await?;
            let vms = task::machines(context, asked, &task).await?;
            context.secrets.keep(asked.from.person, &vms, &given, KEPT);
            task::start(context, asked, task, Some(given)).await
        }
    }
}

/// Keeps logins for longer.
pub(super) async fn keep(context: &Context, asked: &Asked, on: Machines, hours: u32) -> Result<Answer> {
    let vms = machines(context, asked, on).await?;
    let kept = context.secrets.extend(asked.from.person, &vms, Duration::from_secs(u64::from(hours) * 3600));
    Ok(Answer::toast(render::login::kept(&vms, kept, hours)))
}

/// Forgets logins.
pub(super) async fn forget(context: &Context, asked: &Asked, on: Machines) -> Result<Answer> {
    let vms = machines(context, asked, on).await?;
    context.secrets.forget(asked.from.person, &vms);
    Ok(Answer::toast(render::login::forgotten_on(&vms)))
}

/// Returns the machines that a button about logins names.
async fn machines(context: &Context, asked: &Asked, on: Machines) -> Result<Vec<VmName>> {
    match on {
        Machines::One { vm } => Ok(vec![VmName::new(vm)?]),
        Machines::OfRun { run } => {
            let (_, machines) = context.vmm.script_run(&asked.actor, RunId(run)).await?;
            Ok(machines.into_iter().map(|machine| machine.name).collect())
        }
    }
}

fn is_user(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= LONGEST_USER && !name.contains(odd)
}
