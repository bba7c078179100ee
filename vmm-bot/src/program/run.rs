//! `vmm-bot run`: the bot until somebody stops it.

#[cfg(feature = "crash-points")]
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use vmm_bot::{Options, Webhook};
use vmm_core::Vmm;

use super::config::Config;
use super::output::{Failed, log_to_stderr, say};

/// Answers people until SIGTERM or SIGINT. What is not answered or sent then is with the next start.
pub(crate) async fn run(config: Config) -> Result<ExitCode, Failed> {
    log_to_stderr(&config.log)?;
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
        let (webhook, address) = (Webhook::new(&bot, url)?, config.bot.webhook_listen);
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

/// The orders of a test to this process.
#[cfg(feature = "crash-points")]
fn crash_plan() -> vmm_core::crash::Plan {
    vmm_core::crash::Plan {
        halt_at: std::env::var("VMM_CRASH_AT").ok(),
        reached: std::env::var_os("VMM_CRASH_REACHED").map(PathBuf::from),
        fail_at: None,
    }
}
