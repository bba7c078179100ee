//! The desk itself: catalog, jobs, audit log, health and figures.

pub(super) mod audit;
pub(super) mod health;
pub(super) mod job;
pub(super) mod os;
pub(super) mod statistics;
