//! Messages to the person who started the program.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// Whatever ends the program, with a text for the person who started it.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Logs to standard error what passes this filter.
pub(crate) fn log_to_stderr(log: &str) -> Result<(), Failed> {
    let filter = EnvFilter::try_new(log)
        .map_err(|error| format!("log is {log:?}, which is not a filter like info or vmm_bot=debug: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
}

/// Writes a line to standard output.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
