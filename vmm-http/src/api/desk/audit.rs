//! The record of who did what.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::{AuditFilter, AuditId, AuditRecord, Outcome, UserName};

use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::cursor;
use crate::wire::text::TextOf;

pub(crate) struct AuditApi;

/// The outcome of an operation. `started` marks the beginning of one that acts outside the database.
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

impl From<OutcomeWord> for Outcome {
    fn from(word: OutcomeWord) -> Self {
        match word {
            OutcomeWord::Started => Self::Started,
            OutcomeWord::Done => Self::Done,
            OutcomeWord::Failed => Self::Failed,
            OutcomeWord::Denied => Self::Denied,
        }
    }
}

/// One row of the audit log.
#[derive(Debug, Object)]
#[oai(rename = "AuditRow", skip_serializing_if_is_none)]
struct AuditBody {
    id: i64,
    at: DateTime<Utc>,
    /// The name of the account.
    actor: String,
    /// The id of the account.
    user: Option<i64>,
    /// The action, like `vm.delete`.
    action: String,
    /// The thing that the action was about, like `vm web-1`.
    target: String,
    outcome: OutcomeWord,
    detail: String,
    /// The id of the `started` row whose operation ended with this row.
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
#[oai(rename = "AuditRows", skip_serializing_if_is_none)]
struct AuditsBody {
    audit: Vec<AuditBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "Tag::Audit")]
#[allow(clippy::too_many_arguments, reason = "an argument for each parameter of the operation")]
impl AuditApi {
    /// Read the audit log, newest row first. Admins only.
    #[oai(path = "/audit", method = "get", operation_id = "listAudit")]
    async fn list(
        &self,
        caller: Caller,
        /// Only rows of this account.
        user: Query<Option<TextOf<UserName>>>,
        /// Only rows of this action, like `vm.delete`.
        #[oai(validator(max_length = 64))]
        action: Query<Option<String>>,
        /// Only rows about this, like `vm web-1`.
        #[oai(validator(max_length = 256))]
        target: Query<Option<String>>,
        /// Only rows of operations with this outcome.
        outcome: Query<Option<OutcomeWord>>,
        /// Only rows from this moment on.
        from: Query<Option<DateTime<Utc>>>,
        /// Only rows before this moment.
        to: Query<Option<DateTime<Utc>>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<AuditsBody>, Failure> {
        let login = caller.0;
        let user = named("user", user.0.map(UserName::new).transpose())?;
        let filter = AuditFilter {
            user: None,
            action: action.0,
            target: target.0,
            outcome: outcome.0.map(Into::into),
            from: from.0,
            to: to.0,
            before: cursor::read("audit", after.0, cursor::id)?.map(AuditId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.audit(&login.actor, user.as_ref(), &filter).await?;
        let next = page.next.map(|key| cursor::write("audit", key));
        Ok(Json(AuditsBody { audit: page.into_iter().map(AuditBody::from).collect(), next }))
    }
}
