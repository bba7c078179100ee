//! Whole directories, as tar archives through commands. What a cut connection has brought is not sent again.

mod incoming;
mod outgoing;
mod receive;
mod resend_buffer;
mod script;
mod send;

use std::io::ErrorKind;
use std::rc::Rc;

use super::error::Cause;
use super::exec;
use super::link::Link;
use super::resume::Route;
use super::sftp::{in_the_way, wrong_directory, wrong_file};
use super::shell::{self, BEGUN, find_line};
use super::stream::Running;
use crate::error::Error;
use crate::remote::tree::Tally;
use crate::remote::{Command, Exit, Place, Stream};

pub(super) use receive::receive;
pub(super) use send::send;

use self::script::{DONE, digest, exit};

/// More of what a script says is not looked at.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// The end of a command, its standard output, and its standard error.
type Ended = (Exit, Vec<u8>, Stream);

/// The connection that a directory goes over, and the way to another one.
struct Trip<'a> {
    route: Route<'a>,
    link: Rc<Link>,
}

impl Trip<'_> {
    /// Goes on over another connection, if the transfer failed because it lost its own.
    fn again(&mut self, failed: Cause, reached: u64) -> Result<(), Cause> {
        self.link.cut();
        self.link = Rc::new(self.route.again(failed, reached)?);
        Ok(())
    }

    /// Repeats what may be done twice until no connection is lost over it.
    fn insist<T>(&mut self, reached: u64, step: impl Fn(&Link) -> Result<T, Cause>) -> Result<T, Cause> {
        loop {
            match step(&self.link) {
                Err(cause) => self.again(cause, reached)?,
                done => return done,
            }
        }
    }

    /// Leaves the connection to the next call.
    fn keep(self) {
        if let Some(link) = Rc::into_inner(self.link) {
            self.route.keep(link);
        }
    }
}

/// Reads until a line is what is looked for, or says what it means that there is no such line.
fn expect_line<T>(
    mut running: Running<Rc<Link>>,
    place: &Place,
    wanted: impl Fn(&str) -> Option<T>,
) -> Result<(T, Running<Rc<Link>>), Cause> {
    let mut begun = false;
    let found = find_line(&mut running, |line| {
        begun |= line == BEGUN;
        wanted(line)
    });
    match found {
        Ok(found) => Ok((found, running)),
        Err(error) => Err(match (running.failure(), error.kind()) {
            (Some(cause), _) => cause,
            (None, ErrorKind::UnexpectedEof) if begun => {
                let (ended, _, errors) = running.finish(0)?;
                refusal(place, &ended, &errors)
            }
            (None, ErrorKind::InvalidData) => in_the_way(place, shell::TOO_TALKATIVE),
            (None, _) => no_shell(place),
        }),
    }
}

/// Returns the error for a machine that runs no commands.
fn no_shell(place: &Place) -> Cause {
    in_the_way(place, "this account has no shell on the machine, which a directory needs; send or receive single files")
}

/// A command that the server refuses to run.
fn without_shell(place: &Place, cause: Cause) -> Cause {
    match cause {
        Cause::Ssh(error) if shell::is_denied(&error) => no_shell(place),
        cause => cause,
    }
}

/// Runs a script on some input; how it ended and what it wrote.
fn run(link: &Link, script: impl AsRef<[u8]>, input: &[u8]) -> Result<(Exit, String), Cause> {
    let command = Command { output_limit: OUTPUT_LIMIT, ..Command::new(shell::line(script)).reading(input) };
    let mut running = exec::Running::default();
    let ended = link.patiently(|| running.run(link, &command))?;
    Ok((ended, running.stdout.text()))
}

/// The digest of the same files on the machine.
fn there(link: &Link, target: &str, tally: &Tally) -> Result<String, Cause> {
    let (_, said) = run(link, digest(target), tally.names())?;
    shell::said_digest(&said).ok_or(Cause::Protocol("it has neither openssl nor sha256sum to compare the files with"))
}

/// Returns whether a script did its work.
fn done(place: &Place, (ended, output, errors): &Ended) -> Result<(), Cause> {
    let said = String::from_utf8_lossy(output);
    let done = *ended == Exit::Code(0) && said.lines().any(|line| line == DONE);
    if done { Ok(()) } else { Err(refusal(place, ended, errors)) }
}

/// Why a script did not do its work.
fn refusal(place: &Place, ended: &Exit, errors: &Stream) -> Cause {
    let Exit::Code(code) = ended else { return Cause::Protocol("the command on the machine was killed") };
    match *code {
        exit::DIRECTORY_MISSING => wrong_directory(place, "does not exist on the machine"),
        exit::NO_DIRECTORY => wrong_directory(place, "is not a directory"),
        exit::CLOSED => wrong_directory(place, "is not accessible to this user"),
        exit::IN_THE_WAY => wrong_file(place, "is not a directory on the machine"),
        exit::NOT_EMPTY => in_the_way(place, "exists and is not empty; remove it, or have it replaced"),
        exit::NO_TOOLS => in_the_way(place, "the machine has no tar or no xargs; install them"),
        exit::TREE_MISSING => wrong_file(place, "does not exist on the machine"),
        exit::TREE_CLOSED => wrong_file(place, "is not accessible to this user"),
        exit::GONE => Cause::Protocol("the part that had arrived has disappeared; try again"),
        _ => {
            let text = errors.text();
            match changing(&text) {
                Some(file) => in_the_way(
                    place,
                    format!("{file} in it changed while it was read; stop what writes to that file, then try again"),
                ),
                None => in_the_way(place, shell::why(errors)),
            }
        }
    }
}

/// The file of which tar says that somebody writes to it, like `tar: ./app.log: file changed as we read it`.
fn changing(errors: &str) -> Option<&str> {
    const SAID: [&str; 2] = ["file changed as we read it", "removed before we read it"];
    let line = errors.lines().find(|line| SAID.iter().any(|said| line.contains(said)))?;
    let name = line.split_once(": ").map_or(line, |(_, rest)| rest);
    let name = name.rsplit_once(": ").map_or(name, |(name, _)| name);
    Some(name.trim_start_matches("File ").trim_start_matches("./"))
}

fn wrong_archive(reason: &dyn std::fmt::Display) -> Cause {
    Cause::Public(Error::invalid("file", format!("the archive is refused: {reason}")))
}
