//! The desk itself: catalog, jobs, audit log, health, figures and safe repeats.

pub(super) mod audit;
pub(super) mod health;
pub(super) mod idempotency;
pub(super) mod job;
pub(super) mod job_stuck;
pub(super) mod os;
pub(super) mod statistics;
