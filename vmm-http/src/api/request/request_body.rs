//! Requests and plans on the wire.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use vmm_core::model::{HostFigures, Plan, PlannedDisk, PlannedVm, Request, RequestId, RequestState, UserName};
use vmm_core::{RequestDraft, RequestPreview, RowVerdict, Spreadsheet, Submission};

use crate::api::machine::disk::DiskRoleWord;
use crate::error::FieldProblem;
use crate::wire::batch;

/// A request's place in its life.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "RequestState", rename_all = "lowercase")]
pub(super) enum RequestStateWord {
    Pending,
    Approved,
    Running,
    Done,
    Failed,
    Rejected,
    Cancelled,
}

impl From<RequestState> for RequestStateWord {
    fn from(state: RequestState) -> Self {
        match state {
            RequestState::Pending => Self::Pending,
            RequestState::Approved => Self::Approved,
            RequestState::Running => Self::Running,
            RequestState::Done => Self::Done,
            RequestState::Failed => Self::Failed,
            RequestState::Rejected => Self::Rejected,
            RequestState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RequestStateWord> for RequestState {
    fn from(word: RequestStateWord) -> Self {
        match word {
            RequestStateWord::Pending => Self::Pending,
            RequestStateWord::Approved => Self::Approved,
            RequestStateWord::Running => Self::Running,
            RequestStateWord::Done => Self::Done,
            RequestStateWord::Failed => Self::Failed,
            RequestStateWord::Rejected => Self::Rejected,
            RequestStateWord::Cancelled => Self::Cancelled,
        }
    }
}

/// A request to submit.
#[derive(Debug, Object)]
#[oai(rename = "NewRequest", deny_unknown_fields)]
pub(super) struct NewRequestBody {
    /// Chosen by the client. The same id with the same content is the same request, so the call is safe to repeat.
    #[oai(validator(max_length = 128))]
    id: String,
    /// For whom; the caller if absent.
    #[oai(validator(max_length = 128))]
    requester: Option<String>,
    #[oai(default, validator(max_length = 4096))]
    description: String,
    /// The CSV of the machines.
    #[oai(validator(max_length = 1048576))]
    spec: String,
}

impl TryFrom<NewRequestBody> for RequestDraft {
    type Error = vmm_core::Error;

    fn try_from(body: NewRequestBody) -> vmm_core::Result<Self> {
        let NewRequestBody { id, requester, description, spec } = body;
        // These paths are operations' own, so nobody could look at the request.
        if ["template", "preview", "spreadsheet"].contains(&id.as_str()) {
            let reason = format!("{id:?} is taken by a path of its own; choose another");
            return Err(vmm_core::Error::invalid("id", reason));
        }
        let requester = requester.map(UserName::new).transpose();
        Ok(Self { id: RequestId::new(id)?, requester: batch::named("requester", requester)?, description, spec })
    }
}

/// A table to try.
#[derive(Debug, Object)]
#[oai(rename = "RequestToPreview", deny_unknown_fields)]
pub(super) struct RequestToPreviewBody {
    /// For whom; the caller if absent.
    #[oai(validator(max_length = 128))]
    requester: Option<String>,
    /// The CSV of the machines.
    #[oai(validator(max_length = 1048576))]
    spec: String,
}

impl TryFrom<RequestToPreviewBody> for RequestDraft {
    type Error = vmm_core::Error;

    fn try_from(body: RequestToPreviewBody) -> vmm_core::Result<Self> {
        let RequestToPreviewBody { requester, spec } = body;
        let requester = batch::named("requester", requester.map(UserName::new).transpose())?;
        // No request can have this id, so it is in the way of none.
        Ok(Self { id: RequestId::new("preview")?, requester, description: String::new(), spec })
    }
}

/// The table of a spreadsheet's file.
#[derive(Debug, Object)]
#[oai(rename = "Spreadsheet", skip_serializing_if_is_none)]
pub(super) struct SpreadsheetBody {
    /// It as CSV, for the field `spec` of a request.
    spec: String,
    /// The sheet that it was read from; absent for a file without sheets.
    sheet: Option<String>,
}

impl From<Spreadsheet> for SpreadsheetBody {
    fn from(Spreadsheet { spec, sheet }: Spreadsheet) -> Self {
        Self { spec, sheet }
    }
}

/// Whether a row can be made.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "RowVerdict", rename_all = "lowercase")]
enum RowVerdictWord {
    /// Nothing to say.
    Ok,
    /// It can be made, and the approver should read the warnings.
    Warning,
    /// It has a problem.
    Wrong,
}

/// What was found of one row.
#[derive(Debug, Object)]
#[oai(rename = "PreviewRow")]
struct PreviewRowBody {
    /// Row of the table as a spreadsheet numbers it: the header and blank rows count.
    row: u32,
    /// What stands under `name`, at most 64 characters.
    name: String,
    verdict: RowVerdictWord,
    /// How many machines it asks for; 0 if it is wrong.
    machines: u32,
    /// What the approver should know: at most three things.
    warnings: Vec<String>,
}

/// What a table would make, or what is wrong with it.
#[derive(Debug, Object)]
#[oai(rename = "RequestPreview", skip_serializing_if_is_none)]
pub(super) struct RequestPreviewBody {
    /// Whether the table could be submitted at this moment.
    good: bool,
    /// What all machines need together; absent if anything is wrong.
    totals: Option<Totals>,
    /// The rows in their order, up to the one with the last problem that is listed.
    rows: Vec<PreviewRowBody>,
    /// How many rows are not blank, without the header.
    rows_total: u32,
    /// What is wrong: the first 100 problems at most.
    problems: Vec<FieldProblem>,
    /// How many problems there are, with those that are not listed.
    problems_total: u32,
    /// What the table was understood as where that is not what its letters say.
    understood: Vec<String>,
}

/// How many warnings of a row are told.
const WARNINGS: usize = 3;

impl From<RequestPreview> for RequestPreviewBody {
    fn from(preview: RequestPreview) -> Self {
        let RequestPreview { plan, problems, rows, rows_total, understood, .. } = preview;
        let mut warnings = HashMap::<u32, Vec<String>>::new();
        for vm in plan.iter().flat_map(|plan| &plan.vms).filter(|vm| !vm.warnings.is_empty()) {
            warnings.entry(vm.row).or_default().extend(vm.warnings.iter().cloned());
        }
        let row = |row: RowVerdict| {
            let mut warnings = warnings.remove(&row.row).unwrap_or_default();
            warnings.truncate(WARNINGS);
            let verdict = match (row.wrong, warnings.is_empty()) {
                (true, _) => RowVerdictWord::Wrong,
                (false, true) => RowVerdictWord::Ok,
                (false, false) => RowVerdictWord::Warning,
            };
            let machines = if row.wrong { 0 } else { row.machines };
            PreviewRowBody { row: row.row, name: row.name, verdict, machines, warnings }
        };
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            good: plan.is_some(),
            totals: plan.as_ref().map(Totals::from),
            rows: rows.into_iter().map(row).collect(),
            rows_total: count(rows_total),
            problems_total: count(problems.total()),
            problems: problems.into_iter().map(FieldProblem::from).collect(),
            understood,
        }
    }
}

/// Requests to submit.
#[derive(Debug, Object)]
#[oai(rename = "NewRequests", deny_unknown_fields)]
pub(super) struct NewRequestsBody {
    #[oai(rename = "request-vm", validator(min_items = 1, max_items = 100))]
    pub(super) request_vm: Vec<NewRequestBody>,
}

/// A request without its plan.
#[derive(Debug, Object)]
#[oai(rename = "RequestSummary", skip_serializing_if_is_none)]
pub(super) struct RequestSummary {
    id: String,
    requester: String,
    description: String,
    state: RequestStateWord,
    /// Who approved or rejected it.
    decided_by: Option<String>,
    /// Why it was rejected, returned for approval, or failed.
    reason: Option<String>,
    /// What an approval names.
    plan_hash: String,
    totals: Totals,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl From<&Request> for RequestSummary {
    fn from(request: &Request) -> Self {
        Self {
            id: request.id.to_string(),
            requester: request.requester_name.to_string(),
            description: request.description.clone(),
            state: request.state.into(),
            decided_by: request.decided_by.as_ref().map(ToString::to_string),
            reason: request.reason.clone(),
            plan_hash: request.plan_hash.to_string(),
            totals: Totals::from(&request.plan),
            created_at: request.created_at,
            changed_at: request.changed_at,
        }
    }
}

/// Requests, newest first.
#[derive(Debug, Object)]
#[oai(rename = "Requests", skip_serializing_if_is_none)]
pub(super) struct RequestsBody {
    #[oai(rename = "request-vm")]
    pub(super) request_vm: Vec<RequestSummary>,
    /// The cursor of the next page; absent on the last one.
    pub(super) next: Option<String>,
}

/// A request with its plan.
#[derive(Debug, Object)]
#[oai(rename = "Request")]
pub(super) struct RequestBody {
    #[oai(flatten)]
    summary: RequestSummary,
    /// The CSV as it was submitted.
    spec: String,
    host: HostBody,
    /// What the table was understood as where that is not what its letters say.
    understood: Vec<String>,
    /// The machines, in order of the CSV's rows.
    rows: Vec<RowBody>,
}

impl From<Request> for RequestBody {
    fn from(request: Request) -> Self {
        let summary = RequestSummary::from(&request);
        let Plan { host, pool, seen, understood, vms } = request.plan;
        let HostFigures { vcpus, memory, disk_free, addresses_free } = seen;
        Self {
            summary,
            spec: request.spec,
            host: HostBody { name: host, pool, vcpu: vcpus, memory, disk_free, addresses_free },
            understood,
            rows: vms.into_iter().map(RowBody::from).collect(),
        }
    }
}

/// A request that was submitted.
#[derive(Debug, Object)]
#[oai(rename = "Submission")]
pub(super) struct SubmissionBody {
    /// Whether this call made it; otherwise the same was submitted before.
    created: bool,
    #[oai(flatten)]
    request: RequestBody,
}

impl From<Submission> for SubmissionBody {
    fn from(submission: Submission) -> Self {
        Self { created: submission.created, request: submission.request.into() }
    }
}

/// Requests that were submitted, in the order of the call.
#[derive(Debug, Object)]
#[oai(rename = "Submissions")]
pub(super) struct SubmissionsBody {
    #[oai(rename = "request-vm")]
    pub(super) request_vm: Vec<SubmissionBody>,
}

/// What all machines of a request need together.
#[derive(Debug, Object)]
#[oai(rename = "Totals")]
struct Totals {
    /// How many machines.
    vms: u64,
    /// Virtual processors.
    vcpu: u64,
    /// Memory in MiB.
    memory: u64,
    /// Disks in GiB.
    disk: u64,
}

impl From<&Plan> for Totals {
    fn from(plan: &Plan) -> Self {
        Self { vms: plan.vms.len() as u64, vcpu: plan.vcpus(), memory: plan.memory(), disk: plan.disk() }
    }
}

/// The host that a plan was made for, as it was then. An approval binds the pool; all else may change by itself, and is
/// checked again before anything is made.
#[derive(Debug, Object)]
#[oai(rename = "PlanHost", skip_serializing_if_is_none)]
struct HostBody {
    name: String,
    /// The storage pool that the disks will be in.
    pool: String,
    /// Logical processors.
    vcpu: u32,
    /// Memory in MiB.
    memory: u64,
    /// What was free for disks, in GiB.
    disk_free: u64,
    /// How many addresses were free for machines without a fixed one; absent if the host does not say.
    addresses_free: Option<u32>,
}

/// What was found of a row. A row that is wrong never becomes part of a plan.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "Verdict", rename_all = "lowercase")]
enum Verdict {
    /// Nothing to say.
    Ok,
    /// It can be made, and the approver should read the warnings.
    Warning,
}

/// One machine of a plan.
#[derive(Debug, Object)]
#[oai(rename = "PlanRow", skip_serializing_if_is_none)]
struct RowBody {
    /// Row of the table as a spreadsheet numbers it: the header and blank rows count.
    row: u32,
    name: String,
    verdict: Verdict,
    warnings: Vec<String>,
    hostname: String,
    group_name: Option<String>,
    vcpu: u32,
    /// In MiB.
    memory: u32,
    /// Name and version of the catalog entry.
    os: String,
    /// SHA-256 of its image.
    image_sha256: String,
    /// The user that cloud-init makes.
    login: String,
    disks: Vec<PlanDisk>,
    /// The address that is reserved for it.
    ip: Option<String>,
    mac: String,
    uuid: String,
    /// SHA-256 fingerprint of its SSH host key.
    host_key: String,
    description: String,
}

impl From<PlannedVm> for RowBody {
    fn from(vm: PlannedVm) -> Self {
        Self {
            row: vm.row,
            name: vm.name.to_string(),
            verdict: if vm.warnings.is_empty() { Verdict::Ok } else { Verdict::Warning },
            warnings: vm.warnings,
            hostname: vm.hostname.to_string(),
            group_name: vm.group_name.map(|group| group.to_string()),
            vcpu: vm.vcpu,
            memory: vm.memory,
            os: format!("{}:{}", vm.os_name, vm.os_version),
            image_sha256: vm.image_sha256,
            login: vm.login.to_string(),
            disks: vm.disks.into_iter().map(PlanDisk::from).collect(),
            ip: vm.ip.map(|ip| ip.to_string()),
            mac: vm.mac.to_string(),
            uuid: vm.uuid.to_string(),
            host_key: vm.host_key.fingerprint(),
            description: vm.description,
        }
    }
}

/// One disk of a planned machine.
#[derive(Debug, Object)]
#[oai(rename = "PlanDisk")]
struct PlanDisk {
    role: DiskRoleWord,
    volume: String,
    /// In GiB.
    size: u32,
}

impl From<PlannedDisk> for PlanDisk {
    fn from(disk: PlannedDisk) -> Self {
        Self { role: disk.role.into(), volume: disk.volume.to_string(), size: disk.size }
    }
}

/// The plan that an approval means.
#[derive(Debug, Object)]
#[oai(rename = "Approval", deny_unknown_fields)]
pub(super) struct ApprovalBody {
    /// The hash that the plan was shown with.
    #[oai(validator(max_length = 64))]
    pub(super) plan_hash: String,
}

/// Why a request is rejected.
#[derive(Debug, Object)]
#[oai(rename = "Rejection", deny_unknown_fields)]
pub(super) struct RejectionBody {
    /// The requester is shown it.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub(super) reason: String,
}
