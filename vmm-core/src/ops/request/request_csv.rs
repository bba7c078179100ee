//! Requests as CSV: one to begin with, what was asked for, and what became of it.
//!
//! They are for spreadsheets: a text that one would run as a formula has an apostrophe before it.

use std::collections::{HashMap, HashSet};

use crate::desk::Vmm;
use crate::error::Result;
use crate::model::{OsFilter, PlannedVm, Request, RequestId, Vm, VmFilter};
use crate::planning::{csv_writer, template};
use crate::policy::{Action, Actor, Target};

const RESULT: [&str; 9] = ["name", "hostname", "group_name", "ip", "login", "vcpu", "memory", "os", "status"];

impl Vmm {
    /// Every column of a request's CSV, and one example row that plans well at this moment, if the catalog has an
    /// image.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn request_template(&self, actor: &Actor) -> Result<String> {
        let desk = self.read(actor, Action::OsRead, &Target::none())?;
        let oses = desk.repository().oses().list(&OsFilter::default()).await?;
        let vms = desk.repository().vms().list(&VmFilter::default()).await?;
        let mut taken: HashSet<String> = vms.iter().map(|vm| vm.name.to_string()).collect();
        // A host that does not answer has no say in a mere example.
        taken.extend(desk.hypervisor().host().describe().await.map(|host| host.domain_names).unwrap_or_default());
        Ok(template(&oses, &taken))
    }

    /// A request's CSV with the cells that were submitted. To the byte as submitted it is in [`Request::spec`].
    ///
    /// # Errors
    /// `NotFound` if there is no such request that the actor may see.
    pub async fn request_spec(&self, actor: &Actor, id: &RequestId) -> Result<String> {
        Ok(csv_writer::rewritten(&self.request(actor, id).await?.spec))
    }

    /// The machines of a request with their addresses, a row for each planned one. The status of one that does not
    /// exist is the request's state.
    ///
    /// # Errors
    /// `NotFound` if there is no such request that the actor may see.
    pub async fn request_result(&self, actor: &Actor, id: &RequestId) -> Result<String> {
        let request = self.request(actor, id).await?;
        let filter = VmFilter { request: Some(request.id.clone()), ..VmFilter::default() };
        let vms = self.vms(actor, &filter).await?;
        let made: HashMap<_, _> = vms.iter().map(|vm| (&vm.name, vm)).collect();
        let rows = request.plan.vms.iter().map(|planned| row(&request, planned, made.get(&planned.name).copied()));
        Ok(csv_writer::write(std::iter::once(RESULT.map(str::to_owned)).chain(rows)))
    }
}

fn row(request: &Request, planned: &PlannedVm, made: Option<&Vm>) -> [String; 9] {
    let ip = made.and_then(|vm| vm.ip).or(planned.ip.map(Into::into));
    [
        planned.name.to_string(),
        planned.hostname.to_string(),
        planned.group_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        ip.map(|ip| ip.to_string()).unwrap_or_default(),
        planned.login.to_string(),
        planned.vcpu.to_string(),
        planned.memory.to_string(),
        format!("{}:{}", planned.os_name, planned.os_version),
        made.map_or(request.state.as_str(), |vm| vm.status.as_str()).to_owned(),
    ]
}
