//! The record of who did what.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::{AuditFilter, AuditId, AuditRecord, Outcome, UserName};

use super::Tag;
use crate::auth::Caller;
use crate::batch::named;
use crate::error::Failure;

pub(crate) struct AuditApi;

/// How many rows are told if the call does not say.
const DEFAULT_LIMIT: u32 = 100;

/// How an operation went. `started` is the beginning of one with an effect outside the database.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "Outcome", rename_all = "lowercase")]
enum OutcomeWord {
    Started,
    Done,
    Failed,
    Denied,
}

impl From<Outcome> for OutcomeWord {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Started => Self::Started,
            Outcome::Done => Self::Done,
            Outcome::Failed => Self::Failed,
            Outcome::Denied => Self::Denied,
        }
    }
}

/// One row of the audit log.
#[derive(Debug, Object)]
#[oai(rename = "AuditRow", skip_serializing_if_is_none)]
struct AuditBody {
    id: i64,
    at: DateTime<Utc>,
    /// Who, by name.
    actor: String,
    /// Who, by id of the account.
    user: Option<i64>,
    /// What, like `vm.delete`.
    action: String,
    /// To what, like `vm web-1`.
    target: String,
    outcome: OutcomeWord,
    detail: String,
    /// The `started` row whose end this is.
    finishes: Option<i64>,
}

impl From<AuditRecord> for AuditBody {
    fn from(row: AuditRecord) -> Self {
        Self {
            id: row.id.0,
            at: row.at,
            actor: row.actor,
            user: row.user.map(|user| user.0),
            action: row.action,
            target: row.target,
            outcome: row.outcome.into(),
            detail: row.detail,
            finishes: row.finishes.map(|id| id.0),
        }
    }
}

/// Rows of the audit log, newest first.
#[derive(Debug, Object)]
#[oai(rename = "AuditRows")]
struct AuditsBody {
    audit: Vec<AuditBody>,
}

#[OpenApi(tag = "Tag::Audit")]
impl AuditApi {
    /// Read the audit log, newest row first. Admins only.
    #[oai(path = "/audit", method = "get", operation_id = "listAudit")]
    async fn list(
        &self,
        caller: Caller,
        /// Only rows of this account.
        user: Query<Option<String>>,
        /// Only rows of this action, like `vm.delete`.
        #[oai(validator(max_length = 64))]
        action: Query<Option<String>>,
        /// Only rows older than this one: the last id of the page before.
        before: Query<Option<i64>>,
        /// At most so many; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<AuditsBody>, Failure> {
        let login = caller.0;
        let user = named("user", user.0.map(UserName::new).transpose())?;
        let (before, limit) = (before.0.map(AuditId), Some(limit.0.unwrap_or(DEFAULT_LIMIT)));
        let filter = AuditFilter { user: None, action: action.0, before, limit };
        let rows = login.vmm.audit(&login.actor, user.as_ref(), &filter).await?;
        Ok(Json(AuditsBody { audit: rows.into_iter().map(AuditBody::from).collect() }))
    }
}
