//! Requests for machines.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::{ApiResponse, OpenApi};
use vmm_core::RequestDraft;
use vmm_core::model::{RequestFilter, RequestId, UserName};

use super::request_body::{ApprovalBody, RejectionBody, RequestBody, RequestStateWord, RequestSummary, RequestsBody};
use super::request_draft::{NewRequestsBody, RequestToPreviewBody, SubmissionBody, SubmissionsBody};
use super::request_preview::{RequestPreviewBody, SpreadsheetBody};
use crate::api::desk::job::JobsBody;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch;
use crate::wire::body::Body;
use crate::wire::content::SmallContent;
use crate::wire::cursor;
use crate::wire::text::TextOf;

pub(crate) struct RequestApi;

/// A table.
#[derive(ApiResponse)]
enum Csv {
    /// A table with a header row.
    #[oai(status = 200, content_type = "text/csv")]
    Csv(PlainText<String>),
}

#[OpenApi(tag = "Tag::Request")]
impl RequestApi {
    /// Submit requests.
    ///
    /// vmm checks every row of the CSV. If there are problems, the answer has each with its row and column, and nothing
    /// is stored. Otherwise the answer has the plan, and its hash for an admin to approve. Items are done in order; if
    /// one fails, `item` is its number, and the items before it are stored.
    #[oai(path = "/request-vm", method = "post", operation_id = "submitRequests")]
    async fn submit(&self, caller: Caller, body: Body<NewRequestsBody>) -> Result<Json<SubmissionsBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("request-vm", body.0.request_vm, RequestDraft::try_from)?;
        let submit = |draft| login.vmm.submit_request(&login.actor, draft);
        let submissions = batch::in_order("request-vm", drafts, submit).await?;
        Ok(Json(SubmissionsBody { request_vm: submissions.into_iter().map(SubmissionBody::from).collect() }))
    }

    /// Preview a request: get its plan, with a verdict for each row.
    ///
    /// Nothing is stored. The answer has the problems of rows; docs/REQUESTS.md has every column and unit.
    #[oai(path = "/request-vm/preview", method = "post", operation_id = "previewRequest")]
    async fn preview(
        &self,
        caller: Caller,
        body: Body<RequestToPreviewBody>,
    ) -> Result<Json<RequestPreviewBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.preview_request(&login.actor, &body.0.try_into()?).await?.into()))
    }

    /// Convert a spreadsheet to the CSV of a request: CSV, TSV, XLSX or ODS, of at most 1 MiB.
    ///
    /// Nothing is stored. The answer has the CSV to preview and to submit, with the row numbers that the spreadsheet
    /// shows. In a workbook, vmm reads the first visible sheet that has the columns of a request.
    #[oai(path = "/request-vm/spreadsheet", method = "post", operation_id = "readSpreadsheet")]
    async fn read(&self, caller: Caller, file: SmallContent) -> Result<Json<SpreadsheetBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.read_spreadsheet(&login.actor, file.0).await?.into()))
    }

    /// List one's requests, newest first; all requests for an admin.
    #[oai(path = "/request-vm", method = "get", operation_id = "listRequests")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those in this state.
        state: Query<Option<RequestStateWord>>,
        /// Only those of this person.
        requester: Query<Option<TextOf<UserName>>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<RequestsBody>, Failure> {
        let login = caller.0;
        let filter = RequestFilter {
            requester: batch::named("requester", requester.0.map(UserName::new).transpose())?,
            state: state.0.map(Into::into),
            open: false,
            after: cursor::read("request-vm", after.0, |key| key.parse().ok())?,
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.requests(&login.actor, &filter).await?;
        let next = page.next.as_ref().map(|key| cursor::write("request-vm", key));
        Ok(Json(RequestsBody { request_vm: page.iter().map(RequestSummary::from).collect(), next }))
    }

    /// Get an example CSV with every column and one row.
    #[oai(path = "/request-vm/template", method = "get", operation_id = "getRequestTemplate")]
    async fn template(&self, caller: Caller) -> Result<Csv, Failure> {
        let login = caller.0;
        Ok(Csv::Csv(PlainText(login.vmm.request_template(&login.actor).await?)))
    }

    /// Get a request with its plan.
    #[oai(path = "/request-vm/:id", method = "get", operation_id = "getRequest")]
    async fn get(&self, caller: Caller, id: Path<TextOf<RequestId>>) -> Result<Json<RequestBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.request(&login.actor, &RequestId::new(id.0)?).await?.into()))
    }

    /// Approve exactly the plan that was shown. Admins only.
    #[oai(path = "/request-vm/:id/approve", method = "post", operation_id = "approveRequest")]
    async fn approve(
        &self,
        caller: Caller,
        id: Path<TextOf<RequestId>>,
        body: Body<ApprovalBody>,
    ) -> Result<Json<RequestBody>, Failure> {
        let login = caller.0;
        let (id, plan) = (RequestId::new(id.0)?, body.0.plan_hash.parse()?);
        Ok(Json(login.vmm.approve_request(&login.actor, &id, plan).await?.into()))
    }

    /// Reject a request with a reason. Admins only.
    #[oai(path = "/request-vm/:id/reject", method = "post", operation_id = "rejectRequest")]
    async fn reject(
        &self,
        caller: Caller,
        id: Path<TextOf<RequestId>>,
        body: Body<RejectionBody>,
    ) -> Result<Json<RequestBody>, Failure> {
        let login = caller.0;
        let rejected =
            login.vmm.reject_request(&login.actor, &RequestId::new(id.0)?, &String::from(body.0.reason)).await?;
        Ok(Json(rejected.into()))
    }

    /// Withdraw an undecided request. The requester and admins only.
    #[oai(path = "/request-vm/:id/cancel", method = "post", operation_id = "cancelRequest")]
    async fn cancel(&self, caller: Caller, id: Path<TextOf<RequestId>>) -> Result<Json<RequestBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.cancel_request(&login.actor, &RequestId::new(id.0)?).await?.into()))
    }

    /// List the jobs of a request, with their progress.
    #[oai(path = "/request-vm/:id/jobs", method = "get", operation_id = "listRequestJobs")]
    async fn jobs(&self, caller: Caller, id: Path<TextOf<RequestId>>) -> Result<Json<JobsBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.request_jobs(&login.actor, &RequestId::new(id.0)?).await?.into()))
    }

    /// Get the submitted CSV, safe to open in a spreadsheet.
    ///
    /// A text that a spreadsheet would execute as a formula has an apostrophe before it. The field `spec` of the
    /// request has the CSV byte for byte.
    #[oai(path = "/request-vm/:id/spec", method = "get", operation_id = "getRequestSpec")]
    async fn spec(&self, caller: Caller, id: Path<TextOf<RequestId>>) -> Result<Csv, Failure> {
        let login = caller.0;
        Ok(Csv::Csv(PlainText(login.vmm.request_spec(&login.actor, &RequestId::new(id.0)?).await?)))
    }

    /// Get the machines of a request as CSV, with their addresses.
    #[oai(path = "/request-vm/:id/result", method = "get", operation_id = "getRequestResult")]
    async fn result(&self, caller: Caller, id: Path<TextOf<RequestId>>) -> Result<Csv, Failure> {
        let login = caller.0;
        Ok(Csv::Csv(PlainText(login.vmm.request_result(&login.actor, &RequestId::new(id.0)?).await?)))
    }
}
