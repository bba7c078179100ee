//! One command on a session.

use std::io::{ErrorKind, Read};

use ssh2::Channel;

use super::error::Cause;
use super::link::Link;
use crate::remote::{Command, Exit, Stream};

const CHUNK: usize = 32 * 1024;

/// A command, and what has come of it so far.
#[derive(Default)]
pub(super) struct Running {
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

impl Running {
    /// Starts the command, gives it an empty standard input, and waits for its end.
    pub(super) fn run(&mut self, link: &Link, command: &Command) -> Result<Exit, Cause> {
        let mut channel = link.drive(|| link.session().channel_session())?;
        link.drive(|| channel.exec(&command.line))?;
        link.drive(|| channel.send_eof())?;
        self.drain(link, &channel, command.output_limit)?;
        link.drive(|| channel.wait_close())?;
        exit(&channel)
    }

    /// Reads both streams to their end. Unread error output would stop the standard output, and the other way round.
    fn drain(&mut self, link: &Link, channel: &Channel, limit: usize) -> Result<(), Cause> {
        let mut streams = [(channel.stream(0), &mut self.stdout), (channel.stderr(), &mut self.stderr)];
        let mut buffer = vec![0; CHUNK];
        loop {
            let queued = channel.read_window().available;
            let (mut ended, mut moved) = (true, false);
            for (stream, kept) in &mut streams {
                match stream.read(&mut buffer) {
                    Ok(0) => {}
                    Ok(count) => {
                        keep(kept, &buffer[..count], limit);
                        (ended, moved) = (false, true);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => ended = false,
                    Err(error) => return Err(error.into()),
                }
            }
            if ended {
                return Ok(());
            }
            // Reading one stream also takes the other's data off the socket, where no poll would see it.
            if moved || channel.read_window().available > queued || channel.eof() {
                link.check()?;
            } else {
                link.wait()?;
            }
        }
    }

    /// What was seen of the command when its time was over.
    pub(super) fn describe(&self, killed: bool) -> String {
        let fate = if killed { "its processes were killed" } else { "its processes may still run" };
        format!("{} bytes of output and {} of error output came; {fate}", self.stdout.total, self.stderr.total)
    }
}

fn keep(stream: &mut Stream, bytes: &[u8], limit: usize) {
    let room = limit.saturating_sub(stream.bytes.len()).min(bytes.len());
    stream.bytes.extend_from_slice(&bytes[..room]);
    stream.total += bytes.len() as u64;
}

fn exit(channel: &Channel) -> Result<Exit, Cause> {
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
