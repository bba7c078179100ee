//! Questions for logins on machines, and replies about these logins.

use std::time::Duration;

use vmm_core::model::VmName;

use super::code;
use crate::talk::dialogue::{HOURS, Intent, Machines, Task};
use crate::talk::reply::{Reply, Wish};

/// The largest number of machines that a question names.
const NAMED: usize = 5;

/// Asks for the user.
pub(crate) fn which_user(task: &Task, vms: &[VmName]) -> Reply {
    let named = vms.iter().take(NAMED).map(code).collect::<Vec<_>>().join(", ");
    let more = vms.len().saturating_sub(NAMED);
    let and = if more > 0 { format!(" and {more} more") } else { String::new() };
    Reply::text(match task {
        Task::Errand { .. } => format!("As which user shall I sign in to {named}?"),
        Task::Run { .. } if vms.len() == 1 => {
            format!("The script will run on {named}. As which user shall I sign in there?")
        }
        Task::Run { .. } => format!(
            "The script will run on {named}{and}. As which user shall I sign in? I use one login on all of them."
        ),
    })
}

/// Asks for the user again, after a text that cannot be one.
pub(crate) fn no_user() -> Reply {
    Reply::text(
        "A user's name is one word of at most 32 bytes, like <code>debian</code>. As which user shall I sign in?",
    )
}

/// Asks for the password.
pub(crate) fn which_password(task: &Task, user: &str, kept: Duration) -> Reply {
    let place = match task {
        Task::Errand { vm, .. } => code(vm),
        Task::Run { .. } => "these machines".to_owned(),
    };
    Reply::text(format!(
        "What is the password of {} on {place}? I delete your message at once. I remember the password for {} \
         minutes, or until you send /forget.",
        code(user),
        kept.as_secs() / 60
    ))
}

/// Buttons for the logins that are known on machines.
pub(crate) fn logins(on: &Machines) -> Vec<Wish> {
    let keep = |hours| (format!("Keep for {hours} h"), Intent::KeepLogin { on: on.clone(), hours });
    let forget = ("Forget the login".to_owned(), Intent::ForgetLogin { on: on.clone() });
    HOURS.map(keep).into_iter().chain([forget]).collect()
}

/// To a press that keeps what is known on so many of these machines.
pub(crate) fn kept(vms: &[VmName], known: usize, hours: u32) -> String {
    match known {
        0 => format!("I do not remember your login on {}.", place(vms)),
        all if all == vms.len() => format!("I remember your login on {} for {hours} h from now.", place(vms)),
        some => format!("I remember your login on {some} of {} for {hours} h from now.", place(vms)),
    }
}

/// To a press that forgets what is known on these machines.
pub(crate) fn forgotten_on(vms: &[VmName]) -> String {
    format!("I have forgotten your login on {}.", place(vms))
}

/// To /forget, after so many logins were forgotten.
pub(crate) fn all_forgotten(count: usize) -> Reply {
    Reply::text(match count {
        0 => "I do not remember any login of yours.".to_owned(),
        1 => "I have forgotten your login on 1 machine.".to_owned(),
        _ => format!("I have forgotten your logins on {count} machines."),
    })
}

fn place(vms: &[VmName]) -> String {
    match vms {
        [vm] => vm.to_string(),
        _ => format!("{} machines", vms.len()),
    }
}
