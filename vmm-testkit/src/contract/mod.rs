//! One suite for each trait of vmm-core; every backend and every fake passes the same one.

pub mod files;
pub mod hypervisor;
pub mod remote;
pub mod repository;
