//! Machines on the wire. Lists of them are written by serde and described by poem-openapi; a test holds both together.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::{Serialize, Serializer};
use vmm_core::model::{PauseReason, StatusReason, Vm, VmStatus};

/// The status of a machine. `request`: it does not exist yet. `saved`: it does not run, and continues where it was
/// saved when it is started. `paused`: it is held with its memory. `unknown`: its host does not say in which state it
/// is, or does not have it; vmm never takes it to be off.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename = "VmStatus", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(super) enum VmStatusWord {
    Request,
    On,
    Off,
    Saved,
    Paused,
    Unknown,
}

impl From<VmStatus> for VmStatusWord {
    fn from(status: VmStatus) -> Self {
        match status {
            VmStatus::Request => Self::Request,
            VmStatus::On => Self::On,
            VmStatus::Off => Self::Off,
            VmStatus::Saved => Self::Saved,
            VmStatus::Paused => Self::Paused,
            VmStatus::Unknown => Self::Unknown,
        }
    }
}

impl From<VmStatusWord> for VmStatus {
    fn from(word: VmStatusWord) -> Self {
        match word {
            VmStatusWord::Request => Self::Request,
            VmStatusWord::On => Self::On,
            VmStatusWord::Off => Self::Off,
            VmStatusWord::Saved => Self::Saved,
            VmStatusWord::Paused => Self::Paused,
            VmStatusWord::Unknown => Self::Unknown,
        }
    }
}

/// The reason why a machine is `paused` or `unknown`.
///
/// Paused: `user` by somebody; `io-error` since a disk of it could not be read or written, as when the host's pool is
/// full; `migration`, `saving` and `snapshot` while that is done; `crashed` when its system crashed; `watchdog`;
/// `sleeping` when its system sleeps; `other`. Unknown: `missing` when its host has no domain with its id and vmm's
/// tag; `unreachable` while its host does not answer; `unreadable` when its host does not say in which state it is.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename = "VmStatusReason", rename_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub(super) enum StatusReasonWord {
    User,
    IoError,
    Migration,
    Saving,
    Snapshot,
    Crashed,
    Watchdog,
    Sleeping,
    Other,
    Missing,
    Unreachable,
    Unreadable,
}

impl From<StatusReason> for StatusReasonWord {
    fn from(reason: StatusReason) -> Self {
        match reason {
            StatusReason::Paused(PauseReason::User) => Self::User,
            StatusReason::Paused(PauseReason::IoError) => Self::IoError,
            StatusReason::Paused(PauseReason::Migration) => Self::Migration,
            StatusReason::Paused(PauseReason::Saving) => Self::Saving,
            StatusReason::Paused(PauseReason::Snapshot) => Self::Snapshot,
            StatusReason::Paused(PauseReason::Crashed) => Self::Crashed,
            StatusReason::Paused(PauseReason::Watchdog) => Self::Watchdog,
            StatusReason::Paused(PauseReason::Sleeping) => Self::Sleeping,
            StatusReason::Paused(PauseReason::Other) => Self::Other,
            StatusReason::Missing => Self::Missing,
            StatusReason::Unreachable => Self::Unreachable,
            StatusReason::Unreadable => Self::Unreadable,
        }
    }
}

/// A machine.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Vm", skip_serializing_if_is_none)]
pub(super) struct VmBody {
    id: i64,
    /// The responsible person, whom one can ask about the machine.
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    name: String,
    hostname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    vcpu: u32,
    /// Memory in MiB.
    memory: u32,
    /// Id of the catalog entry. An adopted machine may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<i64>,
    status: VmStatusWord,
    /// The reason why the machine is paused or unknown; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<StatusReasonWord>,
    uuid: String,
    mac: String,
    /// SHA-256 fingerprint of its SSH host key.
    host_key: String,
    /// The user that people sign in as on the machine.
    login: String,
    /// True if the machine was adopted: vmm did not make its domain and its disks.
    adopted: bool,
    /// The request it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    description: String,
    /// The number of changes of the record; in quotes, its `ETag`.
    revision: i64,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
}

impl From<Vm> for VmBody {
    fn from(vm: Vm) -> Self {
        Self {
            id: vm.id.0,
            user: vm.user_name.into(),
            group_name: vm.group_name.map(Into::into),
            name: vm.name.into(),
            hostname: vm.hostname.into(),
            ip: vm.ip.as_ref().map(IpAddr::to_string),
            vcpu: vm.vcpu,
            memory: vm.memory,
            os: vm.os.map(|id| id.0),
            status: vm.status.into(),
            status_reason: vm.status_reason.map(Into::into),
            uuid: vm.uuid.to_string(),
            mac: vm.mac.to_string(),
            host_key: vm.host_key.fingerprint(),
            login: vm.login.into(),
            adopted: vm.adopted,
            request: vm.request.map(Into::into),
            description: vm.description,
            revision: vm.revision.0,
            created_at: vm.created_at,
        }
    }
}

/// Machines in order of id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Vms", skip_serializing_if_is_none)]
pub(super) struct VmsBody {
    pub(super) vm: Vec<VmBody>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A moment as poem-openapi writes it.
fn rfc3339<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON;

    use super::*;

    fn vm(given: bool) -> VmBody {
        let some = |text: &str| given.then(|| text.to_owned());
        VmBody {
            id: 7,
            user: "alice".to_owned(),
            group_name: some("web"),
            name: "web-1".to_owned(),
            hostname: "web-1.shop".to_owned(),
            ip: some("192.0.2.7"),
            vcpu: 2,
            memory: 1024,
            os: given.then_some(1),
            status: VmStatusWord::Paused,
            status_reason: given.then_some(StatusReasonWord::IoError),
            uuid: "0".to_owned(),
            mac: "1".to_owned(),
            host_key: "SHA256:x".to_owned(),
            login: "vmm".to_owned(),
            request: some("r1"),
            adopted: false,
            description: "\"quoted\"\n".to_owned(),
            revision: 3,
            created_at: DateTime::from_timestamp_micros(1_700_000_000_123_000).expect("a moment"),
        }
    }

    #[test]
    fn a_reason_has_the_word_that_the_records_have() {
        for reason in StatusReason::all() {
            let word = StatusReasonWord::from(reason);
            assert_eq!(serde_json::to_value(word).ok(), Some(reason.as_str().into()));
            assert_eq!(word.to_json(), Some(reason.as_str().into()));
        }
    }

    #[test]
    fn a_list_is_written_as_it_is_described() {
        for next in [None, Some("x".to_owned())] {
            let body = VmsBody { vm: vec![vm(true), vm(false)], next };
            assert_eq!(serde_json::to_value(&body).ok(), body.to_json());
        }
    }
}
