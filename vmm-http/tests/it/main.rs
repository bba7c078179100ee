//! The API over real HTTP, on a desk of fakes. A file here mirrors a file of routes, or a promise of all routes.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod access;
mod app;
mod audit;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod crash;
mod documented_form;
mod health;
mod limits;
mod os;
mod problems;
mod program;
mod request_vm;
mod secrets;
mod session;
mod spec;
mod user;
mod vm;
mod vm_monitor;
mod vm_script;
mod vm_script_run;
mod vm_ssh;
