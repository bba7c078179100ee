//! The API over real HTTP, on a desk of fakes. A file here mirrors a file of routes, or a promise of all routes.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]
#![allow(clippy::too_many_lines, reason = "a test tells its story from beginning to end")]

mod access;
mod adoption;
mod app;
mod audit;
mod authority;
mod bot_group;
mod budget;
mod clients;
mod connection;
#[cfg(feature = "console")]
mod console;
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
mod definition;
mod disk;
mod docs_page;
mod documented_form;
mod file;
mod front_page;
mod fuzz;
mod health;
mod host_key;
mod house;
mod idempotency;
mod if_match;
mod job;
#[cfg(all(feature = "libvirt", feature = "ssh"))]
mod lab_state;
mod limits;
mod link;
mod load;
mod monitor;
mod os;
mod paging;
mod problems;
mod program;
mod request;
mod run;
mod run_watch;
mod schedule;
mod script;
mod second_factor;
mod secrets;
mod session;
mod session_web;
#[cfg(all(feature = "crash-points", feature = "libvirt", feature = "ssh"))]
mod shared_host;
mod spec;
mod specified;
mod ssh;
mod ssh_many;
mod ssh_stream;
mod statistics;
mod stream;
mod tls;
mod token;
mod transfer;
mod transfer_stream;
mod user;
mod vm;
