//! Commands on machines.

use std::net::SocketAddr;

use crate::error::{Error, Kind, Part, Result};
use crate::model::{Vm, VmName, VmStatus};
use crate::policy::{Action, Actor, Target};
use crate::remote::{Command, Endpoint, Login, Output};
use crate::vmm::Vmm;

use super::vm::exists;

/// The port that machines' SSH servers listen on.
pub(crate) const SSH_PORT: u16 = 22;

impl Vmm {
    /// Runs commands in order on one machine; each has a result of its own. After one that could not be run the rest
    /// is not tried.
    ///
    /// # Errors
    /// What stood in the way of the first command, if not even that could be run.
    pub async fn ssh(
        &self,
        actor: &Actor,
        name: &VmName,
        commands: Vec<(Login, Command)>,
    ) -> Result<Vec<Result<Output>>> {
        let vm = self.sought_vm(actor, Action::VmSsh, name).await?;
        let detail = match commands.len() {
            1 => "1 command".to_owned(),
            count => format!("{count} commands"),
        };
        self.effect(actor, Action::VmSsh, Target::from(&vm), detail, |desk| async move {
            exists(&vm)?;
            let endpoint = endpoint(&vm)?;
            let mut results = Vec::with_capacity(commands.len());
            for (login, command) in commands {
                match desk.remote().run(&endpoint, &login, &command).await {
                    Ok(output) => results.push(Ok(output)),
                    Err(error) if results.is_empty() => return Err(error),
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

/// Where a machine's SSH server is. Targets are made of our records alone, never of what a caller names.
pub(crate) fn endpoint(vm: &Vm) -> Result<Endpoint> {
    match vm.ip {
        Some(ip) => Ok(Endpoint { address: SocketAddr::new(ip, SSH_PORT), host_key: vm.host_key.clone() }),
        None if vm.status == VmStatus::Off => Err(Error::conflict(Kind::Vm, &vm.name, "is off; start it first")),
        None => Err(Error::unavailable(Part::Machine, format!("{} has no known address yet; try again", vm.name))),
    }
}
