//! What a request passes on its way to its operation, a layer in each file.

pub(crate) mod admission;
pub(crate) mod auth;
pub(crate) mod documented_form;
pub(crate) mod idempotency;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod session_cookie;
pub(crate) mod specified;
