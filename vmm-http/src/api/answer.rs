//! Answers that operations share.

use std::time::Duration;

use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use vmm_core::model::Revision;
use vmm_core::remote::Exit;

/// One record.
#[derive(ApiResponse)]
pub(crate) enum Tagged<T: ToJSON> {
    /// The record.
    #[oai(status = 200)]
    Found(
        Json<T>,
        /// The record's revision, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ToJSON> Tagged<T> {
    pub(crate) fn new(record: T, revision: Revision) -> Self {
        Self::Found(Json(record), format!("\"{revision}\""))
    }
}

/// Done, and nothing to tell.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

/// Begun; it goes on in the background.
#[derive(ApiResponse)]
pub(crate) enum Accepted<T: ToJSON> {
    /// Begun; it goes on in the background.
    #[oai(status = 202)]
    Accepted(Json<T>),
}

/// Returns the end of a command: its exit code, or the signal's name without `SIG`.
pub(crate) fn ending(exit: Exit) -> (Option<i32>, Option<String>) {
    match exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(name) => (None, Some(name)),
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
