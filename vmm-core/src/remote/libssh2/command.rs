//! The way of one command: over a session, through a channel, to its end or to where it was given up.

use tokio::sync::mpsc;

use super::call::{Call, Unseen};
use super::error::{Cause, Stage};
use super::exec::Running;
use super::kill::{self, Fate};
use super::limits::Limits;
use super::link::Link;
use super::session_lease::SessionLease;
use super::sockets::Sockets;
use super::telling;
use crate::error::{Error, Result};
use crate::model::Output;
use crate::remote::{Command, Piece, Processes};

/// Runs a command on a session, on a blocking thread.
pub(super) fn run(
    call: &Call,
    lease: SessionLease,
    limits: Limits,
    sockets: &Sockets,
    command: &Command,
    pieces: Option<mpsc::Sender<Piece>>,
) -> Result<Output> {
    let (mut link, channel, lease) = lease.begin(call, limits, &sockets.work, Stage::Command, Link::channel)?;
    let mut running = Running { pieces, ..Running::default() };
    sockets.note_command();
    let ended = running.run_on(channel, &link, command);
    let proven = |exit| match command.ends_in_output {
        true => Ok(exit),
        false => telling::proven(&mut link, &running, exit),
    };
    match ended.and_then(proven) {
        Ok(exit) => {
            lease.keep(link);
            let Running { stdout, stderr, .. } = running;
            Ok(Output { exit, stdout, stderr, duration: call.frame.began.elapsed() })
        }
        Err(cause) => Err(give_up(call, &mut link, running, cause)),
    }
}

/// Ends a command that did not come to its end in time. The one place that decides whether it may have run.
fn give_up(call: &Call, link: &mut Link, running: Running, cause: Cause) -> Error {
    let Some(sent) = running.sent else { return call.failed(Stage::Command, cause) };
    // What it is killed by is no end of its own.
    let told = running.exit_so_far(false);
    let fate = match cause {
        Cause::Deadline(_) | Cause::Silence(_) | Cause::Cancelled => kill::end(link, sent),
        Cause::EndUnknown { runs: true } => Fate { processes: Processes::Running, had_ended: false },
        _ => Fate::default(),
    };
    let had_ended = fate.had_ended && telling::tells_at_once(link);
    let exit = told.or_else(|| had_ended.then(|| running.exit_so_far(true)).flatten());
    let Running { stdout, stderr, .. } = running;
    call.frame.unfinished(cause, Unseen { exit, processes: fate.processes, stdout, stderr })
}
