//! Whole directories: a tar archive through one command, compared by another one, put in place by a third.

use std::io::{BufReader, BufWriter, ErrorKind, Read};
use std::time::Instant;

use ssh2::Channel;

use super::error::{Cause, Stage};
use super::link::{Limits, Link};
use super::seat::Seat;
use super::sftp::{in_the_way, wrong_directory, wrong_file};
use super::stream::Running;
use super::supervise::{Sockets, TIDYING};
use super::transfer::{CHUNK, Chunks, Deliver, PAUSE, temporary_name};
use super::tree_script::{DONE, Paths, READY, digest, exit, pack};
use super::{Call, exec, shell};
use crate::error::{Error, Result};
use crate::remote::tree::{Tally, Writer, carry};
use crate::remote::{Command, Exit, Place, Stream, TreeDownload, TreeTransferred, TreeUpload};

/// More of what a script says is not looked at.
const OUTPUT_LIMIT: usize = 4096;

/// Sends a directory, on a blocking thread.
pub(super) fn send(
    call: &Call,
    seat: Seat,
    limits: Limits,
    sockets: &Sockets,
    upload: &TreeUpload,
    chunks: Chunks,
) -> Result<TreeTransferred> {
    let failed = |cause| call.failed(Stage::Transfer, cause);
    let directory = upload.place.directory_path();
    let beside = |name: &str| format!("{directory}/{name}");
    let paths = Paths {
        target: beside(upload.place.file()),
        temporary: beside(&temporary_name().map_err(failed)?),
        aside: beside(&temporary_name().map_err(failed)?),
        directory,
    };
    let (link, channel, taken) = seat.begin(call, limits, &sockets.work, Stage::Transfer, Link::channel)?;
    let sent = unpack(&link, channel, upload, &paths, chunks);
    if sent.is_ok() {
        taken.keep(link);
    } else {
        drop(link);
        tidy(call, sockets, &paths);
    }
    sent.map_err(failed)
}

fn unpack(
    link: &Link,
    channel: Channel,
    upload: &TreeUpload,
    paths: &Paths,
    chunks: Chunks,
) -> Result<TreeTransferred, Cause> {
    let place = &upload.place;
    let mut running = Running::start_on(channel, link, &shell::line(&paths.unpack(upload.replace)))?;
    let mut ready = vec![0; READY.len()];
    if let Err(error) = running.read_exact(&mut ready) {
        if error.kind() != ErrorKind::UnexpectedEof {
            return Err(running.failure().unwrap_or(Cause::Io(error)));
        }
        let (ended, _, errors) = running.finish(0)?;
        return Err(refusal(place, &ended, &errors));
    }
    let mut tally = Tally::default();
    let mut writer = Writer::new(BufWriter::with_capacity(CHUNK, &mut running));
    let written = carry(chunks.reader(), &mut writer, &mut tally, u64::MAX, &upload.progress)
        .and_then(|()| writer.end().map(|_| ()));
    if let Err(error) = written {
        match (running.failure(), error.kind()) {
            (Some(cause), _) => return Err(cause),
            // The command has ended before its input: it says why.
            (None, ErrorKind::WriteZero) => {}
            (None, ErrorKind::InvalidData) => return Err(wrong_archive(&error)),
            (None, ErrorKind::UnexpectedEof) => return Err(wrong_archive(&"it breaks off")),
            (None, _) => {
                link.check().map_err(|_| Cause::deadline("the content did not come in time"))?;
                return Err(Cause::Cancelled);
            }
        }
    }
    let (ended, output, errors) = running.finish(OUTPUT_LIMIT)?;
    done(place, &ended, &output, &errors)?;
    let transferred = tally.transferred();
    if there(link, &paths.temporary, &tally)? != transferred.sha256 {
        return Err(Cause::Protocol("the directory on the machine is another one than was sent"));
    }
    let running = Running::start(link, &shell::line(&paths.place(upload.replace)))?;
    let (ended, output, errors) = running.finish(OUTPUT_LIMIT)?;
    done(place, &ended, &output, &errors)?;
    Ok(transferred)
}

/// Receives a directory, on a blocking thread.
pub(super) fn receive(
    call: &Call,
    seat: Seat,
    limits: Limits,
    sockets: &Sockets,
    download: &TreeDownload,
    deliver: Deliver,
) -> Result<TreeTransferred> {
    let (link, channel, taken) = seat.begin(call, limits, &sockets.work, Stage::Transfer, Link::channel)?;
    let received = fetch(&link, channel, download, deliver);
    if received.is_ok() {
        taken.keep(link);
    }
    received.map_err(|cause| call.failed(Stage::Transfer, cause))
}

fn fetch(link: &Link, channel: Channel, download: &TreeDownload, deliver: Deliver) -> Result<TreeTransferred, Cause> {
    let TreeDownload { place, limit, progress, .. } = download;
    let (directory, mut tally) = (place.directory_path(), Tally::default());
    let target = format!("{directory}/{}", place.file());
    let mut running = Running::start_on(channel, link, &shell::line(&pack(&directory, &target)))?;
    running.end_input()?;
    let mut writer = Writer::new(deliver.writer());
    let read = carry(BufReader::with_capacity(CHUNK, &mut running), &mut writer, &mut tally, *limit, progress);
    if let Err(error) = read {
        match (running.failure(), error.kind()) {
            (Some(cause), _) => return Err(cause),
            // The command has ended before its output: it says why.
            (None, ErrorKind::UnexpectedEof) => {}
            (None, ErrorKind::InvalidData) => return Err(wrong_archive(&error)),
            (None, ErrorKind::FileTooLarge) => return Err(Cause::Told(Error::TooLarge { limit: *limit })),
            (None, _) => return Err(Cause::Cancelled),
        }
        let (ended, _, errors) = running.finish(0)?;
        return Err(refusal(place, &ended, &errors));
    }
    let (ended, _, errors) = running.finish(0)?;
    if ended != Exit::Code(0) {
        return Err(refusal(place, &ended, &errors));
    }
    writer.end().map_err(|_| Cause::Cancelled)?;
    let transferred = tally.transferred();
    if there(link, &target, &tally)? != transferred.sha256 {
        return Err(in_the_way(place, "changed while it was read; try again"));
    }
    Ok(transferred)
}

/// The digest of the same files on the machine.
fn there(link: &Link, target: &str, tally: &Tally) -> Result<String, Cause> {
    let line = shell::line(&digest(target));
    let command = Command { output_limit: OUTPUT_LIMIT, ..Command::new(line).reading(tally.names()) };
    let mut running = exec::Running::default();
    running.run(link, &command)?;
    let said = shell::said_digest(&running.stdout.text());
    said.ok_or(Cause::Protocol("it has neither openssl nor sha256sum to compare the files with"))
}

/// Whether a script did its work.
fn done(place: &Place, ended: &Exit, output: &[u8], errors: &Stream) -> Result<(), Cause> {
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
        exit::CLOSED => wrong_directory(place, "is closed to this user"),
        exit::IN_THE_WAY => wrong_file(place, "is no directory on the machine"),
        exit::NOT_EMPTY => in_the_way(place, "is there already and not empty; remove it, or have it replaced"),
        exit::NO_TOOLS => in_the_way(place, "the machine has no tar or no xargs; install them"),
        exit::TREE_MISSING => wrong_file(place, "does not exist on the machine"),
        exit::TREE_CLOSED => wrong_file(place, "is closed to this user"),
        _ => {
            let text = errors.text();
            if text.contains("No space left") || text.contains("quota exceeded") {
                return in_the_way(place, "the machine's disk is full; make room");
            }
            if text.contains("changed as we read it") || text.contains("removed before we read it") {
                return in_the_way(place, "changed while it was read; try again");
            }
            let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
            let first: String = first.chars().filter(|c| !c.is_control()).take(300).collect();
            in_the_way(place, format!("the machine could not carry all of it: {first}"))
        }
    }
}

fn wrong_archive(reason: &dyn std::fmt::Display) -> Cause {
    Cause::Told(Error::invalid("file", format!("the archive is refused: {reason}")))
}

/// Removes what is left on the machine, over a connection of its own.
fn tidy(call: &Call, sockets: &Sockets, paths: &Paths) {
    let until = Instant::now() + TIDYING;
    loop {
        let tidied = call.connect(Limits { until, cancelled: None }, &sockets.tidying).and_then(|link| {
            let script = shell::line(&paths.tidy());
            let ran = Running::start(&link, &script).and_then(|running| running.finish(OUTPUT_LIMIT));
            ran.map_err(|cause| call.failed(Stage::Transfer, cause))
        });
        match tidied {
            Ok((_, output, _)) if String::from_utf8_lossy(&output).contains(DONE) => return,
            Err(Error::Unavailable { .. }) if Instant::now() + PAUSE < until => std::thread::sleep(PAUSE),
            Ok(_) | Err(_) => {
                tracing::warn!(path = paths.temporary, "an unfinished directory may be left on a machine");
                return;
            }
        }
    }
}
