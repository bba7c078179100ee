//! Files by way of a machine's own shell, where its server gives no SFTP.

mod receive;
mod script;
mod send;

use std::io::ErrorKind;

use ssh2::Channel;

use super::error::Cause;
use super::link::Link;
use super::sftp::{in_the_way, wrong_directory, wrong_file};
use super::shell::{self, find_line};
use super::stream::Running;
use crate::remote::{Exit, Place, Stream};

pub(super) use receive::Receiving;
pub(super) use send::Sending;

use self::script::exit;

/// Starts a script for a file on a channel, and reads up to the line that is looked for.
fn begin<'l, T>(
    channel: Channel,
    link: &'l Link,
    place: &Place,
    script: &str,
    wanted: impl Fn(&str) -> Option<T>,
) -> Result<(T, Running<&'l Link>), Cause> {
    let mut running = match Running::start_on(channel, link, &shell::line(script)) {
        Ok(running) => running,
        Err(Cause::Ssh(error)) if shell::is_denied(&error) => return Err(nothing_there(place)),
        Err(cause) => return Err(cause),
    };
    let mut begun = false;
    let found = find_line(&mut running, |line| {
        begun |= line == shell::BEGUN;
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
            (None, _) => nothing_there(place),
        }),
    }
}

/// Neither SFTP nor a shell.
fn nothing_there(place: &Place) -> Cause {
    let reason = "this account has neither SFTP nor a shell on the machine, so that no file can be copied; give it \
                  one of them";
    in_the_way(place, reason)
}

/// Why a script did not do its work.
fn refusal(place: &Place, ended: &Exit, errors: &Stream) -> Cause {
    let Exit::Code(code) = ended else { return Cause::Protocol("the command on the machine was killed") };
    match *code {
        exit::DIRECTORY_MISSING => wrong_directory(place, "does not exist on the machine"),
        exit::NO_DIRECTORY => wrong_directory(place, "is not a directory"),
        exit::CLOSED => wrong_directory(place, "is not accessible to this user"),
        exit::CLOSED_FOR_WRITING => wrong_directory(place, "cannot be written by this user"),
        exit::DIRECTORY => wrong_file(place, "is a directory on the machine"),
        exit::NO_FILE => wrong_file(place, "is not a regular file on the machine"),
        exit::NO_TOOLS => in_the_way(
            place,
            "the machine does not offer SFTP, and lacks some of dd (with iflag=fullblock), head, tail and mv; \
             install them",
        ),
        exit::NO_DIGEST => in_the_way(
            place,
            "the machine has neither openssl nor sha256sum to compare the file with; install one of them",
        ),
        exit::MISSING => wrong_file(place, "does not exist on the machine"),
        exit::FILE_CLOSED => wrong_file(place, "is not accessible to this user"),
        exit::GONE => Cause::Protocol("the part that had arrived has disappeared; try again"),
        _ => in_the_way(place, shell::why(errors)),
    }
}
