//! The commands of the program `vmm-http`, a file for each, and its configuration.

pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod rotate_key;
pub(crate) mod serve;
pub(crate) mod verify_audit;

use std::io::Write;

/// Whatever ends the program, with a text for the person who started it.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Writes a line to standard output.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes a line to standard error.
pub(crate) fn say_wrong(line: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(std::io::stderr(), "{line}");
}
