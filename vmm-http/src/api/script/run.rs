//! Runs of scripts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::{
    Again, LoginUser, Run, RunFilter, RunId, RunMachine, RunPassword, RunState, ScriptArguments, ScriptName,
    ScriptTarget,
};
use vmm_core::{RunDraft, RunTerms, SecretString};

use crate::api::answer::{Accepted, ending, milliseconds};
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::secret::Secret;
use crate::wire::target::targets;
use crate::wire::text::TextOf;

pub(crate) struct RunApi;

/// The state of a run, or of one of its machines. `done`: the script ended by itself, with any exit code. `failed`: it
/// could not be run or did not end in time. `unknown`: it may have run, and its end is unknown, so look at the machine
/// before you repeat it. `interrupted`: vmm stopped meanwhile.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "RunState", rename_all = "lowercase")]
enum RunStateWord {
    Queued,
    Running,
    Done,
    Failed,
    Unknown,
    Interrupted,
    Cancelled,
}

impl From<RunState> for RunStateWord {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Queued,
            RunState::Running => Self::Running,
            RunState::Done => Self::Done,
            RunState::Failed => Self::Failed,
            RunState::Unknown => Self::Unknown,
            RunState::Interrupted => Self::Interrupted,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RunStateWord> for RunState {
    fn from(word: RunStateWord) -> Self {
        match word {
            RunStateWord::Queued => Self::Queued,
            RunStateWord::Running => Self::Running,
            RunStateWord::Done => Self::Done,
            RunStateWord::Failed => Self::Failed,
            RunStateWord::Unknown => Self::Unknown,
            RunStateWord::Interrupted => Self::Interrupted,
            RunStateWord::Cancelled => Self::Cancelled,
        }
    }
}

/// A script to run on machines.
#[derive(Debug, Object)]
#[oai(rename = "NewRun", deny_unknown_fields)]
struct NewRunBody {
    /// The script's name.
    script: TextOf<ScriptName>,
    /// The version of the script that runs; the newest one if absent.
    #[oai(validator(minimum(value = "1")))]
    version: Option<u32>,
    /// The machines: names, or `@group`. If absent, those that the script names.
    #[oai(validator(min_items = 1, max_items = 500))]
    vm: Option<Vec<TextOf<ScriptTarget>>>,
    /// The arguments of the script, which become `$1` and so on, byte for byte: at most 32 KiB in all. They are
    /// recorded with the run, and everybody on the machine can see them, so keep secrets out of them.
    #[oai(default, validator(max_items = 64))]
    arguments: Vec<TextOf<ScriptArguments>>,
    /// The user on the machines. If it is absent, the login stored with the script is used, which only the script's
    /// owner and admins may do.
    user: Option<TextOf<LoginUser>>,
    /// The password on the machines. It is kept only in memory, until the run ends.
    password: Option<Secret<RunPassword>>,
    /// The longest time on each machine in seconds, from connecting to the script's end; 600 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    timeout: Option<u32>,
    /// The number of machines to work on at a time; 8 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "64")))]
    at_once: Option<u32>,
}

impl TryFrom<NewRunBody> for RunDraft {
    type Error = vmm_core::Error;

    fn try_from(body: NewRunBody) -> vmm_core::Result<Self> {
        let NewRunBody { script, version, vm, arguments, user, password, timeout, at_once } = body;
        let script = named("script", ScriptName::new(script))?;
        let (targets, arguments) =
            (vm.map(targets).transpose()?, ScriptArguments::new(arguments.into_iter().map(String::from).collect())?);
        Ok(Self { script, version, targets, arguments, terms: terms(user, password, timeout, at_once) })
    }
}

fn terms(
    user: Option<TextOf<LoginUser>>,
    password: Option<Secret<RunPassword>>,
    timeout: Option<u32>,
    at_once: Option<u32>,
) -> RunTerms {
    let timeout = timeout.map(|seconds| Duration::from_secs(seconds.into()));
    RunTerms { user: user.map(String::from), password: password.map(SecretString::from), timeout, at_once }
}

/// Scripts to run.
#[derive(Debug, Object)]
#[oai(rename = "NewRuns", deny_unknown_fields)]
struct NewRunsBody {
    #[oai(validator(min_items = 1, max_items = 50))]
    run: Vec<NewRunBody>,
}

/// The machines of a run that a rerun takes. `failed`: those where the script could not be run or did not end in time,
/// and those that were interrupted. `nonzero`: these, and those where it ended with an exit code other than 0 or by a
/// signal. `unknown`: those where it may have run and its end is unknown.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "Again", rename_all = "lowercase")]
enum AgainWord {
    Failed,
    Nonzero,
    Unknown,
}

impl From<AgainWord> for Again {
    fn from(word: AgainWord) -> Self {
        match word {
            AgainWord::Failed => Self::Failed,
            AgainWord::Nonzero => Self::Nonzero,
            AgainWord::Unknown => Self::Unknown,
        }
    }
}

/// The options of a rerun.
#[derive(Debug, Object)]
#[oai(rename = "Rerun", deny_unknown_fields)]
struct RerunBody {
    /// The machines to take; `failed` if absent.
    only: Option<AgainWord>,
    /// The user on the machines. If it is absent, the login stored with the script is used, which only the script's
    /// owner and admins may do.
    user: Option<TextOf<LoginUser>>,
    /// The password on the machines. It is kept only in memory, until the run ends.
    password: Option<Secret<RunPassword>>,
    /// The longest time on each machine in seconds; that of the original run if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    timeout: Option<u32>,
    /// The number of machines to work on at a time; that of the original run if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "64")))]
    at_once: Option<u32>,
}

/// A run of a script.
#[derive(Debug, Object)]
#[oai(rename = "Run", skip_serializing_if_is_none)]
pub(super) struct RunBody {
    id: i64,
    /// The name of the script at that time.
    script: String,
    /// The number of the script's version that ran.
    version: u32,
    /// SHA-256 of the text that ran.
    sha256: String,
    file: String,
    command: String,
    /// The arguments of the script; only for the person who started the run and for admins.
    arguments: Option<Vec<String>>,
    /// The person who started the run.
    started_by: String,
    /// The user on the machines.
    user: String,
    /// The longest time on each machine in seconds.
    timeout: u64,
    /// The number of machines that are worked on at a time.
    at_once: u32,
    /// The id of the run that this run repeats.
    rerun_of: Option<i64>,
    /// The state of the run. Once every machine has ended, it is the worst of their states.
    state: RunStateWord,
    /// True if somebody has cancelled it.
    cancel: bool,
    /// The number of machines of the run.
    machines: u32,
    /// The number of machines on which the script has ended.
    ended: u32,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl From<Run> for RunBody {
    fn from(run: Run) -> Self {
        Self {
            id: run.id.0,
            script: run.script_name.to_string(),
            version: run.version,
            sha256: run.sha256,
            file: run.file.to_string(),
            command: run.command.to_string(),
            arguments: run.arguments.map(|arguments| arguments.as_slice().to_vec()),
            started_by: run.user_name,
            user: run.login,
            timeout: run.timeout.as_secs(),
            at_once: run.at_once,
            rerun_of: run.rerun_of.map(|id| id.0),
            state: run.state.into(),
            cancel: run.cancel,
            machines: run.machines,
            ended: run.ended,
            created_at: run.created_at,
            changed_at: run.changed_at,
        }
    }
}

/// One machine of a run. Once the script has ended there, it has an `exit_code` or a `signal`, or an `error`.
#[derive(Debug, Object)]
#[oai(rename = "RunVm", skip_serializing_if_is_none)]
pub(super) struct RunVmBody {
    /// The machine's name.
    vm: String,
    state: RunStateWord,
    /// A script that a signal ended has 128 and the signal's number, as in a shell.
    exit_code: Option<i32>,
    /// The signal that ended the shell around the script, without `SIG`.
    signal: Option<String>,
    /// Its first 64 KiB (less if there are more than 64 machines), with what is not UTF-8 replaced. Only for the person
    /// who started the run and for admins.
    stdout: Option<String>,
    /// The length of the whole stream, in bytes.
    stdout_bytes: Option<u64>,
    /// As `stdout`.
    stderr: Option<String>,
    /// The length of the whole stream, in bytes.
    stderr_bytes: Option<u64>,
    duration_ms: Option<u64>,
    /// The reason why the script could not be run, or why its end is not known.
    error: Option<String>,
}

impl From<RunMachine> for RunVmBody {
    fn from(machine: RunMachine) -> Self {
        let (exit_code, signal) = machine.exit.map(ending).unwrap_or_default();
        let (stdout, stderr) = machine.output.map(|output| (output.stdout, output.stderr)).unzip();
        Self {
            vm: machine.name.to_string(),
            state: machine.state.into(),
            exit_code,
            signal,
            stdout: stdout.as_ref().map(|stream| stream.text()),
            stdout_bytes: stdout.map(|stream| stream.total),
            stderr: stderr.as_ref().map(|stream| stream.text()),
            stderr_bytes: stderr.map(|stream| stream.total),
            duration_ms: machine.duration.map(milliseconds),
            error: machine.error,
        }
    }
}

/// A run with its machines, in the order of the call.
#[derive(Debug, Object)]
#[oai(rename = "RunWithVms", skip_serializing_if_is_none)]
struct RunWithVmsBody {
    #[oai(flatten)]
    run: RunBody,
    vm: Vec<RunVmBody>,
}

/// Runs.
#[derive(Debug, Object)]
#[oai(rename = "Runs", skip_serializing_if_is_none)]
struct RunsBody {
    run: Vec<RunBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

impl From<Vec<Run>> for RunsBody {
    fn from(runs: Vec<Run>) -> Self {
        Self { run: runs.into_iter().map(RunBody::from).collect(), next: None }
    }
}

#[OpenApi(tag = "Tag::Script")]
impl RunApi {
    /// Run scripts on machines, in the background. A run's record shows its progress.
    ///
    /// Targets are resolved at the moment of the call. A machine that cannot be reached does not stop the others, and a
    /// non-zero exit code is a result. The call gives the machines' login, or uses the one stored with the script,
    /// which only the script's owner and admins may use: with it, somebody who runs a script can do what the script
    /// does on any machine.
    #[oai(path = "/vm/script/run", method = "post", operation_id = "runScripts")]
    async fn start(&self, caller: Caller, body: Body<NewRunsBody>) -> Result<Accepted<RunsBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("run", body.0.run, RunDraft::try_from)?;
        let run = |draft| login.vmm.run_script(&login.actor, draft);
        Ok(Accepted::Accepted(Json(batch::in_order("run", drafts, run).await?.into())))
    }

    /// List runs, newest first.
    #[oai(path = "/vm/script/run", method = "get", operation_id = "listRuns")]
    async fn list(
        &self,
        caller: Caller,
        /// Only runs of the script of this name.
        script: Query<Option<TextOf<ScriptName>>>,
        /// Only runs in this state.
        state: Query<Option<RunStateWord>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<RunsBody>, Failure> {
        let login = caller.0;
        let filter = RunFilter {
            script: named("script", script.0.map(ScriptName::new).transpose())?,
            state: state.0.map(Into::into),
            before: cursor::read("run", after.0, cursor::id)?.map(RunId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.script_runs(&login.actor, &filter).await?;
        let next = page.next.map(|key| cursor::write("run", key));
        Ok(Json(RunsBody { next, ..page.items.into() }))
    }

    /// Get a run with its machines.
    ///
    /// Everybody sees who ran what where, and how it ended. Only the person who started the run and admins see its
    /// output.
    #[oai(path = "/vm/script/run/:id", method = "get", operation_id = "getRun")]
    async fn get(&self, caller: Caller, id: Path<i64>) -> Result<Json<RunWithVmsBody>, Failure> {
        let login = caller.0;
        let (run, machines) = login.vmm.script_run(&login.actor, RunId(id.0)).await?;
        Ok(Json(RunWithVmsBody { run: run.into(), vm: machines.into_iter().map(RunVmBody::from).collect() }))
    }

    /// Cancel a run. The person who started it and admins only.
    ///
    /// The script does not start on waiting machines, and is killed where it runs.
    #[oai(path = "/vm/script/run/:id/cancel", method = "post", operation_id = "cancelRun")]
    async fn cancel(&self, caller: Caller, id: Path<i64>) -> Result<Accepted<RunBody>, Failure> {
        let login = caller.0;
        let run = login.vmm.cancel_script_run(&login.actor, RunId(id.0)).await?;
        Ok(Accepted::Accepted(Json(run.into())))
    }

    /// Rerun a run's text on the machines on which it failed, as a new run.
    #[oai(path = "/vm/script/run/:id/rerun", method = "post", operation_id = "rerunScript")]
    async fn rerun(&self, caller: Caller, id: Path<i64>, body: Body<RerunBody>) -> Result<Accepted<RunBody>, Failure> {
        let login = caller.0;
        let RerunBody { only, user, password, timeout, at_once } = body.0;
        let (only, terms) = (only.unwrap_or(AgainWord::Failed).into(), terms(user, password, timeout, at_once));
        let run = login.vmm.rerun_script(&login.actor, RunId(id.0), only, terms).await?;
        Ok(Accepted::Accepted(Json(run.into())))
    }
}
