//! One command on a session.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use ssh2::{Channel, ErrorCode};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::blocked::WOULD_BLOCK;
use super::error::Cause;
use super::link::Link;
use crate::error::{Error, Result as Checked};
use crate::remote::{Command, Exit, OutputChannel, Piece, Stream};

const CHUNK: usize = 32 * 1024;
/// Between two tries to hand on a piece to somebody who is slow.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// `LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED`.
const REFUSED: ErrorCode = ErrorCode::Session(-22);
/// `LIBSSH2_ERROR_SOCKET_SEND`.
const NOT_SENT: ErrorCode = ErrorCode::Session(-7);
/// libssh2 sends a command in one packet and refuses what does not fit.
const LONGEST_LINE: usize = 32_000;

/// Refuses what cannot be sent.
pub(super) fn check(command: &Command) -> Checked<()> {
    if command.line.contains('\0') {
        return Err(Error::invalid("command", "must not contain a NUL character"));
    }
    if command.line.len() > LONGEST_LINE {
        return Err(Error::invalid("command", format!("must be at most {LONGEST_LINE} bytes; send a file instead")));
    }
    Ok(())
}

/// A command, and what has come of it so far.
#[derive(Default)]
pub(super) struct Running {
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    /// The receiver of its output, if somebody follows it.
    pub(super) pieces: Option<mpsc::Sender<Piece>>,
    /// When it was sent; `None` as long as it has not begun for certain.
    pub(super) sent: Option<Instant>,
    /// When the server last answered, or something of its output came.
    pub(super) heard: Option<Instant>,
    /// The channel of a command that did not come to its end.
    pub(super) channel: Option<Channel>,
}

impl Running {
    /// Runs the command on a channel of its own.
    pub(super) fn run(&mut self, link: &Link, command: &Command) -> Result<Exit, Cause> {
        self.run_on(link.channel()?, link, command)
    }

    /// Starts the command, gives it its standard input, and waits for its end. The channel is gone then, and the
    /// session as good as before.
    pub(super) fn run_on(&mut self, channel: Channel, link: &Link, command: &Command) -> Result<Exit, Cause> {
        self.sent = Some(Instant::now());
        let mut channel = match link.start(channel, &command.line) {
            Ok(channel) => channel,
            Err(cause) => {
                if is_refusal(&cause) {
                    self.sent = None;
                }
                return Err(cause);
            }
        };
        self.heard = Some(Instant::now());
        let ended = self.exchange(link, &mut channel, command).and_then(|()| {
            link.drive(|| channel.wait_close())?;
            let exit = exit(&channel)?;
            link.drive(|| channel.close())?;
            Ok(exit)
        });
        if ended.is_err() {
            self.channel = Some(channel);
        }
        ended
    }

    /// Returns the end of the command's own process, as far as the server has reported it of a command that did not
    /// come to its end. A code of 0 is also what stands there before the server tells one; `had_ended` says that it has
    /// told one.
    pub(super) fn exit_so_far(&self, had_ended: bool) -> Option<Exit> {
        let exit = self.channel.as_ref().and_then(|channel| exit(channel).ok())?;
        (had_ended || exit != Exit::Code(0)).then_some(exit)
    }

    /// Writes the input and reads both streams to their end. Unread error output would stop the standard output, and
    /// the other way round, and unread output the input.
    fn exchange(&mut self, link: &Link, channel: &mut Channel, command: &Command) -> Result<(), Cause> {
        let Self { stdout, stderr, pieces, heard: last, .. } = self;
        let mut streams =
            [(channel.stream(0), stdout, OutputChannel::Stdout), (channel.stderr(), stderr, OutputChannel::Stderr)];
        let mut input = Input { left: &command.input, closed: false };
        let mut buffer = vec![0; CHUNK];
        let mut heard = Instant::now();
        loop {
            let mut moved = input.write(channel)?;
            let (queued, room) = (channel.read_window().available, channel.write_window().remaining);
            let mut ended = true;
            for (stream, kept, from) in &mut streams {
                match stream.read(&mut buffer) {
                    Ok(0) => {}
                    Ok(count) => {
                        let new = keep(kept, &buffer[..count], command.output_limit);
                        if let Some(follower) = pieces
                            && !new.is_empty()
                        {
                            hand_on(link, follower, Piece { channel: *from, bytes: new.to_vec() })?;
                        }
                        (ended, moved) = (false, true);
                        heard = Instant::now();
                        *last = Some(heard);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => ended = false,
                    Err(error) => return Err(error.into()),
                }
            }
            // A command may close its output and read on. One that is gone will not read the rest.
            if ended && (input.closed || is_closed(channel)?) {
                return Ok(());
            }
            // Reading one stream also takes the other's data, and room for more input, off the socket, where no poll
            // would see it.
            let taken = channel.read_window().available > queued || channel.write_window().remaining > room;
            if moved || taken || (channel.eof() && !ended) {
                link.check()?;
                continue;
            }
            match command.silence {
                None => link.wait()?,
                Some(silence) => {
                    let left = silence.saturating_sub(heard.elapsed());
                    if left.is_zero() {
                        return Err(Cause::Silence(silence));
                    }
                    link.wait_at_most(left)?;
                }
            }
        }
    }
}

/// The part of a command's input that is not yet written.
struct Input<'a> {
    left: &'a [u8],
    /// True if its end is written too.
    closed: bool,
}

impl Input<'_> {
    /// Writes what there is room for, and then the end. Whether anything was written.
    fn write(&mut self, channel: &mut Channel) -> Result<bool, Cause> {
        if self.closed {
            return Ok(false);
        }
        let written = if self.left.is_empty() {
            channel.send_eof().map(|()| self.closed = true).map_err(Into::into)
        } else {
            // What could not be written must be offered again from the same place: libssh2 may have sent half of it.
            channel.write(self.left).map(|count| self.left = &self.left[count..])
        };
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns whether the server has closed the channel, both of whose streams have ended.
fn is_closed(channel: &mut Channel) -> Result<bool, Cause> {
    match channel.wait_close() {
        Ok(()) => Ok(true),
        Err(error) if error.code() == WOULD_BLOCK => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Keeps what there is room for, and tells which part that is.
pub(super) fn keep<'a>(stream: &mut Stream, bytes: &'a [u8], limit: usize) -> &'a [u8] {
    let kept = &bytes[..limit.saturating_sub(stream.bytes.len()).min(bytes.len())];
    stream.bytes.extend_from_slice(kept);
    stream.total += bytes.len() as u64;
    kept
}

/// Gives a piece to who follows the command, and waits for one who is slow.
fn hand_on(link: &Link, follower: &mpsc::Sender<Piece>, mut piece: Piece) -> Result<(), Cause> {
    while let Err(TrySendError::Full(same)) = follower.try_send(piece) {
        piece = same;
        link.pause(BETWEEN_TRIES)?;
    }
    Ok(())
}

/// Returns whether the server does not begin the command, or it cannot have got it whole.
fn is_refusal(cause: &Cause) -> bool {
    matches!(cause, Cause::Ssh(error) if [REFUSED, NOT_SENT].contains(&error.code()))
}

pub(super) fn exit(channel: &Channel) -> Result<Exit, Cause> {
    Ok(match channel.exit_signal()?.exit_signal {
        Some(name) => Exit::Signal(name.chars().filter(char::is_ascii_graphic).take(32).collect()),
        None => Exit::Code(channel.exit_status()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_beyond_the_limit_is_counted_and_not_kept() {
        let mut stream = Stream::default();
        for chunk in [&b"abc"[..], b"defg", b"hi"] {
            keep(&mut stream, chunk, 5);
        }
        assert_eq!((stream.bytes.as_slice(), stream.total), (&b"abcde"[..], 9));
        assert!(stream.truncated());
    }
}
