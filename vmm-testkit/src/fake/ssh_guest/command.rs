//! The work of a command or a subsystem on its channel.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use vmm_core::remote::Exit;

use super::wire::Wire;
use super::{Behaviour, Evil};
use crate::fake::remote::Answer;

const CHUNK: usize = 32 << 10;
const DRIP: Duration = Duration::from_millis(20);
/// `SSH_EXTENDED_DATA_STDERR`.
const STDERR: u32 = 1;
/// Where systems have OpenSSH's server of files.
const FILE_SERVERS: [&str; 4] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
];

/// The request of a client.
pub(super) enum Work {
    Command(String),
    Subsystem(String),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Command(text) | Self::Subsystem(text)) = self;
        f.write_str(text)
    }
}

/// The input as far as it came. Unbounded: what is not taken off a channel would stop its whole connection.
type Input = UnboundedReceiver<Vec<u8>>;
type Writing = ChannelWriteHalf<Msg>;

/// Returns whether the work is begun at all.
pub(super) fn is_possible(work: &Work, behaviour: &Behaviour) -> bool {
    match (work, behaviour) {
        (Work::Command(_), _) => true,
        (Work::Subsystem(name), Behaviour::Shell | Behaviour::Evil(_)) => name == "sftp" && file_server().is_some(),
        (Work::Subsystem(_), Behaviour::Answers(_)) => false,
    }
}

/// Works until it is done or the channel is gone.
pub(super) async fn run(channel: Channel<Msg>, handle: Handle, work: Work, behaviour: Behaviour, wire: Arc<Wire>) {
    let id = channel.id();
    let (reading, writing) = channel.split();
    let (arrived, input) = unbounded_channel();
    let exit = tokio::select! {
        exit = perform(&work, &behaviour, input, &writing, &wire) => exit,
        () = take(reading, arrived) => return,
    };
    let _ = match exit {
        Some(Exit::Code(code)) => writing.exit_status(u32::try_from(code).unwrap_or(255)).await.map_err(|_| ()),
        Some(Exit::Signal(name)) => {
            handle.exit_signal_request(id, Sig::Custom(name), false, String::new(), String::new()).await
        }
        None => Ok(()),
    };
    let _ = writing.eof().await;
    let _ = writing.close().await;
}

/// Takes what arrives, until the channel closes.
async fn take(mut reading: ChannelReadHalf, arrived: UnboundedSender<Vec<u8>>) {
    let mut arrived = Some(arrived);
    while let Some(message) = reading.wait().await {
        match (message, &arrived) {
            (ChannelMsg::Data { data }, Some(input)) => drop(input.send(data.to_vec())),
            (ChannelMsg::Eof, _) => arrived = None,
            (ChannelMsg::Close, _) => return,
            _ => {}
        }
    }
}

async fn perform(work: &Work, behaviour: &Behaviour, input: Input, writing: &Writing, wire: &Wire) -> Option<Exit> {
    match (behaviour, work) {
        (Behaviour::Answers(answer), _) => {
            let unknown = || Answer::code(127).with_stderr("sh: not found\n");
            Some(script(answer(&work.to_string()).unwrap_or_else(unknown), input, writing).await)
        }
        (Behaviour::Shell, Work::Command(line)) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", line]);
            process(shell, input, writing).await
        }
        (
            Behaviour::Shell | Behaviour::Evil(Evil::DisconnectInTransfer | Evil::SilentInTransfer),
            Work::Subsystem(_),
        ) => process(Command::new(file_server()?), input, writing).await,
        (Behaviour::Evil(evil), _) => harm(*evil, writing, wire).await,
    }
}

async fn script(answer: Answer, mut input: Input, writing: &Writing) -> Exit {
    // A sleep of no time takes a millisecond.
    if !answer.takes.is_zero() {
        tokio::time::sleep(answer.takes).await;
    }
    let _ = writing.data_bytes(answer.stdout).await;
    while answer.copies
        && let Some(chunk) = input.recv().await
    {
        let _ = writing.data_bytes(chunk).await;
    }
    let _ = writing.extended_data_bytes(STDERR, answer.stderr).await;
    answer.exit
}

async fn harm(evil: Evil, writing: &Writing, wire: &Wire) -> Option<Exit> {
    match evil {
        Evil::EndlessStdout | Evil::DisconnectInTransfer | Evil::SilentInTransfer => {
            while writing.data_bytes(vec![b'x'; CHUNK]).await.is_ok() {}
        }
        Evil::StderrFlood => while writing.extended_data_bytes(STDERR, vec![b'x'; CHUNK]).await.is_ok() {},
        Evil::Drip => {
            while writing.data_bytes("x").await.is_ok() {
                tokio::time::sleep(DRIP).await;
            }
        }
        Evil::HalfClose => {
            let _ = writing.data_bytes("half").await;
            wire.half_close.notify_one();
            std::future::pending::<()>().await;
        }
        _ => drop(writing.data_bytes("done\n").await),
    }
    None
}

fn file_server() -> Option<&'static str> {
    FILE_SERVERS.into_iter().find(|path| Path::new(path).is_file())
}

/// Runs a program in a process group of its own, which ends with this call.
async fn process(mut program: Command, mut input: Input, writing: &Writing) -> Option<Exit> {
    program.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group(program.spawn().ok()?);
    let (mut stdin, mut stdout, mut stderr) = (group.0.stdin.take()?, group.0.stdout.take()?, group.0.stderr.take()?);
    let feed = async move {
        while let Some(chunk) = input.recv().await {
            if stdin.write_all(&chunk).await.is_err() {
                break;
            }
        }
        // Its end is the command's end of input.
        drop(stdin);
        std::future::pending::<()>().await;
    };
    let drain = async {
        let (mut out, mut err) = (vec![0; CHUNK], vec![0; CHUNK]);
        let (mut out_open, mut err_open) = (true, true);
        while out_open || err_open {
            tokio::select! {
                count = stdout.read(&mut out), if out_open => match count {
                    Ok(count @ 1..) => writing.data_bytes(out[..count].to_vec()).await.ok()?,
                    _ => out_open = false,
                },
                count = stderr.read(&mut err), if err_open => match count {
                    Ok(count @ 1..) => writing.extended_data_bytes(STDERR, err[..count].to_vec()).await.ok()?,
                    _ => err_open = false,
                },
            }
        }
        group.0.wait().await.ok()
    };
    let status = tokio::select! {
        status = drain => status?,
        () = feed => return None,
    };
    Some(match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal_name(signal.unwrap_or_default())),
    })
}

fn signal_name(number: i32) -> String {
    let name = Signal::from_named_raw(number).map(|signal| format!("{signal:?}"));
    name.map_or_else(|| number.to_string(), |name| name.trim_matches('"').trim_start_matches("Signal::").to_uppercase())
}

/// A process group, by its leader.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Once the leader has been waited for, the number may be another group's.
        if let Some(leader) = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
