//! The work of a machine's own shell on a file. A machine without one, or without the tools, answers nothing.

use std::fmt::Write;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;

use ssh2::ErrorCode;

use super::error::Cause;
use super::exec::Running;
use super::link::Link;
use super::stream;
use crate::remote::{Command, Stream};

/// The script comes on standard input, so that only `sh` reads it, whatever the login shell is.
const SHELL: &str = "exec sh -s";
/// More is not looked at.
const OUTPUT_LIMIT: usize = 64 * 1024;
/// libssh2's code for a server that gives no further channel.
const NO_CHANNEL: i32 = -21;
/// libssh2's code for a server that runs no command.
const DENIED: i32 = -22;
/// OpenSSL's is several times as fast, and rarely missing.
pub(super) const DIGEST: &str = "digest() { if command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum; \
                      fi; }\n";
/// The line that the script which puts a file in place writes when it is done.
const PLACED: &str = "vmm: placed";
/// The line that a script in a [`line`] writes when it begins. What a start-up file prints stands in front of it, in
/// lines of its own.
pub(super) const BEGUN: &str = "vmm: begun";
/// The message about a login shell whose output cannot be told from a script's.
pub(super) const TOO_TALKATIVE: &str =
    "this account's start-up files print too much; have them print nothing where there is no terminal";
/// So long a line of a script's output is at the most.
const LONGEST_LINE: usize = 1024;

/// SHA-256 of a file, worked out while something else is done with the connection.
pub(super) struct Digesting<'a>(Option<stream::Running<&'a Link>>);

impl<'a> Digesting<'a> {
    pub(super) fn start(link: &'a Link, path: &str) -> Result<Self, Cause> {
        Self::of(link, &format!("{DIGEST}digest <{}", quoted(path)))
    }

    /// Begins the SHA-256 of a file's first bytes.
    pub(super) fn start_first(link: &'a Link, path: &str, bytes: u64) -> Result<Self, Cause> {
        Self::of(link, &format!("{DIGEST}head -c {bytes} <{} | digest", quoted(path)))
    }

    fn of(link: &'a Link, script: &str) -> Result<Self, Cause> {
        match stream::Running::start(link, &line(script)) {
            Ok(running) => Ok(Self(Some(running))),
            Err(Cause::Ssh(error)) if is_no_shell(&error) => Ok(Self(None)),
            Err(cause) => Err(cause),
        }
    }

    /// Waits for it. Nothing if the machine has no shell, or no tool for it.
    pub(super) fn finish(self) -> Result<Option<String>, Cause> {
        let Some(running) = self.0 else { return Ok(None) };
        let (_, output, _) = running.finish(OUTPUT_LIMIT)?;
        Ok(said_digest(&String::from_utf8_lossy(&output)))
    }
}

/// The first digest in what a machine says.
pub(super) fn said_digest(output: &str) -> Option<String> {
    let digest = |line: &str| {
        let word = line.split_whitespace().next()?;
        let hex = word.len() == 64 && word.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| word.to_owned())
    };
    output.lines().find_map(digest)
}

/// Moves a file over another one in the same directory, at once. Whether the machine confirmed it.
pub(super) fn place(link: &Link, from: &str, to: &str) -> Result<bool, Cause> {
    let (from, to) = (quoted(from), quoted(to));
    // Without -T a file moves into a directory of its new name.
    let output = script(link, &format!("echo; mv -fT -- {from} {to} </dev/null && echo '{PLACED}'\n"))?;
    Ok(output.lines().any(|line| line == PLACED))
}

fn script(link: &Link, script: &str) -> Result<String, Cause> {
    let command = Command { output_limit: OUTPUT_LIMIT, ..Command::new(SHELL).reading(script) };
    let mut running = Running::default();
    match link.patiently(|| running.run(link, &command)) {
        Ok(_) => Ok(running.stdout.text()),
        Err(Cause::Ssh(error)) if is_no_shell(&error) => Ok(String::new()),
        Err(cause) => Err(cause),
    }
}

/// Has the shell try to make a file, and returns what it says to that; nothing if it can, or if there is no shell.
pub(super) fn why_not_made(link: &Link, path: &str) -> Result<Option<String>, Cause> {
    const SAID: &str = "vmm: said ";
    let made = format!("LC_ALL=C; export LC_ALL\nt={}\n{MAKE}", quoted(path));
    let output = script(link, &made)?;
    Ok(output.lines().find_map(|line| line.strip_prefix(SAID)).map(reason))
}

const MAKE: &str = "if e=$( { set -C; : >\"$t\"; } 2>&1); then rm -f \"$t\"; else echo; echo \"vmm: said $e\"; fi\n";

/// Why a script failed, by its error output.
pub(super) fn why(errors: &Stream) -> String {
    let text = errors.text();
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
    let telling = ["No space left", "uota exceeded", "Read-only file system"];
    reason(text.lines().find(|line| telling.iter().any(|words| line.contains(words))).unwrap_or(first))
}

/// Returns the meaning of an error message.
fn reason(message: &str) -> String {
    if message.contains("No space left") || message.contains("uota exceeded") {
        "the machine's disk is full; make room".to_owned()
    } else if message.contains("Read-only file system") {
        "the machine's disk is read-only there; choose another directory, or have it mounted for writing".to_owned()
    } else {
        let message: String = message.chars().filter(|c| !c.is_control()).take(300).collect();
        format!("the machine could not do it: {message}")
    }
}

/// Reads lines until one is what is looked for; what a login shell says by itself comes before.
pub(super) fn find_line<T, L: Deref<Target = Link>>(
    running: &mut stream::Running<L>,
    mut wanted: impl FnMut(&str) -> Option<T>,
) -> io::Result<T> {
    let (mut line, mut left) = (Vec::new(), OUTPUT_LIMIT);
    loop {
        let mut byte = [0];
        running.read_exact(&mut byte)?;
        left = left.checked_sub(1).ok_or(ErrorKind::InvalidData)?;
        if byte[0] != b'\n' {
            line.push(byte[0]);
            line.truncate(LONGEST_LINE);
            continue;
        }
        if let Some(found) = wanted(&String::from_utf8_lossy(&line)) {
            return Ok(found);
        }
        line.clear();
    }
}

fn is_no_shell(error: &ssh2::Error) -> bool {
    is_denied(error) || error.code() == ErrorCode::Session(NO_CHANNEL)
}

/// Returns whether a server runs no commands.
pub(super) fn is_denied(error: &ssh2::Error) -> bool {
    error.code() == ErrorCode::Session(DENIED)
}

/// A line with which any login shell has `sh` run a script and leaves it the standard input: where [`SHELL`] cannot be
/// used. Nothing in it means anything to any shell but the last. The script says first that it has [`BEGUN`].
pub(super) fn line(script: impl AsRef<[u8]>) -> String {
    let mut line = "exec sh -c 'eval \"$(printf %b \"".to_owned();
    let begin = format!("printf '\\n{BEGUN}\\n'\n");
    for &byte in begin.as_bytes().iter().chain(script.as_ref()) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'/' | b'.' | b'-' | b'_' | b'=' | b':' | b',' => {
                line.push(char::from(byte));
            }
            _ => {
                let _ = write!(line, "\\0{byte:03o}");
            }
        }
    }
    line.push_str("\")\"'");
    line
}

/// A word that a POSIX shell takes as it stands.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes bytes that may not be UTF-8.
pub(super) fn quoted_bytes(bytes: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = bytes.split(|byte| *byte == b'\'').collect();
    [b"'", parts.join(&br"'\''"[..]).as_slice(), b"'"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_word_and_nothing_in_it_is_run() {
        for text in ["a b", "it's", "''", "$(id)`id`\\", "a\nb", "-rf", "*", "ü"] {
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(text)))
                .output()
                .expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
            assert_eq!(quoted_bytes(text.as_bytes()), quoted(text).as_bytes());
        }
    }

    #[test]
    fn a_script_in_a_line_is_run_as_it_is_and_reads_what_it_is_given() {
        for text in ["a b", "it's", "''", "$(id)`id`\\0101", "a\nb\n\n", "%s%%", "\"!*", "ü\u{1b}"] {
            let mut shell = std::process::Command::new("sh")
                .arg("-c")
                .arg(line(format!("printf '%s|' {}; cat", quoted(text))))
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("a shell");
            io::Write::write_all(&mut shell.stdin.take().expect("piped"), b"input").expect("it reads");
            let output = shell.wait_with_output().expect("it ends");
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("\n{BEGUN}\n{text}|input"));
        }
    }
}
