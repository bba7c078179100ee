//! Requests as they are submitted or tried.

use poem_openapi::Object;
use vmm_core::model::{Description, RequestId, UserName};
use vmm_core::{RequestDraft, Submission};

use super::request_body::RequestBody;
use crate::wire::batch;
use crate::wire::text::TextOf;

/// A request to submit.
#[derive(Debug, Object)]
#[oai(rename = "NewRequest", deny_unknown_fields)]
pub(super) struct NewRequestBody {
    /// The id, which the client chooses. A repeated call with the same id and content makes no second request.
    id: TextOf<RequestId>,
    /// The account that the request is for; the caller's if absent.
    requester: Option<TextOf<UserName>>,
    #[oai(default)]
    description: TextOf<Description>,
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
            let reason = format!("{id:?} is a word in the paths of the API; choose another id");
            return Err(vmm_core::Error::invalid("id", reason));
        }
        let requester = requester.map(UserName::new).transpose();
        let requester = batch::named("requester", requester)?;
        Ok(Self { id: RequestId::new(id)?, requester, description: description.into(), spec })
    }
}

/// A table to preview.
#[derive(Debug, Object)]
#[oai(rename = "RequestToPreview", deny_unknown_fields)]
pub(super) struct RequestToPreviewBody {
    /// The account that the request is for; the caller's if absent.
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
    /// True if this call made the request; false if it had been submitted before.
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
