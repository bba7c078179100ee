//! Requests on the wire, and decisions on them.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use vmm_core::model::{Plan, PlanHash, Reason, Request, RequestState};

use super::request_plan::{HostBody, RowBody, Totals};
use crate::wire::text::TextOf;

/// The state of a request.
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

/// A request without its plan.
#[derive(Debug, Object)]
#[oai(rename = "RequestSummary", skip_serializing_if_is_none)]
pub(super) struct RequestSummary {
    id: String,
    requester: String,
    description: String,
    state: RequestStateWord,
    /// The account that approved or rejected the request.
    decided_by: Option<String>,
    /// The reason why the request was rejected, returned for approval, or failed.
    reason: Option<String>,
    /// The hash of the plan, which an approval has to name.
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
    /// Notes about cells that were read as something else than their letters say.
    understood: Vec<String>,
    /// The machines, in order of the CSV's rows.
    rows: Vec<RowBody>,
}

impl From<Request> for RequestBody {
    fn from(request: Request) -> Self {
        let summary = RequestSummary::from(&request);
        let Plan { host, pool, seen, understood, vms } = request.plan;
        Self {
            summary,
            spec: request.spec,
            host: HostBody::new(host, pool, seen),
            understood,
            rows: vms.into_iter().map(RowBody::from).collect(),
        }
    }
}

/// The approval of a plan.
#[derive(Debug, Object)]
#[oai(rename = "Approval", deny_unknown_fields)]
pub(super) struct ApprovalBody {
    /// The hash of the plan, as the request shows it.
    pub(super) plan_hash: TextOf<PlanHash>,
}

/// The rejection of a request.
#[derive(Debug, Object)]
#[oai(rename = "Rejection", deny_unknown_fields)]
pub(super) struct RejectionBody {
    /// The reason, which the requester can read.
    pub(super) reason: TextOf<Reason>,
}
