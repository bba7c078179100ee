//! Commands on machines.

use std::time::Duration;

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{CommandLine, LoginPassword, LoginUser, VmName};
use vmm_core::remote::{Command, Credential, Login, Output, Unfinished};
use vmm_core::{Error, ExposeSecret, SecretString};

use crate::api::answer::{ending, milliseconds};
use crate::api::tag::Tag;
use crate::error::{Failure, ProblemDetails};
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::secret::Secret;
use crate::wire::text::TextOf;

pub(crate) struct SshApi;

/// A command, with the login on the machine.
#[derive(Debug, Object)]
#[oai(rename = "SshCommand", deny_unknown_fields)]
pub(super) struct SshCommand {
    /// The line for the user's login shell.
    command: TextOf<CommandLine>,
    /// The user on the machine.
    user: TextOf<LoginUser>,
    password: Secret<LoginPassword>,
    /// The longest time of the command in seconds, from connecting to its end; 60 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    timeout: Option<u32>,
}

/// Commands, to be run in order.
#[derive(Debug, Object)]
#[oai(rename = "SshCommands", deny_unknown_fields)]
pub(super) struct SshCommands {
    #[oai(validator(min_items = 1, max_items = 50))]
    pub(super) ssh: Vec<SshCommand>,
}

pub(super) fn read(command: SshCommand) -> vmm_core::Result<(Login, Command)> {
    let SshCommand { command, user, password, timeout } = command;
    let command = String::from(command);
    CommandLine::check("command", &command)?;
    let (login, command) = (login(user, password)?, Command::new(command));
    let command = match timeout {
        Some(seconds) => command.within(Duration::from_secs(seconds.into())),
        None => command,
    };
    Ok((login, command))
}

/// Returns the login on a machine of a user and a password.
pub(super) fn login(user: TextOf<LoginUser>, password: Secret<LoginPassword>) -> vmm_core::Result<Login> {
    let (user, password) = (String::from(user), SecretString::from(password));
    LoginUser::check("user", &user)?;
    LoginPassword::check("password", password.expose_secret())?;
    Ok(Login { user, credential: Credential::Password(password) })
}

/// The result of a command. It has an `exit_code` or a `signal` if its end is known, and an `error` if it could not be
/// run, did not end in time, or has an unknown end (`urn:vmm:problem:end-unknown`: it may have run).
#[derive(Debug, Default, Object)]
#[oai(rename = "SshResult", skip_serializing_if_is_none)]
pub(super) struct SshResult {
    /// The exit code; absent if it is unknown. Beside an `error` it is that of the command itself, whose output was
    /// kept open by a background process.
    exit_code: Option<i32>,
    /// The signal that ended it, without `SIG`.
    signal: Option<String>,
    /// The first MiB of the output, with what is not UTF-8 replaced; beside an `error`, the output up to that point.
    stdout: String,
    /// Its first MiB, with what is not UTF-8 replaced.
    stderr: String,
    stdout_truncated: bool,
    stderr_truncated: bool,
    duration_ms: u64,
    /// The reason why the command could not be run, did not end in time, or has an unknown end, and the fate of its
    /// processes. Later commands are not tried.
    error: Option<ProblemDetails>,
}

impl From<Error> for SshResult {
    fn from(error: Error) -> Self {
        let result = match &error {
            Error::Unfinished(unfinished) => {
                let Unfinished { exit, stdout, stderr, duration, .. } = &**unfinished;
                let (exit_code, signal) = exit.clone().map(ending).unwrap_or_default();
                Self {
                    exit_code,
                    signal,
                    stdout: stdout.text(),
                    stderr: stderr.text(),
                    stdout_truncated: stdout.truncated(),
                    stderr_truncated: stderr.truncated(),
                    duration_ms: milliseconds(*duration),
                    error: None,
                }
            }
            _ => Self::default(),
        };
        Self { error: Some(Failure::from(error).into()), ..result }
    }
}

impl From<Output> for SshResult {
    fn from(output: Output) -> Self {
        let (exit_code, signal) = ending(output.exit);
        Self {
            exit_code,
            signal,
            stdout: output.stdout.text(),
            stderr: output.stderr.text(),
            stdout_truncated: output.stdout.truncated(),
            stderr_truncated: output.stderr.truncated(),
            duration_ms: milliseconds(output.duration),
            error: None,
        }
    }
}

impl From<Failure> for SshResult {
    fn from(failure: Failure) -> Self {
        Self { error: Some(failure.into()), ..Self::default() }
    }
}

/// Returns the results of all commands, with a problem for each that was not tried.
pub(super) fn results(done: Vec<vmm_core::Result<Output>>, count: usize) -> Vec<SshResult> {
    let result = |result: vmm_core::Result<Output>| result.map_or_else(SshResult::from, SshResult::from);
    let mut results: Vec<_> = done.into_iter().map(result).collect();
    results.resize_with(count, || Failure::not_tried().into());
    results
}

/// The results of the commands, in the order of the call.
#[derive(Debug, Object)]
#[oai(rename = "SshResults")]
struct SshResults {
    ssh: Vec<SshResult>,
}

#[OpenApi(tag = "Tag::Vm")]
impl SshApi {
    /// Run commands on a machine, one after the other. A non-zero exit code is a result, not an error.
    ///
    /// If the first command could not begin, the call fails: nothing ran, and it can be repeated. If a later command
    /// cannot be run, or a command has no known end, its `error` says why, beside its output up to that point; later
    /// commands are not tried. Such a command may have run: look at the machine before you repeat it.
    ///
    /// A command has neither a terminal nor standard input. It ends when no process keeps its output open: start a
    /// program that shall continue in the background with `nohup PROGRAM >/dev/null 2>&1 &`.
    #[oai(path = "/vm/ssh", method = "post", operation_id = "runSshCommands")]
    async fn run(
        &self,
        caller: Caller,
        /// The machine's name.
        vm: Query<TextOf<VmName>>,
        body: Body<SshCommands>,
    ) -> Result<Json<SshResults>, Failure> {
        let login = caller.0;
        let commands = batch::read("ssh", body.0.ssh, read)?;
        let count = commands.len();
        let done = login.vmm.ssh(&login.actor, &named("vm", VmName::new(vm.0))?, commands).await?;
        Ok(Json(SshResults { ssh: results(done, count) }))
    }
}
