//! `vmm-http serve`: the API and the background work, until a signal.

use std::io::IsTerminal;
use std::process::ExitCode;

use poem::Server;
use poem::listener::TcpAcceptor;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use vmm_core::Vmm;
use vmm_http::Limits;

use crate::config::{Config, LogFormat};
use crate::{Failed, backend, say};

/// Serves until SIGTERM or SIGINT. Then it takes no more requests, lets those that run end within `stop_deadline`,
/// and stops the background work, whose jobs go on with the next start.
pub(crate) async fn run(config: Config) -> Result<ExitCode, Failed> {
    log_to_stderr(&config)?;
    for part in backend::MISSING {
        tracing::warn!("this program was built without {part}");
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let vmm = backend::open(&config).await?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| format!("{}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let mut limits = Limits::default();
    limits.concurrent_requests = config.concurrent_requests.0;

    let (stop, stopped) = watch::channel(false);
    let mut work = tokio::spawn(work(vmm.clone(), stopped));
    let (halt, halted) = watch::channel(false);
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).run_with_graceful_shutdown(
        vmm_http::routes(vmm, limits),
        until(halted),
        Some(config.stop_deadline),
    );
    let mut server = tokio::spawn(server);
    say(&format!("vmm-http serves http://{address}"))?;

    let orderly = tokio::select! {
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
        ended = &mut server => return Err(format!("the server ended by itself: {ended:?}").into()),
        ended = &mut work => {
            tracing::error!(?ended, "the background work ended by itself");
            false
        }
    };
    tracing::info!("stopping");
    halt.send_replace(true);
    server.await??;
    if orderly {
        stop.send_replace(true);
        work.await??;
    }
    tracing::info!("stopped");
    Ok(if orderly { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn work(vmm: Vmm, stopped: watch::Receiver<bool>) -> vmm_core::Result<()> {
    vmm.work(until(stopped)).await
}

async fn until(mut flag: watch::Receiver<bool>) {
    // A sender that is gone means the same as one that says stop.
    let _ = flag.wait_for(|set| *set).await;
}

fn log_to_stderr(config: &Config) -> Result<(), Failed> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        format!("log is {:?}, which is not a filter like info or vmm_core=debug: {error}", config.log)
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    }
}
