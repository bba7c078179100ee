//! Jobs that could neither be done nor undone: tried again, or closed.

use crate::crash;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::host::{Volume, state_of};
use crate::model::{
    ClosedRecords, Closing, Disk, DiskId, Job, JobId, JobState, StatusReason, Subject, Vm, VmId, VmState, VolumeName,
};
use crate::planning::seed_volume;
use crate::policy::{Action, Actor};

impl Vmm {
    /// Tries a stuck job again: it goes on from its log, forward or backward as it went before.
    ///
    /// # Errors
    /// `NotFound` if there is none that the actor may see; `Conflict` if it is not stuck, if another job works on its
    /// machine, or if there is nothing left to work on.
    pub async fn retry_job(&self, actor: &Actor, id: JobId) -> Result<Job> {
        let looking = self.visible_job(actor, id);
        let (_, target) = self.find_or_audit_failure(actor, Action::JobRetry, format!("job {id}"), looking).await?;
        self.change(actor, Action::JobRetry, target, |desk, audit| async move {
            crash::point("stuck", "retry", "begun").await;
            let job = desk.repository().jobs().retry(id, audit).await?;
            crash::point("stuck", "retry", "recorded").await;
            desk.work().notify_one();
            Ok(job)
        })
        .await
    }

    /// Closes a stuck job. The host is looked at: its machine or disk gets the state that the host tells, or unknown
    /// while the host does not answer, and the job's error says what is left on the host. Nothing is removed there.
    ///
    /// # Errors
    /// `NotFound` if there is none that the actor may see; `Conflict` if it is not stuck, or if another job works on
    /// its machine.
    pub async fn close_job(&self, actor: &Actor, id: JobId) -> Result<Job> {
        let looking = self.visible_job(actor, id);
        let (job, target) = self.find_or_audit_failure(actor, Action::JobClose, format!("job {id}"), looking).await?;
        self.change(actor, Action::JobClose, target, |desk, mut audit| async move {
            if job.state != JobState::Stuck {
                return Err(Error::conflict(Kind::Job, id, format!("it is {}, not stuck", job.state)));
            }
            let closing = closing(&desk, &job).await?;
            audit.detail = closing.note.as_str().into();
            crash::point("stuck", "close", "begun").await;
            let job = desk.repository().jobs().close(id, closing, audit).await?;
            crash::point("stuck", "close", "recorded").await;
            desk.forget_states();
            Ok(job)
        })
        .await
    }
}

/// Asks the host about the subject of a job, and returns how the job is closed.
async fn closing(desk: &Desk, job: &Job) -> Result<Closing> {
    match &job.subject {
        Subject::Vm(id) => of_machine(desk, *id).await,
        Subject::Disk(id) => of_disk(desk, *id).await,
        Subject::Os(_) => Ok(stay("a volume with the image may be left in the pool")),
        Subject::Request(_) => Ok(stay("nothing was made; submit the request again")),
    }
}

fn stay(note: &str) -> Closing {
    Closing { note: note.to_owned(), records: ClosedRecords::Stay }
}

async fn of_machine(desk: &Desk, id: VmId) -> Result<Closing> {
    let Some(vm) = desk.repository().vms().by_id(id).await? else {
        return Ok(stay("the records no longer have its machine"));
    };
    let disks = desk.repository().disks().of_vm(id).await?;
    match left(desk, &vm, &disks).await {
        Ok((state, left)) => {
            let note = match left.as_slice() {
                [] => "nothing of it is left on the host".to_owned(),
                left => format!("left on the host: {}", left.join(", ")),
            };
            let gone = state == VmState::unknown(StatusReason::Missing) && !left.contains(&untagged(&vm));
            let records = if gone { ClosedRecords::NoMachine } else { ClosedRecords::Machine(state) };
            Ok(Closing { note, records })
        }
        Err(Error::Unavailable { .. }) => {
            let volumes: Vec<_> = volumes(&vm, &disks)?.iter().map(ToString::to_string).collect();
            let note = format!(
                "the host did not answer; it may have the domain {} and the volumes {}",
                vm.name,
                volumes.join(", ")
            );
            Ok(Closing { note, records: ClosedRecords::Machine(VmState::unknown(StatusReason::Unreachable)) })
        }
        Err(error) => Err(error),
    }
}

/// The state of a machine, and what of it is on the host.
async fn left(desk: &Desk, vm: &Vm, disks: &[Disk]) -> Result<(VmState, Vec<String>)> {
    let hypervisor = desk.hypervisor();
    let state = state_of(hypervisor.domains().by_id(vm.uuid).await?.map(|domain| domain.state));
    let mut left = Vec::new();
    if state != VmState::unknown(StatusReason::Missing) {
        left.push(format!("the domain {}, which is {}", vm.name, state.status));
    } else if hypervisor.host().describe().await?.domain_names.iter().any(|name| name == vm.name.as_str()) {
        left.push(untagged(vm));
    }
    if vm.adopted {
        return Ok((state, left));
    }
    let (wanted, there) = (volumes(vm, disks)?, hypervisor.volumes().list().await?);
    left.extend(wanted.iter().filter(|name| find(&there, name).is_some()).map(|name| format!("the volume {name}")));
    let reservations = match hypervisor.network().reservations().await {
        Err(Error::Unsupported(_)) => Vec::new(),
        reservations => reservations?,
    };
    let reserved = reservations.iter().find(|reservation| reservation.mac == vm.mac);
    left.extend(reserved.map(|reservation| format!("the reservation of {}", reservation.address)));
    Ok((state, left))
}

fn untagged(vm: &Vm) -> String {
    format!("a domain {} without vmm's tag", vm.name)
}

/// The names of all volumes of a machine that vmm made.
fn volumes(vm: &Vm, disks: &[Disk]) -> Result<Vec<VolumeName>> {
    let disks = disks.iter().filter_map(|disk| disk.volume.clone());
    Ok(disks.chain([seed_volume(&vm.name, vm.uuid)?]).collect())
}

fn find<'a>(volumes: &'a [Volume], name: &VolumeName) -> Option<&'a Volume> {
    volumes.iter().find(|volume| volume.name == *name)
}

async fn of_disk(desk: &Desk, id: DiskId) -> Result<Closing> {
    let Some(disk) = desk.repository().disks().by_id(id).await? else {
        return Ok(stay("the records no longer have its disk"));
    };
    let Some(name) = &disk.volume else { return Ok(stay("vmm did not make its disk")) };
    let attached = format!("the definition of {} shows whether it is attached", disk.vm_name);
    match desk.hypervisor().volumes().list().await {
        Ok(volumes) => Ok(match find(&volumes, name) {
            Some(volume) => Closing {
                note: format!("left on the host: the volume {name}; {attached}"),
                records: ClosedRecords::Disk(u32::try_from(volume.capacity >> 30).unwrap_or(u32::MAX)),
            },
            None => Closing {
                note: format!("the volume {name} is not in the pool; {attached}"),
                records: ClosedRecords::NoDisk,
            },
        }),
        Err(Error::Unavailable { .. }) => {
            Ok(stay(&format!("the host did not answer; it may have the volume {name}; {attached}")))
        }
        Err(error) => Err(error),
    }
}
