//! Requests as they are submitted or tried.

use poem_openapi::Object;
use vmm_core::model::{RequestId, UserName};
use vmm_core::{RequestDraft, Submission};

use super::request_body::RequestBody;
use crate::wire::batch;
use crate::wire::text::TextOf;

/// A request to submit.
#[derive(Debug, Object)]
#[oai(rename = "NewRequest", deny_unknown_fields)]
pub(super) struct NewRequestBody {
    /// Chosen by the client. The same id with the same content is the same request, so the call is safe to repeat.
    id: TextOf<RequestId>,
    /// For whom; the caller if absent.
    requester: Option<TextOf<UserName>>,
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
        let id = String::from(id);
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
    requester: Option<TextOf<UserName>>,
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

/// Requests to submit.
#[derive(Debug, Object)]
#[oai(rename = "NewRequests", deny_unknown_fields)]
pub(super) struct NewRequestsBody {
    #[oai(rename = "request-vm", validator(min_items = 1, max_items = 100))]
    pub(super) request_vm: Vec<NewRequestBody>,
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
