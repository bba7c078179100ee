//! The facts about a command whose end was not seen.

use std::fmt;
use std::time::Duration;

use super::{Exit, Stream};

/// A command that was sent to a machine, and may have run, but whose end was not seen. Whoever repeats it may have it
/// run twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// A description of what happened: a clause like `the command on 10.0.0.5:22 did not finish within 60 s`.
    pub reason: String,
    /// The limit that ran out; `None` if the connection was lost, or the server did not tell how the command ended.
    pub after: Option<Duration>,
    /// The end of the command's own process, if the server reported it: processes that it left in the background may
    /// have held its output open.
    pub exit: Option<Exit>,
    /// The state of the command's processes.
    pub processes: Processes,
    /// The standard output so far.
    pub stdout: Stream,
    /// The standard error so far.
    pub stderr: Stream,
    /// From the call to when it was given up.
    pub duration: Duration,
}

/// The state of the processes of an abandoned command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processes {
    /// They were killed, and none of them was seen afterwards.
    Killed,
    /// The command itself has ended, and a process that it put into the background still runs.
    Background,
    /// Some of them still run.
    Running,
    /// Nobody could look, or nothing was seen.
    #[default]
    Unknown,
}

impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "its processes were killed",
            Self::Background => "a process that it left in the background still runs",
            Self::Running => "it still runs",
            Self::Unknown => "it is not known whether its processes still run",
        })
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, after, exit, processes, stdout, stderr, .. } = self;
        write!(f, "{reason}: {} bytes of output and {} of error output came; ", stdout.total, stderr.total)?;
        match exit {
            Some(Exit::Code(code)) => write!(f, "it had ended with exit code {code}; ")?,
            Some(Exit::Signal(signal)) => write!(f, "it had been ended by the signal {signal}; ")?,
            None if after.is_none() => f.write_str("it may have run to its end or not; ")?,
            None => {}
        }
        write!(f, "{processes}")?;
        if *processes == Processes::Killed || exit.is_some() {
            return Ok(());
        }
        f.write_str(". Look at the machine before you run it again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfinished(after: Option<Duration>, exit: Option<Exit>, processes: Processes) -> String {
        let (reason, stream) = ("the command stopped".to_owned(), Stream::default());
        let (stdout, stderr, duration) = (stream.clone(), stream, Duration::ZERO);
        Unfinished { reason, after, exit, processes, stdout, stderr, duration }.to_string()
    }

    #[test]
    fn nobody_is_told_to_repeat_what_may_have_run() {
        let limit = Some(Duration::from_secs(1));
        for processes in [Processes::Background, Processes::Running, Processes::Unknown] {
            for after in [limit, None] {
                let told = unfinished(after, None, processes);
                assert!(told.ends_with("Look at the machine before you run it again"), "{told}");
            }
        }
        assert!(unfinished(limit, None, Processes::Killed).ends_with("its processes were killed"));
        let told = unfinished(limit, Some(Exit::Code(5)), Processes::Background);
        assert!(told.contains("ended with exit code 5; a process that it left in the background still runs"), "{told}");
    }
}
