//! An errand on a machine while it goes on, and when it has not come to a good end.

use vmm_core::Error;

use super::monitor::bytes;
use super::output::{Tail, beginning, plain};
use super::progress::bar;
use super::{code, escape};
use crate::talk::dialogue::{Errand, Intent, Machines};
use crate::talk::reply::{Reply, Wish};

/// The longest output in a message, in units. It is below the 4096 that a message can have, since the head needs some.
pub(super) const ROOM: usize = 3400;
/// The largest number of lines in a message while a command runs.
const LIVE_LINES: usize = 20;
/// The width of a transfer's bar, in characters.
const BAR: u64 = 10;
/// The longest text of a command in a message, in units.
const LINE: usize = 300;

/// An errand and its machine, as messages name them.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) vm: String,
    pub(crate) errand: Errand,
}

impl Shown {
    /// Describes the errand in a line or so.
    pub(super) fn line(&self) -> String {
        let line = match &self.errand {
            Errand::Run { line } => plain(line),
            Errand::Get { path } => format!("get {}", plain(path)),
            Errand::Put { directory, document } => format!("put {} to {}", plain(&document.name), plain(directory)),
        };
        beginning(&line, LINE)
    }
}

/// The part of a message that shows the progress of an errand.
pub(crate) struct SoFar(String);

impl SoFar {
    /// Shows nothing.
    pub(crate) fn nothing() -> Self {
        Self(String::new())
    }

    /// Shows the end of what a command has written.
    pub(crate) fn written(tail: &Tail) -> Self {
        Self(block(&tail.last(ROOM / 2, LIVE_LINES)))
    }

    /// Shows how much of a file was carried, once anything is known of it.
    pub(crate) fn carried(done: u64, total: Option<u64>) -> Self {
        let total = match (done, total) {
            (0, None) => return Self::nothing(),
            (_, None | Some(0)) => return Self(format!("\n{}", bytes(done))),
            (_, Some(total)) => total,
        };
        let part = |of: u64| usize::try_from(u128::from(done.min(total)) * u128::from(of) / u128::from(total));
        let (bar, percent) = (bar(part(BAR).unwrap_or_default(), BAR as usize), part(100).unwrap_or_default());
        Self(format!("\n{bar}  {percent} %\n{} of {}", bytes(done), bytes(total)))
    }
}

/// Renders an errand that goes on, with a button to cancel it.
pub(crate) fn running(shown: &Shown, so_far: &SoFar, update: i64) -> Reply {
    let cancel = ("Cancel".to_owned(), Intent::Cancel { update });
    Reply::text(head(shown, &format!("⏳ In progress.{}", so_far.0))).rows(vec![vec![cancel]])
}

/// Renders an errand that its person has cancelled.
pub(crate) fn cancelled(shown: &Shown, so_far: &SoFar) -> Reply {
    let text = head(shown, &format!("⏹ Cancelled.{}", so_far.0));
    Reply::text(text).rows(vec![again(shown), logins(shown)])
}

/// Renders an errand over which a process of vmm was killed.
pub(crate) fn interrupted(shown: &Shown) -> Reply {
    let told = "⚠️ vmm was stopped before this ended, and I have forgotten your login. It may or may not have been \
                done: look at the machine.";
    Reply::text(head(shown, told)).rows(vec![again(shown)])
}

/// Renders an errand whose machine has refused the login.
pub(crate) fn refused(shown: &Shown, user: &str) -> Reply {
    let told = format!(
        "⚠️ {} refused the login of {}, and I have forgotten it. Nothing ran. Try again with the right user and \
         password.",
        code(&shown.vm),
        code(user)
    );
    Reply::text(head(shown, &told)).rows(vec![again(shown)])
}

/// Renders an errand that failed.
pub(crate) fn failed(shown: &Shown, so_far: &SoFar, error: &Error) -> Reply {
    let text = head(shown, &format!("⚠️ {}{}", super::told(error), so_far.0));
    Reply::text(text).rows(vec![again(shown), logins(shown)])
}

/// Renders the machine and the errand, with what is told of it below.
pub(super) fn head(shown: &Shown, told: &str) -> String {
    format!("<b>{}</b>  {}\n{told}", escape(&shown.vm), code(shown.line()))
}

/// Renders a text in fixed width, in lines of its own.
pub(super) fn block(text: &str) -> String {
    if text.trim().is_empty() { String::new() } else { format!("\n<pre>{}</pre>", escape(text)) }
}

/// Returns buttons to do an errand again, or another one on its machine.
pub(super) fn again(shown: &Shown) -> Vec<Wish> {
    let Shown { vm, errand } = shown.clone();
    let label = if matches!(errand, Errand::Run { .. }) { "Run it again" } else { "Do it again" };
    let other = ("Another command".to_owned(), Intent::Command { vm: vm.clone() });
    vec![(label.to_owned(), Intent::Errand { vm, errand }), other]
}

/// Returns buttons for the login on the errand's machine.
pub(super) fn logins(shown: &Shown) -> Vec<Wish> {
    super::login::logins(&Machines::One { vm: shown.vm.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_carried_has_a_bar() {
        let shown = |done, total| SoFar::carried(done, total).0;
        assert_eq!(shown(0, Some(2048)), "\n░░░░░░░░░░  0 %\n0 B of 2 KiB");
        assert_eq!(shown(2047, Some(2048)), "\n▓▓▓▓▓▓▓▓▓░  99 %\n2 KiB of 2 KiB");
        assert_eq!(shown(9, Some(3)), "\n▓▓▓▓▓▓▓▓▓▓  100 %\n9 B of 3 B", "it grows meanwhile");
        assert_eq!((shown(5, None).as_str(), shown(0, Some(0)).as_str()), ("\n5 B", "\n0 B"));
        assert_eq!(shown(0, None), "", "nothing is known of it");
        assert!(shown(u64::MAX / 2, Some(u64::MAX)).contains("  49 %"));
    }
}
