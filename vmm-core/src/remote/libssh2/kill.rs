//! Looks for what a command started, and ends it, over a second channel. Closing the first one would leave it running.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::error::Cause;
use super::exec::Running;
use super::link::Link;
use crate::remote::{Command, Exit, Processes};

/// The time that the machine has to kill a command after the deadline.
pub(super) const GRACE: Duration = Duration::from_millis(600);
/// The time that the machine has to say whether a command still runs.
const LOOK: Duration = Duration::from_secs(3);
/// A process of the command may be this much older than the time since the command was sent says: what looks for it may
/// be long on its way.
const SLACK: Duration = Duration::from_secs(1);

/// Gets a mark, `look` or `end`, an age in hundredths of a second, and how many children the server has that are none
/// of the command's.
///
/// The parent of this shell is the server's process for the connection, and its other children are the connection's
/// commands. OpenSSH makes each of them the leader of a session of its own, and every process in that session is
/// terminated, whatever process group it has moved to, and killed if it is still there after a moment to clean up
/// behind itself. Dropbear's process for the connection leads one session for all commands, in which every process that
/// is young enough is ended. One that made a session of its own on purpose (a daemon) stays, and so does what a command
/// left behind that has ended by itself: it is told of, and known by its environment. Needs Linux's `/proc`.
///
/// It stands in single quotes for whatever shell the user has, and only `sh` may have to understand it: it holds no
/// single quote, no backslash and no redirection outside of them.
const SCRIPT: &str = "exec 2>/dev/null; m=$1 k=$2; read -r u r </proc/uptime; b=$((${u%.*}${u#*.}-$3)); \
    all() { for p in /proc/[0-9]*; do read -r l <$p/stat || continue; \
    set -- \"$1\" ${p#/proc/} ${l##*) }; $1 \"$@\"; done; }; \
    own() { if [ $2 = $$ ]; then o=$6; fi; }; \
    leader() { if [ $4 = $PPID ] && [ $2 != $$ ]; then s=\"$s $2 \"; fi; }; \
    member() { case \"$3$s\" in Z*) false;; *\" $6 \"*) true;; *) [ $o = $PPID ] && [ $6 = $o ] && \
    [ $2 != $PPID ] && [ $2 != $$ ] && [ $4 != $$ ] && [ ${22} -ge $b ];; esac; }; \
    end() { if member \"$@\"; then kill -$k $2; fi; }; \
    still() { if member \"$@\"; then n=1; fi; }; \
    gone() { for i in $1; do n=0; all still; if [ $n = 0 ]; then break; fi; sleep 0.05; done; }; \
    left() { for p in $(grep -lF \"SSH_CONNECTION=$SSH_CONNECTION\" /proc/[0-9]*/environ); do p=${p%/*}; \
    read -r l <$p/stat && set -- ${p#/proc/} ${l##*) } && [ $1 != $$ ] && [ $3 != $$ ] && [ $2 != Z ] && \
    [ ${21} -ge $b ] && w=1; done; }; \
    count() { echo \"$m $(($#-$1))\"; exit 3; }; \
    s= o= n=0 w=0; \
    if [ $k = look ]; then read -r s </proc/$PPID/task/$PPID/children; if [ \"$s\" ]; then count $(($4+2)) $s; fi; \
    all leader; count $(($4+1)) $s; fi; \
    all own; all leader; \
    if [ \"$s\" ]; then k=TERM; all end; gone \"1 2 3 4 5 6\"; \
    if [ $n = 1 ]; then k=KILL; all end; gone \"1 2 3\"; fi; fi; \
    if [ \"$SSH_CONNECTION\" ]; then left; fi; \
    echo \"$m ${s:+ran} $n $w\"";

/// The machine's answer about the processes of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) processes: Processes,
    /// True if the command itself had ended when the machine looked.
    pub(super) had_ended: bool,
}

/// The result of a look at a command whose channel was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// True if the command still runs, if the machine says so.
    pub(super) runs: Option<bool>,
    /// True if the server told the exit status of the shell that looked, which is not 0.
    pub(super) told_status: bool,
}

/// Kills the connection's commands, the first of which was sent at a moment. What the machine confirms in time.
pub(super) fn end(link: &mut Link, sent: Instant) -> Fate {
    link.extend(GRACE);
    let (_, words) = ask(link, "end", sent.elapsed() + SLACK, 0);
    fate(&words)
}

/// Asks whether a command still runs.
pub(super) fn look(link: &mut Link) -> Look {
    let others = usize::from(link.has_files());
    let asked = link.within(LOOK, |link| Ok(ask(link, "look", Duration::ZERO, others)));
    let Ok((exit, words)) = asked else { return Look::default() };
    let runs = words.first().and_then(|count| count.parse::<i64>().ok()).map(|count| count > 0);
    Look { runs, told_status: exit.is_some_and(|exit| exit != Exit::Code(0)) }
}

/// Runs the script, and gives the words behind its mark: a start-up file may print something of its own.
fn ask(link: &Link, what: &str, age: Duration, others: usize) -> (Option<Exit>, Vec<String>) {
    let mark = format!("vmm-{}", Uuid::new_v4());
    let line = format!("exec sh -c '{SCRIPT}' sh {mark} {what} {} {others}", age.as_millis() / 10);
    let mut script = Running::default();
    let ended: Result<Exit, Cause> = script.run(link, &Command { output_limit: 64 << 10, ..Command::new(line) });
    let said = script.stdout.text();
    let words = said.lines().find_map(|line| line.trim().strip_prefix(&mark));
    let words = words.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    (ended.ok(), words)
}

fn fate(words: &[String]) -> Fate {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["ran", "0", "0"] => Fate { processes: Processes::Killed, had_ended: false },
        ["ran", "0", _] => Fate { processes: Processes::Background, had_ended: false },
        ["ran", ..] => Fate { processes: Processes::Running, had_ended: false },
        [_, "1"] => Fate { processes: Processes::Background, had_ended: true },
        [_, _] => Fate { processes: Processes::Unknown, had_ended: true },
        _ => Fate::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sh_has_to_understand_the_script() {
        assert!(!SCRIPT.contains(['\'', '\\', '\n']) && !SCRIPT.replace("!= ", "").contains('!'));
    }

    #[test]
    fn killed_is_said_only_when_nothing_of_the_command_is_left() {
        let said = |said: &str| fate(&said.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).processes;
        assert_eq!(said("ran 0 0"), Processes::Killed);
        assert_eq!(said("ran 1 0"), Processes::Running);
        assert_eq!((said("ran 0 1"), said("0 1")), (Processes::Background, Processes::Background));
        for other in ["", "0 0", "0", "ran", "killed"] {
            assert_ne!(said(other), Processes::Killed, "{other}");
        }
    }
}
