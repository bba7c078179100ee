//! The API over real HTTP, on a desk of fakes. A file here mirrors a file of routes, or a promise of all routes.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod access;
mod adoption;
mod app;
mod audit;
mod authority;
mod bot_group;
mod budget;
mod clients;
mod connection;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod crash;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod crash_adoption;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod crash_disk;
#[cfg(feature = "crash-points")]
mod crash_schedule;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod crash_stuck;
mod disk;
mod docs_page;
mod documented_form;
mod file;
mod front_page;
mod fuzz;
mod health;
mod idempotency;
mod if_match;
mod job;
#[cfg(all(feature = "libvirt", feature = "ssh"))]
mod lab_state;
mod limits;
mod link;
mod load;
mod metrics;
mod os;
mod paging;
mod problems;
mod program;
mod request_vm;
mod secrets;
mod session;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod shared_host;
mod spec;
mod specified;
mod stream;
mod tls;
mod token;
mod user;
mod vm;
mod vm_definition;
mod vm_ft;
mod vm_ft_stream;
mod vm_host_key;
mod vm_monitor;
mod vm_script;
mod vm_script_run;
mod vm_script_run_events;
mod vm_script_schedule;
mod vm_ssh;
mod vm_ssh_many;
mod vm_ssh_stream;
