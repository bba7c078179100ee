//! The promises of vmm-core, held against fakes and against the real thing.

#![allow(clippy::too_many_lines, reason = "a test tells its story from beginning to end")]

mod account;
mod address;
mod addresses;
mod approval;
mod architecture;
mod budget;
mod definition;
mod files;
mod history;
mod image;
mod key;
mod libvirt;
mod memory;
mod notice;
mod pool;
mod provisioning;
mod request;
mod script;
mod second_factor;
mod spreadsheet;
mod sqlite;
mod ssh;
mod state;
mod stuck;
mod telegram;
mod workbook;
