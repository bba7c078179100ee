//! Commands on machines: the question for one, and what it has written at its end.

use std::time::Duration;

use vmm_core::Error;
use vmm_core::model::VmName;
use vmm_core::remote::{Exit, Output, Stream, Unfinished};

use super::code;
use super::errand::{ROOM, Shown, again, block, head, logins};
use super::output::{end, plain, units};
use crate::talk::reply::Reply;

/// The length of standard error in a message that does not have room for both streams, in units.
const STDERR_ROOM: usize = 1000;

/// Asks for the command.
pub(crate) fn which_line(vm: &VmName) -> Reply {
    Reply::text(format!(
        "Which command is to run on {}? All lines of your next message are one command. /cancel stops this.",
        code(vm)
    ))
}

/// Renders the end of a command, with a document if the whole output is not in the message.
pub(crate) fn ended(shown: &Shown, output: &Output) -> (Reply, Option<Reply>) {
    with_output(shown, &verdict(&output.exit, output.duration), &output.stdout, &output.stderr)
}

/// Renders a command that was given up although it may have run, with the output up to then.
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
        text.push_str("\nThere was no output.");
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
    text.push_str(&format!("\nOnly the end is shown; the file {} below has all of it.", code(&name)));
    let (content, cut) = content(stdout, stderr);
    let mut caption = format!("Output of {}.", code(shown.line()));
    if cut {
        caption.push_str(" The output was longer than vmm keeps; the file says where it was cut.");
    }
    (reply(text), Some(Reply::text(caption).document(name, content)))
}

fn verdict(exit: &Exit, duration: Duration) -> String {
    let took = format!("{:.1} s", duration.as_secs_f64());
    match exit {
        Exit::Code(0) => format!("✅ Exit code 0 after {took}."),
        Exit::Code(exit) => format!("❌ Exit code {exit} after {took}."),
        Exit::Signal(name) => format!("❌ Ended by the signal {} after {took}.", code(name)),
    }
}

/// Returns whether a stream is text and complete.
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
    use crate::talk::dialogue::Errand;

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
    fn what_fits_is_in_the_message_alone() {
        let shown = Shown { vm: "web-1".to_owned(), errand: Errand::Run { line: "true <x>".to_owned() } };
        let document = |stdout: &str, stderr: &str| ended(&shown, &output(stdout, stderr)).1.is_some();
        assert!(!document("", "") && !document(&"<".repeat(2000), &"&".repeat(1400)));
        assert!(document(&"😀".repeat(1701), "") && document("", &"x".repeat(3401)));
    }
}
