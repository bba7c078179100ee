//! The program `vmm-bot`: the desk in Telegram, beside `vmm-http` on the same records.

mod program;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::program::config::Config;
use crate::program::{check, run};

/// A VM desk for teams on libvirt, in Telegram.
#[derive(Parser)]
#[command(name = "vmm-bot", version)]
struct Arguments {
    /// Configuration file; /etc/vmm/vmm.toml if that exists.
    #[arg(long, global = true, env = "VMM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer people. The desk's background work is done by `vmm-http serve`.
    Run,
    /// Check by trying whether everything that the bot needs is there, and say what to do.
    Check,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = vmm_core::forbid_core_files() {
        let _ = writeln!(std::io::stderr(), "vmm-bot: core files cannot be forbidden: {error}");
        return ExitCode::FAILURE;
    }
    let result = match Config::load(arguments.config.as_deref(), std::env::vars_os()) {
        Ok(config) => match arguments.command {
            Command::Run => run::run(config).await,
            Command::Check => check::run(&config).await,
        },
        Err(error) => Err(error.into()),
    };
    result.unwrap_or_else(|error| {
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(std::io::stderr(), "vmm-bot: {error}");
        ExitCode::FAILURE
    })
}
