//! The bot on a desk of fakes, or as the program itself, with people in a Telegram of our own.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod access;
mod app;
mod canaries;
#[cfg(feature = "crash-points")]
mod crash;
mod faults;
mod groups;
mod identity;
mod jobs;
mod machines;
mod manual;
mod menus;
mod monitor;
mod notices;
mod password;
mod program;
mod requests;
mod scripts;
mod ssh;
#[cfg(all(feature = "libvirt", feature = "ssh"))]
mod story;
#[cfg(feature = "ssh")]
mod transfer;
mod webhook;
