//! The program `vmm-bot`: the desk in Telegram, beside `vmm-http` on the same records.

mod check;
mod config;

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use vmm_bot::{Options, Webhook};
use vmm_core::Vmm;

use crate::config::Config;

/// Whatever ends the program, with a text for the person who started it.
type Failed = Box<dyn std::error::Error + Send + Sync>;

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
    let result = match Config::load(arguments.config.as_deref(), environment()) {
        Ok(config) => match arguments.command {
            Command::Run => run(config).await,
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

fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Answers people until SIGTERM or SIGINT. What is not answered or sent then is with the next start.
async fn run(config: Config) -> Result<ExitCode, Failed> {
    log_to_stderr(&config)?;
    #[cfg(feature = "crash-points")]
    vmm_core::crash::arm(crash_plan());
    for part in Vmm::MISSING {
        tracing::warn!("this program was built without {part}");
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (mut options, token) = (Options::default(), config.bot.token()?);
    if let Some(file) = config.bot.exposed() {
        tracing::warn!("others can read the token in {}: chmod 600", file.display());
    }
    let bot = vmm_bot::client(&token, config.bot.api_url.as_deref())?;
    let vmm = config.open().await?;
    let (stop, stopped) = watch::channel(false);
    if let Some(url) = &config.bot.webhook_url {
        let (webhook, address) = (Webhook::new(&bot, url)?, config.bot.webhook_listen()?);
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| format!("webhook_listen {address}: {error}"))?;
        tracing::info!(path = webhook.path(), "the webhook listens on {address}");
        options.webhook = Some(webhook.clone());
        let stopped = stopped.clone();
        tokio::spawn(async move { webhook.serve(listener, until(stopped)).await });
    }
    let mut answering = tokio::spawn(vmm_bot::run(bot, vmm, options, until(stopped)));
    say("vmm-bot runs")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        ended = &mut answering => {
            ended??;
            return Err("the bot ended by itself".into());
        }
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    answering.await??;
    Ok(ExitCode::SUCCESS)
}

async fn until(mut flag: watch::Receiver<bool>) {
    // A sender that is gone means the same as one that says stop.
    let _ = flag.wait_for(|set| *set).await;
}

/// What a test wants to happen to this process.
#[cfg(feature = "crash-points")]
fn crash_plan() -> vmm_core::crash::Plan {
    vmm_core::crash::Plan {
        halt_at: std::env::var("VMM_CRASH_AT").ok(),
        reached: std::env::var_os("VMM_CRASH_REACHED").map(PathBuf::from),
        fail_at: None,
    }
}

fn log_to_stderr(config: &Config) -> Result<(), Failed> {
    let log = &config.log;
    let filter = EnvFilter::try_new(log)
        .map_err(|error| format!("log is {log:?}, which is not a filter like info or vmm_bot=debug: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
}

/// Writes a line to standard output.
fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
