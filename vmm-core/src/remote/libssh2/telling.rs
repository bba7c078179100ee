//! The check that a server has reported the end of a command. libssh2 reads an exit status that was not told as 0.

use std::time::Duration;

use super::error::Cause;
use super::exec::Running;
use super::kill::{self, Look};
use super::link::Link;
use crate::remote::Exit;

/// A command that the server ends for its silence runs longer than this. OpenSSH counts whole seconds, so a limit of
/// one second may pass sooner, at the worst.
const QUIET: Duration = Duration::from_millis(50);
/// The first version of OpenSSH with `ChannelTimeout`, past which the server closes a command's channel and lets the
/// command run.
const CHANNEL_TIMEOUT: (u32, u32) = (9, 2);

/// The reports of a server on the end of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// Always how it ended.
    Always,
    /// The server reports the end of a command, except of one that the server's own settings timed out.
    UnlessTimedOut,
    /// It is no server that is known.
    Unproven,
}

impl Telling {
    fn of(banner: Option<&str>) -> Self {
        let software = banner.and_then(|banner| banner.strip_prefix("SSH-2.0-")).unwrap_or_default();
        if software.starts_with("dropbear") {
            return Self::Always;
        }
        let Some(version) = software.strip_prefix("OpenSSH_") else { return Self::Unproven };
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < CHANNEL_TIMEOUT => Self::Always,
            (Some(Ok(_)), Some(Ok(_))) => Self::UnlessTimedOut,
            _ => Self::Unproven,
        }
    }
}

/// Returns whether a server that does not show a command's own process any more has told how it ended.
pub(super) fn tells_at_once(link: &Link) -> bool {
    link.session().banner().is_some_and(|banner| banner.starts_with("SSH-2.0-OpenSSH_"))
}

/// Gives a command's end, once it is certain that the server has told it.
pub(super) fn proven(link: &mut Link, running: &Running, exit: Exit) -> Result<Exit, Cause> {
    if exit != Exit::Code(0) {
        return Ok(exit);
    }
    match Telling::of(link.session().banner()) {
        Telling::Always => Ok(exit),
        Telling::UnlessTimedOut if running.heard.is_some_and(|heard| heard.elapsed() < QUIET) => Ok(exit),
        Telling::Unproven if link.is_proven() => Ok(exit),
        telling => {
            let Look { runs, told_status } = kill::look(link);
            let is_told = match telling {
                Telling::Unproven => told_status && runs != Some(true),
                _ => runs == Some(false),
            };
            link.prove(telling == Telling::Unproven && told_status);
            if is_told { Ok(exit) } else { Err(Cause::EndUnknown { runs: runs == Some(true) }) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_banner() {
        for (banner, telling) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", Telling::UnlessTimedOut),
            ("SSH-2.0-OpenSSH_10.0", Telling::UnlessTimedOut),
            ("SSH-2.0-OpenSSH_9.1", Telling::Always),
            ("SSH-2.0-OpenSSH_8.4p1 Debian-5", Telling::Always),
            ("SSH-2.0-dropbear_2022.83", Telling::Always),
            ("SSH-2.0-OpenSSH_for_Windows_9.5", Telling::Unproven),
            ("SSH-2.0-Go", Telling::Unproven),
            ("garbage", Telling::Unproven),
        ] {
            assert_eq!(Telling::of(Some(banner)), telling, "{banner}");
        }
        assert_eq!(Telling::of(None), Telling::Unproven);
    }
}
