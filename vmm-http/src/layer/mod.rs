//! The layers that a request passes on its way to its operation, one in each file.

pub(crate) mod admission;
pub(crate) mod auth;
pub(crate) mod documented_form;
pub(crate) mod idempotency;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod session_cookie;
pub(crate) mod specified;
