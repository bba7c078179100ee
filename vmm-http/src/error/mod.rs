//! Errors as problem details (RFC 9457).

mod core;
mod failure;
mod problem;
mod response;
mod sort;

pub(crate) use failure::Failure;
pub(crate) use problem::{FieldProblem, ProblemDetails};
pub(crate) use response::{MEDIA_TYPE, answer, as_accepted};
pub(crate) use sort::{Sort, documented};
