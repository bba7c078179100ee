//! The bot on a desk of fakes, or as the program itself, with people in a Telegram of our own.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod access;
mod app;
mod bot_group;
mod canaries;
#[cfg(feature = "crash-points")]
mod crash;
mod faults;
mod identity;
mod job;
mod manual;
mod menu;
mod monitor;
mod notice;
mod password;
mod program;
mod request;
mod script;
mod ssh;
#[cfg(all(feature = "libvirt", feature = "ssh"))]
mod story;
#[cfg(feature = "ssh")]
mod transfer;
mod vm;
mod webhook;
