//! Commands on many machines.

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{ScriptTarget, VmName};
use vmm_core::remote::Output;

use super::ssh::{SshCommand, SshResult, read, results};
use crate::api::tag::Tag;
use crate::error::{Failure, ProblemDetails};
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::target::targets;
use crate::wire::text::TextOf;

pub(crate) struct SshManyApi;

/// Commands, to be run in order on each of many machines.
#[derive(Debug, Object)]
#[oai(rename = "SshCommandsOnMany", deny_unknown_fields)]
struct SshCommandsOnMany {
    /// The machines: names, or `@group`.
    #[oai(validator(min_items = 1, max_items = 500))]
    vms: Vec<TextOf<ScriptTarget>>,
    #[oai(validator(min_items = 1, max_items = 50))]
    ssh: Vec<SshCommand>,
    /// The number of machines to work on at a time; 8 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "64")))]
    at_once: Option<u32>,
}

/// The results of the commands on one machine. It has a `problem` if the first command could not be run.
#[derive(Debug, Object)]
#[oai(rename = "SshResultsOfVm", skip_serializing_if_is_none)]
struct SshResultsOfVm {
    /// The machine's name.
    vm: String,
    /// The results of the commands, in the order of the call; empty if there is a `problem`.
    ssh: Vec<SshResult>,
    problem: Option<ProblemDetails>,
}

impl SshResultsOfVm {
    fn new(vm: &VmName, count: usize, done: vmm_core::Result<Vec<vmm_core::Result<Output>>>) -> Self {
        let (ssh, problem) = match done {
            Ok(done) => (results(done, count), None),
            Err(error) => (Vec::new(), Some(Failure::from(error).into())),
        };
        Self { vm: vm.to_string(), ssh, problem }
    }
}

/// The results of the commands on each machine, in the order of the call.
#[derive(Debug, Object)]
#[oai(rename = "SshResultsOfMany")]
struct SshResultsOfMany {
    vm: Vec<SshResultsOfVm>,
}

#[OpenApi(tag = "Tag::Vm")]
impl SshManyApi {
    /// Run commands on many machines, as `POST /vm/ssh` does on one.
    ///
    /// On each machine the commands run one after the other. A failure on one machine does not stop the others and
    /// stands beside the machine's name. The first MiB of each stream is kept, or less if machines times commands
    /// exceed 16: 32 MiB in all. A client that closes the connection kills the commands on the machines.
    #[oai(path = "/vm/ssh/many", method = "post", operation_id = "runSshCommandsOnMany")]
    async fn run(&self, caller: Caller, body: Body<SshCommandsOnMany>) -> Result<Json<SshResultsOfMany>, Failure> {
        let login = caller.0;
        let SshCommandsOnMany { vms, ssh, at_once } = body.0;
        let targets = named("vms", targets(vms))?;
        let commands = batch::read("ssh", ssh, read)?;
        let count = commands.len();
        let done = batch::in_vms(login.vmm.ssh_on(&login.actor, &targets, at_once, commands).await)?.into_iter();
        Ok(Json(SshResultsOfMany { vm: done.map(|(vm, done)| SshResultsOfVm::new(&vm, count, done)).collect() }))
    }
}
