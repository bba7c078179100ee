//! Ends what a command started, over a second channel. Closing the first one would leave it running.

use std::time::Duration;

use super::error::Cause;
use super::exec::Running;
use super::link::Link;
use crate::remote::{Command, Exit};

/// How long the machine has for it after the deadline.
pub(super) const GRACE: Duration = Duration::from_millis(600);

/// sshd makes every command of a connection the leader of a session of its own. This shell's siblings are therefore
/// the connection's commands, and every process in their sessions is terminated, whatever process group it has moved
/// to, and killed if it is still there after a moment to clean up behind itself. One that made a session of its own on
/// purpose (a daemon) stays. Needs Linux's `/proc` on the machine.
const SCRIPT: &str = "exec sh -c 'all() { for p in /proc/[0-9]*; do read -r l <$p/stat || continue; \
    set -- \"$1\" ${p#/proc/} ${l##*) }; $1 \"$@\"; done; }; \
    leader() { if [ $4 = $PPID ] && [ $2 != $$ ]; then s=\"$s $2 \"; fi; }; \
    end() { case \"$s\" in *\" $6 \"*) kill -$k $2;; esac; }; \
    left() { case \"$3$s\" in Z*);; *\" $6 \"*) n=1;; esac; }; \
    s=; all leader; k=TERM; all end; \
    for i in 1 2 3 4 5; do sleep 0.05; n=; all left; [ $n ] || break; done; \
    k=KILL; all end; echo killed' 2>/dev/null";

/// Kills the connection's commands. Whether the machine confirmed it in time.
pub(super) fn siblings(link: &mut Link) -> bool {
    link.extend(GRACE);
    let mut script = Running::default();
    let ended: Result<Exit, Cause> = script.run(link, &Command { output_limit: 64, ..Command::new(SCRIPT) });
    matches!(ended, Ok(Exit::Code(0))) && script.stdout.bytes == b"killed\n"
}
