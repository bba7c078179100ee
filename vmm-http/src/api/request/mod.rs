//! Requests for machines.

#[expect(clippy::module_inception, reason = "the folder is the subject, and the file the resource")]
pub(super) mod request;
pub(super) mod request_body;
pub(super) mod request_draft;
pub(super) mod request_plan;
pub(super) mod request_preview;
