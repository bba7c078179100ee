//! Commands on machines.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::desk::{Machine, Vmm, check_on};
use crate::error::{Error, Result};
use crate::model::VmName;
use crate::policy::{Action, Actor, Target};
use crate::remote::{Command, Exit, Login, Output, Piece};

use super::fan_out::{Origin, session};

/// An event of commands that run one after the other. Commands are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshEvent {
    /// A command wrote something.
    Output {
        /// Which one.
        command: usize,
        /// The piece of output.
        piece: Piece,
    },
    /// A command ended by itself.
    Ended {
        /// Which one.
        command: usize,
        /// The command's end.
        exit: Exit,
        /// True if it wrote more to standard output than was kept and handed on.
        stdout_truncated: bool,
        /// True if it wrote more to standard error than was kept and handed on.
        stderr_truncated: bool,
        /// From the call to the exit.
        duration: Duration,
    },
}

impl Vmm {
    /// Runs commands in order on one machine; each has a result of its own. After one that could not be run, or whose
    /// end was not seen, the rest is not tried. Whoever stops waiting ends what runs.
    ///
    /// # Errors
    /// What stood in the way of the first command, if not even that began. One that may have begun has a result:
    /// [`Unfinished`](Error::Unfinished), with what had come of it.
    pub async fn ssh(
        &self,
        actor: &Actor,
        name: &VmName,
        commands: Vec<(Login, Command)>,
    ) -> Result<Vec<Result<Output>>> {
        self.run_in_order(actor, name, commands, None, Origin::One).await
    }

    /// Runs commands as [`ssh`](Self::ssh) does, and sends their output and ends to `events` meanwhile. A slow receiver
    /// slows the commands down.
    ///
    /// # Errors
    /// As [`ssh`](Self::ssh).
    pub async fn follow_ssh(
        &self,
        actor: &Actor,
        name: &VmName,
        commands: Vec<(Login, Command)>,
        events: mpsc::Sender<SshEvent>,
    ) -> Result<Vec<Result<Output>>> {
        self.run_in_order(actor, name, commands, Some(events), Origin::One).await
    }

    pub(in crate::ops) async fn run_in_order(
        &self,
        actor: &Actor,
        name: &VmName,
        commands: Vec<(Login, Command)>,
        events: Option<mpsc::Sender<SshEvent>>,
        origin: Origin,
    ) -> Result<Vec<Result<Output>>> {
        let _call = self.machine_call(actor, origin)?;
        let vm = self.find_vm_or_audit_failure(actor, Action::VmSsh, name).await?;
        let detail = match commands.len() {
            1 => "1 command".to_owned(),
            count => format!("{count} commands"),
        };
        self.effect(actor, Action::VmSsh, Target::from(&vm), detail, |desk| async move {
            check_on(&desk, &vm).await?;
            let _session = session(&desk, actor, origin).await?;
            let mut machine = desk.machine(&vm);
            let mut results = Vec::with_capacity(commands.len());
            for (index, (login, command)) in commands.into_iter().enumerate() {
                let result = match &events {
                    Some(events) => follow(&mut machine, &login, &command, index, events).await,
                    None => machine.run(&login, &command).await,
                };
                match result {
                    Ok(output) => results.push(Ok(output)),
                    Err(error) if results.is_empty() && !matches!(error, Error::Unfinished(_)) => return Err(error),
                    Err(error) => {
                        results.push(Err(error));
                        break;
                    }
                }
            }
            Ok(results)
        })
        .await
    }
}

async fn follow(
    machine: &mut Machine,
    login: &Login,
    line: &Command,
    command: usize,
    events: &mpsc::Sender<SshEvent>,
) -> Result<Output> {
    let (sender, mut pieces) = mpsc::channel(1);
    let forwarded = async {
        while let Some(piece) = pieces.recv().await {
            if events.send(SshEvent::Output { command, piece }).await.is_err() {
                return;
            }
        }
    };
    let output = tokio::join!(machine.follow(login, line, sender), forwarded).0?;
    let Output { exit, stdout, stderr, duration } = &output;
    let (stdout_truncated, stderr_truncated) = (stdout.truncated(), stderr.truncated());
    let (exit, duration) = (exit.clone(), *duration);
    // A receiver that is gone needs no last event.
    let _ = events.send(SshEvent::Ended { command, exit, stdout_truncated, stderr_truncated, duration }).await;
    Ok(output)
}
