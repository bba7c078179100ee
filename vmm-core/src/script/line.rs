//! The one command that brings a script to a machine and runs it there.

use std::time::Duration;

use uuid::Uuid;

use crate::model::{Interpreter, RunEnd, RunFailure, RunOutput, ScriptArguments, ScriptContent, ScriptFile};
use crate::remote::{Command, Exit, Output, Processes, Stream, Unfinished};

/// Gets a mark, the length of its input, the text's length, the file's name and the interpreter as arguments, and as
/// standard input the text and, behind it, a command that adds the script's file and arguments to its own.
///
/// The arguments come this way since they may hold every character, and no quoting is safe for whatever shell the user
/// has; the shell that reads the command is `sh`. The text goes into a file in a private directory, which is removed at
/// the end, also when a signal that can be heard ends it; a broken pipe is one, since nobody may be left to read what
/// the shell says of its child's end. A text that did not arrive whole is not run. What goes wrong before the script
/// begins ends with the mark in the error output; a script that begins has a line with the mark and [`BEGUN`] before
/// its own. An account that runs something else has neither. Nobody but vmm sees the mark.
///
/// It stands in single quotes for whatever shell the user has, so it holds no quote, no backslash and no exclamation
/// mark.
const WRAPPER: &str = "m=$1 t=$2 n=$3 f=$4 d=; shift 4; \
    c() { cd /; test -z \"$d\" || rm -rf \"$d\"; }; \
    trap c EXIT; trap \"exit 129\" HUP; trap \"exit 130\" INT; trap \"exit 141\" PIPE; trap \"exit 143\" TERM; \
    d=$(mktemp -d) && cd \"$d\" && cat >.all && test $(wc -c <.all) -eq $t && head -c $n .all >\"$f\" && \
    a=$(tail -c +$((n+1)) .all) && rm .all || { echo $m >&2; exit 1; }; \
    echo $m-begun >&2; eval \"$a\"; \"$@\" </dev/null";
/// The words after the mark when the script begins.
const BEGUN: &str = "-begun\n";

/// A script on its way to one machine.
pub(super) struct Delivery {
    mark: String,
    /// The number of bytes that are kept of each stream of the script.
    output_limit: usize,
    pub(super) command: Command,
}

impl Delivery {
    pub(super) fn new(
        interpreter: &Interpreter,
        file: &ScriptFile,
        content: &ScriptContent,
        arguments: &ScriptArguments,
        timeout: Duration,
        output_limit: usize,
    ) -> Self {
        let (mark, text) = (format!("vmm-{}", Uuid::new_v4()), content.as_str());
        let input = format!("{text}{}", tail(file, arguments));
        // Every one of these is of characters that mean nothing inside single quotes.
        let words = [&mark, &input.len().to_string(), &text.len().to_string(), file.as_str()].map(quoted).join(" ");
        let interpreter: Vec<_> = interpreter.words().iter().map(|word| quoted(word)).collect();
        let line = format!("exec sh -c {} sh {words} {}", quoted(WRAPPER), interpreter.join(" "));
        let room = output_limit + mark.len() + BEGUN.len();
        let command = Command { output_limit: room, ..Command::new(line).reading(input).within(timeout) };
        Self { mark, output_limit, command }
    }

    /// The result.
    pub(super) fn end(&self, mut output: Output) -> RunEnd {
        if self.clean(&mut output.stdout, &mut output.stderr) {
            return RunEnd::Done(output);
        }
        let error = output.stderr.text();
        if let Some(reason) = error.trim_end().strip_suffix(&self.mark) {
            let reason = reason.trim();
            let reason = if reason.is_empty() { "its text did not arrive whole" } else { reason };
            return RunEnd::Failed(format!("the script could not be put on the machine: {reason}").into());
        }
        let Output { exit, stdout, stderr, duration } = output;
        let instead = match exit {
            Exit::Code(code) => format!("ended with exit code {code}"),
            Exit::Signal(signal) => format!("was ended by the signal {signal}"),
        };
        let error = format!(
            "this account does not run scripts: its server or its login shell runs something else, which {instead}. \
             The script did not begin"
        );
        let output = Some(RunOutput { stdout, stderr });
        RunEnd::Failed(RunFailure { error, exit: None, output, duration: Some(duration) })
    }

    /// Returns the end of a script whose end was not seen, from what is known.
    pub(super) fn unfinished(&self, mut unfinished: Unfinished) -> RunEnd {
        let has_begun = self.clean(&mut unfinished.stdout, &mut unfinished.stderr);
        let mut error = unfinished.to_string();
        if !has_begun {
            error.push_str(". The machine has not said that the script began");
        }
        let Unfinished { exit, processes, stdout, stderr, duration, .. } = unfinished;
        let is_over = exit.is_some() || matches!(processes, Processes::Killed | Processes::Background);
        let output = Some(RunOutput { stdout, stderr });
        let failure = RunFailure { error, exit, output, duration: Some(duration) };
        if is_over { RunEnd::Failed(failure) } else { RunEnd::Unknown(failure) }
    }

    /// Takes the mark of the beginning out of what was written, and what was kept only because of its length. Whether
    /// the mark was there.
    fn clean(&self, stdout: &mut Stream, stderr: &mut Stream) -> bool {
        let line = format!("{}{BEGUN}", self.mark);
        let at = stderr.bytes.windows(line.len()).position(|bytes| bytes == line.as_bytes());
        if let Some(at) = at {
            stderr.bytes.drain(at..at + line.len());
            stderr.total -= line.len() as u64;
        }
        stdout.bytes.truncate(self.output_limit);
        stderr.bytes.truncate(self.output_limit);
        at.is_some()
    }
}

/// The command that adds the script's file and arguments to what `sh` has as its own.
fn tail(file: &ScriptFile, arguments: &ScriptArguments) -> String {
    let mut command = format!("set -- \"$@\" './{file}'");
    for argument in arguments.as_slice() {
        // Between single quotes every character but these stands for itself.
        command.push_str(&format!(" '{}'", argument.replace('\'', "'\\''")));
    }
    command
}

fn quoted(word: &str) -> String {
    format!("'{word}'")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{self, Stdio};

    use super::*;

    fn delivery() -> Delivery {
        let (file, content) = (ScriptFile::new("a.sh").expect("a name"), ScriptContent::new("ü\n").expect("a text"));
        let arguments = ScriptArguments::new(vec!["it's $HOME".to_owned(), String::new()]).expect("good ones");
        Delivery::new(&"python3 -u".parse().expect("words"), &file, &content, &arguments, Duration::from_secs(9), 77)
    }

    #[test]
    fn nothing_in_the_line_means_anything_to_a_shell() {
        let Delivery { mark, command, .. } = delivery();
        assert!(!WRAPPER.contains(['\'', '\\', '!', '\n']));
        assert!(command.line.ends_with(&format!(" sh '{mark}' '42' '3' 'a.sh' 'python3' '-u'")), "{}", command.line);
        let input = "ü\nset -- \"$@\" './a.sh' 'it'\\''s $HOME' ''";
        assert_eq!(command.input.as_slice(), input.as_bytes());
    }

    #[test]
    fn only_the_mark_tells_a_failed_delivery_from_a_script_that_failed() {
        let delivery = delivery();
        let end = |code, stderr: String| {
            let stderr = Stream { total: stderr.len() as u64, bytes: stderr.into_bytes() };
            let (exit, duration) = (Exit::Code(code), Duration::ZERO);
            delivery.end(Output { exit, stdout: Stream::default(), stderr, duration })
        };
        let full = end(1, format!("mktemp: No space left on device\n{}\n", delivery.mark));
        assert!(
            matches!(&full, RunEnd::Failed(failure) if failure.error.ends_with(": mktemp: No space left on device")),
            "{full:?}"
        );
        assert!(matches!(end(1, format!("{}\n", delivery.mark)), RunEnd::Failed(_)));
        let begun = format!("{}{BEGUN}", delivery.mark);
        for (code, stderr) in [(1, "mktemp: No space left\n"), (1, ""), (0, &delivery.mark)] {
            let ended = end(code, format!("{begun}{stderr}"));
            assert!(matches!(&ended, RunEnd::Done(output) if output.stderr.text() == stderr), "{ended:?}");
        }
    }

    #[test]
    fn what_does_not_begin_a_script_is_no_end_of_it() {
        let (delivery, stream) = (delivery(), |text: &str| Stream { total: text.len() as u64, bytes: text.into() });
        for (exit, said) in [(Exit::Code(0), "exit code 0"), (Exit::Signal("KILL".to_owned()), "the signal KILL")] {
            let (stdout, stderr, duration) = (stream("Welcome\n"), stream("hints\n"), Duration::from_secs(1));
            let end = delivery.end(Output { exit, stdout, stderr, duration });
            let RunEnd::Failed(RunFailure { error, exit, output: Some(output), .. }) = end else { panic!("{end:?}") };
            assert!(error.starts_with("this account does not run scripts") && error.contains(said), "{error}");
            assert_eq!(
                (exit, output.stdout.text().as_str(), output.stderr.text().as_str()),
                (None, "Welcome\n", "hints\n")
            );
        }
    }

    #[test]
    fn the_mark_takes_no_room_from_what_the_script_writes() {
        let delivery = delivery();
        let limit = delivery.command.output_limit;
        let mut said = format!("{}{BEGUN}{}", delivery.mark, "x".repeat(200)).into_bytes();
        let total = said.len() as u64;
        said.truncate(limit);
        let (mut stdout, mut stderr) = (Stream { bytes: vec![b'y'; limit], total: 300 }, Stream { bytes: said, total });
        assert!(delivery.clean(&mut stdout, &mut stderr));
        assert_eq!((stdout.bytes.len(), stdout.total), (77, 300));
        assert_eq!((stderr.text(), stderr.total), ("x".repeat(77), 200));
    }

    #[test]
    fn a_script_whose_end_was_not_seen_keeps_what_is_known_of_it() {
        let delivery = delivery();
        let end = |exit: Option<Exit>, processes, said: &str| {
            let stderr = Stream { total: said.len() as u64, bytes: said.into() };
            let (reason, after, duration) = ("it broke off".to_owned(), None, Duration::from_secs(1));
            let stdout = Stream { bytes: b"half".to_vec(), total: 4 };
            delivery.unfinished(Unfinished { reason, after, exit, processes, stdout, stderr, duration })
        };
        let begun = format!("{}{BEGUN}", delivery.mark);
        let known = end(Some(Exit::Code(5)), Processes::Background, &begun);
        let RunEnd::Failed(RunFailure { exit, output: Some(output), .. }) = known else { panic!("{known:?}") };
        assert_eq!((exit, output.stdout.text().as_str(), output.stderr.total), (Some(Exit::Code(5)), "half", 0));
        let lost = end(None, Processes::Unknown, &begun);
        let RunEnd::Unknown(RunFailure { error, output: Some(_), .. }) = lost else { panic!("{lost:?}") };
        assert!(!error.contains("has not said"), "{error}");
        let lost = end(None, Processes::Unknown, "");
        assert!(matches!(&lost, RunEnd::Unknown(failure) if failure.error.contains("has not said")), "{lost:?}");
        assert!(matches!(end(None, Processes::Killed, &begun), RunEnd::Failed(_)));
    }

    /// Arguments of what shells, terminals and programs read their own way.
    fn hostile() -> Vec<String> {
        let parts = [
            "'", "\"", "\\", "$", "`", "!", "\n", "\r", "\t", " ", ";", "&", "|", "<", ">", "(", ")", "{", "*", "?",
            "[", "~",
        ];
        let others = [
            "#",
            "%s",
            "-e",
            "--",
            "=",
            "$(reboot)",
            "\u{1b}[0m",
            "\u{7f}",
            "\u{1}",
            "\u{81}",
            "\u{88}",
            "é",
            "\u{fffd}",
            "💣",
        ];
        let mut all: Vec<String> = parts.iter().chain(&others).map(|part| (*part).to_owned()).collect();
        all.push(parts.concat());
        all.push(others.concat() + "\n\n");
        all.push(String::new());
        all
    }

    #[test]
    fn every_shell_hands_arguments_on_byte_for_byte() {
        let (file, content) = (ScriptFile::new("a.sh").expect("a name"), "printf '%s\\0' \"$#\" \"$@\"\n");
        let content = ScriptContent::new(content).expect("a text");
        let arguments = ScriptArguments::new(hostile()).expect("good ones");
        let sh = "sh".parse().expect("a word");
        let delivery = Delivery::new(&sh, &file, &content, &arguments, Duration::from_secs(9), 1 << 20);
        let mut expected = vec![arguments.as_slice().len().to_string()];
        expected.extend_from_slice(arguments.as_slice());
        let path = std::env::var("PATH").expect("a path");
        let mut tried = 0;
        for shell in ["dash", "bash", "busybox", "mksh", "ksh93"] {
            let Some(program) = std::env::split_paths(&path).map(|at| at.join(shell)).find(|at| at.exists()) else {
                continue;
            };
            let directory = tempfile::tempdir().expect("a directory");
            std::os::unix::fs::symlink(program, directory.path().join("sh")).expect("a link");
            let path = format!("{}:{path}", directory.path().display());
            let mut login = process::Command::new("sh");
            login.args(["-c", &delivery.command.line]).env("PATH", path).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut login = login.spawn().expect("a shell");
            login.stdin.take().expect("a pipe").write_all(&delivery.command.input).expect("it reads");
            let output = login.wait_with_output().expect("it ends").stdout;
            let arrived: Vec<_> = output.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            assert_eq!(arrived[..arrived.len() - 1], expected, "{shell}");
            tried += 1;
        }
        assert!(tried > 0, "no shell was found");
    }

    #[test]
    fn a_text_that_did_not_arrive_whole_is_not_run() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, text) = (ScriptFile::new("a.sh").expect("a name"), "echo begun\necho ended\n");
        let content = ScriptContent::new(text).expect("a text");
        let arguments = ScriptArguments::new(vec!["reboot".to_owned()]).expect("a good one");
        let sh = "sh".parse().expect("a word");
        let delivery = Delivery::new(&sh, &file, &content, &arguments, Duration::from_secs(9), 1000);
        let whole = std::str::from_utf8(&delivery.command.input).expect("text");
        let cut = whole.len() - 1;
        for (sent, expected) in [(&text[..11], None), (&whole[..cut], None), (whole, Some("begun\nended\n"))] {
            let mut shell = process::Command::new("sh");
            let shell =
                shell.args(["-c", &delivery.command.line]).env("TMPDIR", directory.path()).stdin(Stdio::piped());
            let mut shell = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell");
            shell.stdin.take().expect("a pipe").write_all(sent.as_bytes()).expect("it reads");
            let output = shell.wait_with_output().expect("it ends");
            let stream = |bytes: Vec<u8>| Stream { total: bytes.len() as u64, bytes };
            let exit = Exit::Code(output.status.code().expect("an exit code"));
            let (stdout, stderr) = (stream(output.stdout), stream(output.stderr));
            match delivery.end(Output { exit, stdout, stderr, duration: Duration::ZERO }) {
                RunEnd::Done(output) => assert_eq!(Some(output.stdout.text().as_str()), expected),
                RunEnd::Failed(RunFailure { error, .. }) => {
                    assert!(expected.is_none() && error.contains("did not arrive whole"), "{error}");
                }
                end => panic!("{end:?}"),
            }
            assert_eq!(std::fs::read_dir(directory.path()).expect("the directory").count(), 0);
        }
    }
}
