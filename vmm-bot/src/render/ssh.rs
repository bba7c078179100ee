//! What is told while a command runs on a machine, and after that.

use std::time::Duration;

use vmm_core::model::VmName;
use vmm_core::remote::{Exit, Output, Stream, Unfinished};
use vmm_core::{Error, TransferReport};

use super::monitor::bytes;
use super::output::{Tail, beginning, end, plain, units};
use super::progress::bar;
use super::{code, escape};
use crate::dialogue::{Errand, Intent, Machines};
use crate::post::{Reply, Wish};

/// How much of what was written a message shows, in units: below the 4096 that it takes, as its head needs some.
const ROOM: usize = 3400;
/// How much of that standard error has if both do not fit.
const STDERR_ROOM: usize = 1000;
/// How many lines a message shows while a command runs.
const LIVE_LINES: usize = 20;
/// How wide a bar is that shows how far a file is carried, in characters.
const BAR: u64 = 10;
/// How much of the command is shown, in units.
const LINE: usize = 300;

/// What is done on which machine.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) vm: String,
    pub(crate) errand: Errand,
}

impl Shown {
    /// It, in a line or so.
    fn line(&self) -> String {
        let line = match &self.errand {
            Errand::Run { line } => plain(line),
            Errand::Get { path } => format!("get {}", plain(path)),
            Errand::Put { directory, document } => format!("put {} to {}", plain(&document.name), plain(directory)),
        };
        beginning(&line, LINE)
    }
}

/// Asks for the command.
pub(crate) fn which_line(vm: &VmName) -> Reply {
    Reply::text(format!(
        "What shall run on {}? All lines of your next message are one command; /cancel if none.",
        code(vm)
    ))
}

/// What is seen of something that has not come to its end.
pub(crate) struct SoFar(String);

impl SoFar {
    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self(String::new())
    }

    /// What a command has written.
    pub(crate) fn written(tail: &Tail) -> Self {
        Self(block(&tail.last(ROOM / 2, LIVE_LINES)))
    }

    /// How much of a file has been carried, once anything is known of it.
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

/// While it goes on.
pub(crate) fn running(shown: &Shown, so_far: &SoFar, update: i64) -> Reply {
    let cancel = ("Cancel".to_owned(), Intent::Cancel { update });
    Reply::text(head(shown, &format!("⏳ It runs.{}", so_far.0))).rows(vec![vec![cancel]])
}

/// After somebody ended it.
pub(crate) fn cancelled(shown: &Shown, so_far: &SoFar) -> Reply {
    let text = head(shown, &format!("⏹ It was cancelled.{}", so_far.0));
    Reply::text(text).rows(vec![again(shown), logins(shown)])
}

/// After a process of vmm was killed over it.
pub(crate) fn interrupted(shown: &Shown) -> Reply {
    let told = "⚠️ vmm was stopped while it ran. It may have been done or not, and I have forgotten your login.";
    Reply::text(head(shown, told)).rows(vec![again(shown)])
}

/// After the machine did not take the login.
pub(crate) fn refused(shown: &Shown, user: &str) -> Reply {
    let told = format!(
        "⚠️ {} refused the login of {}, and I have forgotten it. Nothing ran. Try again with the right user and password.",
        code(&shown.vm),
        code(user)
    );
    Reply::text(head(shown, &told)).rows(vec![again(shown)])
}

/// After it could not be run, or not to its end.
pub(crate) fn failed(shown: &Shown, so_far: &SoFar, error: &Error) -> Reply {
    let text = head(shown, &format!("⚠️ {}{}", super::told(error), so_far.0));
    Reply::text(text).rows(vec![again(shown), logins(shown)])
}

/// After its end; with what it wrote as a document if that is not in the message.
pub(crate) fn ended(shown: &Shown, output: &Output) -> (Reply, Option<Reply>) {
    with_output(shown, &verdict(&output.exit, output.duration), &output.stdout, &output.stderr)
}

/// After it was given up though it may have run; with what had come of it.
pub(crate) fn unfinished(shown: &Shown, error: &Error, unfinished: &Unfinished) -> (Reply, Option<Reply>) {
    with_output(shown, &format!("⚠️ {}.", super::told(error)), &unfinished.stdout, &unfinished.stderr)
}

fn with_output(shown: &Shown, verdict: &str, stdout: &Stream, stderr: &Stream) -> (Reply, Option<Reply>) {
    let (out, err) = (plain(&stdout.text()), plain(&stderr.text()));
    let (out, err) = (out.trim_end(), err.trim_end());
    let fits = units(out) + units(err) <= ROOM;
    let stderr_room = if fits { ROOM } else { STDERR_ROOM.max(ROOM.saturating_sub(units(out))) };
    let err = end(err, stderr_room);
    let out = end(out, ROOM - units(err));
    let whole = fits && [stdout, stderr].into_iter().all(is_text);

    let mut text = head(shown, verdict);
    if stdout.bytes.is_empty() && stderr.bytes.is_empty() {
        text.push_str("\nIt wrote nothing.");
    }
    text.push_str(&block(out));
    if !err.is_empty() {
        text.push_str(&format!("\nStandard error:{}", block(err)));
    }
    let reply = |text| Reply::text(text).rows(vec![again(shown), logins(shown)]);
    if whole {
        return (reply(text), None);
    }
    let name = format!("{}-output.txt", shown.vm);
    text.push_str(&format!("\nThis is its end; all is in {} below.", code(&name)));
    let (content, cut) = content(stdout, stderr);
    let mut caption = format!("What {} wrote.", code(shown.line()));
    if cut {
        caption.push_str(" It wrote more than is kept: the file says where it was cut.");
    }
    (reply(text), Some(Reply::text(caption).document(name, content)))
}

/// After a file has arrived.
pub(crate) fn carried(shown: &Shown, report: &TransferReport) -> Reply {
    let TransferReport { bytes, sha256, duration } = report;
    let told = format!("✅ {bytes} bytes after {:.1} s.\nSHA-256: {}", duration.as_secs_f64(), code(sha256));
    Reply::text(head(shown, &told)).rows(vec![again(shown), logins(shown)])
}

/// A file from a machine.
pub(crate) fn file(shown: &Shown, name: String, content: Vec<u8>) -> Reply {
    Reply::text(format!("From {}.", code(&shown.vm))).document(name, content)
}

/// After an uploaded file could not be had.
pub(crate) fn not_there(shown: &Shown, reason: &str) -> Reply {
    Reply::text(head(shown, &format!("⚠️ {}", escape(reason)))).rows(vec![again(shown), logins(shown)])
}

/// Asks for a file to put onto a machine.
pub(crate) fn which_file() -> Reply {
    Reply::text("Which file? Send it as a document, with this as its caption.")
}

/// After logins were forgotten.
pub(crate) fn forgotten(count: usize) -> Reply {
    Reply::text(match count {
        0 => "I know no login of yours.".to_owned(),
        1 => "I have forgotten your login on 1 machine.".to_owned(),
        _ => format!("I have forgotten your logins on {count} machines."),
    })
}

fn verdict(exit: &Exit, duration: Duration) -> String {
    let took = format!("{:.1} s", duration.as_secs_f64());
    match exit {
        Exit::Code(0) => format!("✅ Exit code 0 after {took}."),
        Exit::Code(exit) => format!("❌ Exit code {exit} after {took}."),
        Exit::Signal(name) => format!("❌ Ended by the signal {} after {took}.", code(name)),
    }
}

fn head(shown: &Shown, told: &str) -> String {
    format!("<b>{}</b>  {}\n{told}", escape(&shown.vm), code(shown.line()))
}

/// A text in fixed width, in lines of its own.
fn block(text: &str) -> String {
    if text.trim().is_empty() { String::new() } else { format!("\n<pre>{}</pre>", escape(text)) }
}

fn again(shown: &Shown) -> Vec<Wish> {
    let Shown { vm, errand } = shown.clone();
    let label = if matches!(errand, Errand::Run { .. }) { "Run it again" } else { "Once more" };
    let other = ("Another command".to_owned(), Intent::Command { vm: vm.clone() });
    vec![(label.to_owned(), Intent::Errand { vm, errand }), other]
}

fn logins(shown: &Shown) -> Vec<Wish> {
    super::login::logins(&Machines::One { vm: shown.vm.clone() })
}

/// Whether this is a text, and all of it.
fn is_text(stream: &Stream) -> bool {
    !stream.truncated() && std::str::from_utf8(&stream.bytes).is_ok()
}

/// All that was kept of what a command wrote, and whether that is not all.
fn content(stdout: &Stream, stderr: &Stream) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    for (name, stream) in [("standard output", stdout), ("standard error", stderr)] {
        if stream.bytes.is_empty() {
            continue;
        }
        if name == "standard error" {
            mark(&mut content, name);
        }
        content.extend_from_slice(&stream.bytes);
        if stream.truncated() {
            mark(&mut content, &format!("{name} was cut after {} of {} bytes", stream.bytes.len(), stream.total));
        }
    }
    (content, stdout.truncated() || stderr.truncated())
}

/// Writes a line that is none of the command's.
fn mark(content: &mut Vec<u8>, words: &str) {
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    content.extend_from_slice(format!("--- {words} ---\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(stdout: &str, stderr: &str) -> Output {
        let stream = |text: &str| Stream { bytes: text.into(), total: text.len() as u64 };
        let duration = Duration::from_millis(1234);
        Output { exit: Exit::Code(0), stdout: stream(stdout), stderr: stream(stderr), duration }
    }

    fn content_of(output: &Output) -> String {
        String::from_utf8(content(&output.stdout, &output.stderr).0).unwrap_or_default()
    }

    #[test]
    fn a_document_marks_standard_error_and_where_it_was_cut() {
        assert_eq!(content_of(&output("a", "b\n")), "a\n--- standard error ---\nb\n");
        assert_eq!(content_of(&output("", "b")), "--- standard error ---\nb");
        let mut cut = output("abc\n", "");
        cut.stdout.total = 9;
        assert_eq!(content_of(&cut), "abc\n--- standard output was cut after 4 of 9 bytes ---\n");
        assert!(content(&cut.stdout, &cut.stderr).1);
    }

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

    #[test]
    fn what_fits_is_in_the_message_alone() {
        let shown = Shown { vm: "web-1".to_owned(), errand: Errand::Run { line: "true <x>".to_owned() } };
        let document = |stdout: &str, stderr: &str| ended(&shown, &output(stdout, stderr)).1.is_some();
        assert!(!document("", "") && !document(&"<".repeat(2000), &"&".repeat(1400)));
        assert!(document(&"😀".repeat(1701), "") && document("", &"x".repeat(3401)));
    }
}
