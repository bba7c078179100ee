//! The answer to a request as CSV: what became of each machine.

use std::collections::HashMap;

use vmm_core::model::{PlannedVm, Request, Vm};

const HEADER: &str = "name,hostname,group_name,ip,login,vcpu,memory,os,status\n";

/// A line for each planned machine. The status of one that does not exist is the request's state.
///
/// No field needs quotes: each is a number, an address, or a name of letters, digits, dots, dashes and underscores.
pub(super) fn csv(request: &Request, vms: &[Vm]) -> String {
    let made: HashMap<_, _> = vms.iter().map(|vm| (&vm.name, vm)).collect();
    let lines = request.plan.vms.iter().map(|planned| line(request, planned, made.get(&planned.name).copied()));
    std::iter::once(HEADER.to_owned()).chain(lines).collect()
}

fn line(request: &Request, planned: &PlannedVm, made: Option<&Vm>) -> String {
    let ip = made.and_then(|vm| vm.ip).or(planned.ip.map(Into::into));
    format!(
        "{},{},{},{},{},{},{},{}:{},{}\n",
        planned.name,
        planned.hostname,
        planned.group_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        ip.map(|ip| ip.to_string()).unwrap_or_default(),
        planned.login,
        planned.vcpu,
        planned.memory,
        planned.os_name,
        planned.os_version,
        made.map_or(request.state.as_str(), |vm| vm.status.as_str()),
    )
}
