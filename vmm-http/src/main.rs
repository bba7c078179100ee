//! The program `vmm-http`: serves the API, and sets a desk up and checks it.

mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vmm_core::model::UserName;

use crate::program::config::Config;
use crate::program::{Failed, doctor, init, rotate_key, say, say_wrong, serve, verify_audit};

/// A VM desk for teams on libvirt, over HTTP.
#[derive(Parser)]
#[command(name = "vmm-http", version)]
struct Arguments {
    /// Configuration file; /etc/vmm/vmm.toml if that exists.
    #[arg(long, global = true, env = "VMM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, and do the desk's background work.
    Serve,
    /// Make the database, the master key and the first admin.
    Init {
        /// The admin's name.
        #[arg(long, default_value = "admin")]
        name: UserName,
        /// Read the admin's password from the first line of standard input instead of making one up.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Check by trying whether everything that vmm needs is there, and say what to do.
    Doctor,
    /// Seal everything with a new master key, in place of the old one. No other vmm program may run.
    RotateKey,
    /// Verify the audit log: tell how many rows fit, or which row is the first that does not.
    VerifyAudit {
        /// Rows with the first 12 to 64 digits of their hashes, as the program logged them, to compare:
        /// 17:9f86d081884c.
        #[arg(value_name = "ROW:HASH")]
        kept: Vec<verify_audit::KeptHead>,
    },
    /// Print the OpenAPI specification.
    Openapi,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            say_wrong(&format!("vmm-http: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failed> {
    if let Command::Openapi = arguments.command {
        say(vmm_http::openapi().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    #[cfg(feature = "crash-points")]
    vmm_core::crash::arm(crash_plan());
    vmm_core::forbid_core_files().map_err(|error| format!("core files cannot be forbidden: {error}"))?;
    let config = Config::load(arguments.config.as_deref(), std::env::vars_os())?;
    match arguments.command {
        Command::Serve => serve::run(config).await,
        Command::Init { name, password_stdin } => init::run(&config, name, password_stdin).await,
        Command::Doctor => doctor::run(&config).await,
        Command::RotateKey => rotate_key::run(&config).await,
        Command::VerifyAudit { kept } => verify_audit::run(&config, &kept).await,
        Command::Openapi => Ok(ExitCode::SUCCESS),
    }
}

/// Returns the plan of a test for a crash of this process.
#[cfg(feature = "crash-points")]
fn crash_plan() -> vmm_core::crash::Plan {
    vmm_core::crash::Plan {
        halt_at: std::env::var("VMM_CRASH_AT").ok(),
        reached: std::env::var_os("VMM_CRASH_REACHED").map(PathBuf::from),
        fail_at: std::env::var("VMM_FAIL_AT").ok(),
    }
}
