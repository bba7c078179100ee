//! Commands on machines, followed while they run.

use std::collections::VecDeque;
use std::pin::Pin;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::{Object, OpenApi};
use tokio::sync::mpsc;
use vmm_core::model::VmName;
use vmm_core::remote::{Output, OutputChannel, Text};
use vmm_core::{Error, SshEvent};

use super::ssh::{SshCommands, read};
use crate::api::answer::{ending, milliseconds};
use crate::api::tag::Tag;
use crate::error::{Failure, ProblemDetails};
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::events::{Event, Events, Source, Streams, first, told};
use crate::wire::text::TextOf;

pub(crate) struct SshStreamApi;

/// The number of events that can wait for a client.
const WAITING: usize = 16;

/// Something that a command wrote.
#[derive(Debug, Object)]
#[oai(rename = "SshOutput")]
struct SshOutput {
    command: usize,
    stream: String,
    text: String,
}

/// The end of a command.
#[derive(Debug, Object)]
#[oai(rename = "SshEnd", skip_serializing_if_is_none)]
struct SshEnd {
    command: usize,
    exit_code: Option<i32>,
    signal: Option<String>,
    stdout_truncated: bool,
    stderr_truncated: bool,
    duration_ms: u64,
}

/// The reason why a command could not be run, did not end in time, or has an unknown end.
#[derive(Debug, Object)]
#[oai(rename = "SshProblem", skip_serializing_if_is_none)]
struct SshProblem {
    command: usize,
    /// That of the command itself, if only a process that it left in the background did not end.
    exit_code: Option<i32>,
    /// The signal that ended it, without `SIG`.
    signal: Option<String>,
    error: ProblemDetails,
}

impl SshProblem {
    fn new(command: usize, error: Error) -> Self {
        let exit = match &error {
            Error::Unfinished(unfinished) => unfinished.exit.clone(),
            _ => None,
        };
        let (exit_code, signal) = exit.map(ending).unwrap_or_default();
        Self { command, exit_code, signal, error: Failure::from(error).into() }
    }
}

type Running = Pin<Box<dyn Future<Output = vmm_core::Result<Vec<vmm_core::Result<Output>>>> + Send>>;

/// Commands that run as long as somebody follows them.
struct Commands {
    running: Option<Running>,
    events: mpsc::Receiver<SshEvent>,
    text: [Text; 2],
    waiting: VecDeque<Result<Event, Failure>>,
}

impl Commands {
    fn new(running: Running, events: mpsc::Receiver<SshEvent>) -> Self {
        Self { running: Some(running), events, text: Default::default(), waiting: VecDeque::new() }
    }

    /// The next event, or that not even the first command could be run.
    async fn step(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match &mut self.running {
                Some(running) => tokio::select! {
                    biased;
                    Some(event) = self.events.recv() => self.take(event),
                    results = running => {
                        self.running = None;
                        while let Ok(event) = self.events.try_recv() {
                            self.take(event);
                        }
                        self.end(results);
                    }
                },
                None => return None,
            }
        }
    }

    fn take(&mut self, event: SshEvent) {
        match event {
            SshEvent::Output { command, piece } => {
                let text = self.text[piece.channel as usize].push(&piece.bytes);
                self.output(command, piece.channel, text);
            }
            SshEvent::Ended { command, exit, stdout_truncated, stderr_truncated, duration } => {
                for channel in OutputChannel::ALL {
                    let rest = self.text[*channel as usize].end();
                    self.output(command, *channel, rest);
                }
                let (exit_code, signal) = ending(exit);
                let duration_ms = milliseconds(duration);
                let end = SshEnd { command, exit_code, signal, stdout_truncated, stderr_truncated, duration_ms };
                self.waiting.push_back(Ok(told("result", &end)));
            }
        }
    }

    fn output(&mut self, command: usize, channel: OutputChannel, text: String) {
        if !text.is_empty() {
            let output = SshOutput { command, stream: channel.to_string(), text };
            self.waiting.push_back(Ok(told("output", &output)));
        }
    }

    fn end(&mut self, results: vmm_core::Result<Vec<vmm_core::Result<Output>>>) {
        match results {
            Err(error) => self.waiting.push_back(Err(error.into())),
            Ok(results) => {
                for (command, result) in results.into_iter().enumerate() {
                    if let Err(error) = result {
                        self.waiting.push_back(Ok(told("problem", &SshProblem::new(command, error))));
                    }
                }
            }
        }
    }
}

impl Source for Commands {
    async fn next(&mut self) -> vmm_core::Result<Option<Event>> {
        let problem = |failure: Failure| {
            let (command, exit_code, signal) = (0, None, None);
            told("problem", &SshProblem { command, exit_code, signal, error: failure.into() })
        };
        Ok(self.step().await.map(|step| step.unwrap_or_else(problem)))
    }
}

#[OpenApi(tag = "Tag::Vm")]
impl SshStreamApi {
    /// Run commands on a machine as `POST /vm/ssh` does, and watch them as server-sent events.
    ///
    /// An event `output` has a piece of a command's output: `command` (counted from 0), `stream` (`stdout` or `stderr`)
    /// and `text`; at most 1 MiB of each stream is sent. An event `result` has the end of a command: `command`,
    /// `exit_code` or `signal`, `stdout_truncated`, `stderr_truncated` and `duration_ms`. An event `problem` has the
    /// `command` that could not be run, did not end in time or has no known end (`urn:vmm:problem:end-unknown`: it may
    /// have run), the `error`, and `exit_code` or `signal` if the command itself had ended; later commands are not
    /// tried. The stream ends with the last command. A client that closes the stream kills the command on the machine.
    #[oai(path = "/vm/ssh/stream", method = "post", operation_id = "streamSshCommands")]
    async fn stream(
        &self,
        caller: Caller,
        request: &Request,
        streams: Data<&Streams>,
        /// The machine's name.
        vm: Query<TextOf<VmName>>,
        body: Body<SshCommands>,
    ) -> Result<Events, Failure> {
        let login = caller.0;
        let commands = batch::read("ssh", body.0.ssh, read)?;
        let name = named("vm", VmName::new(vm.0))?;
        let (sender, events) = mpsc::channel(WAITING);
        let (vmm, actor) = (login.vmm.clone(), login.actor);
        let running = Box::pin(async move { vmm.follow_ssh(&actor, &name, commands, sender).await });
        let mut source = Commands::new(running, events);
        let first = first(source.step()).await?;
        streams.open(first, source, login.vmm, request)
    }
}
