//! `vmm-http serve`: the API and the background work, until a signal.

use std::io::IsTerminal;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use vmm_core::Vmm;
use vmm_core::config::LogFormat;
use vmm_http::{ConnectionLimits, Limits, Server, Tls};

use super::config::Config;
use super::{Failed, say};

/// Serves until SIGTERM or SIGINT. Then it takes no more requests, lets those that run end within `stop_deadline`,
/// and stops the background work, whose jobs go on with the next start.
pub(crate) async fn run(config: Config) -> Result<ExitCode, Failed> {
    log_to_stderr(&config)?;
    for part in Vmm::MISSING {
        tracing::warn!("this program was built without {part}");
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let vmm = Vmm::open_ready(&config.desk).await.map_err(|error| -> Failed {
        match error.needs_set_up() {
            true => format!("this desk is not set up: {error}; run vmm-http init, which makes it and its first admin")
                .into(),
            false => error.into(),
        }
    })?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| format!("{}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let tls = config.tls_files()?.map(|(certificate, key)| Tls::from_files(certificate, key)).transpose()?;
    allow_files();

    let (stop, stopped) = watch::channel(false);
    let mut work = tokio::spawn(work(vmm.clone(), stopped));
    let (halt, halted) = watch::channel(false);
    let server = Server::new(listener).limits(connection_limits(&config));
    let (scheme, server) = match tls {
        Some(tls) => ("https", server.tls(tls)),
        None => ("http", server),
    };
    let routes = vmm_http::routes(vmm, limits(&config));
    let mut server = tokio::spawn(server.run(routes, until(halted), config.stop_deadline));
    say(&format!("vmm-http serves {scheme}://{address}"))?;

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
    server.await?;
    if orderly {
        stop.send_replace(true);
        work.await??;
    }
    tracing::info!("stopped");
    Ok(if orderly { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn limits(config: &Config) -> Limits {
    let mut limits = Limits::default();
    limits.body_deadline = config.body_deadline;
    limits.trusted_proxies.clone_from(&config.trusted_proxies.0);
    limits
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    limits.header_deadline = config.header_deadline;
    limits.idle_deadline = config.idle_deadline;
    limits.stall_deadline = config.stall_deadline;
    limits.lifetime = config.connection_lifetime;
    limits.connections = config.concurrent_connections.0 as usize;
    limits
}

/// Lets the process have as many open files as it may; each connection is one, and the usual limit is 1024.
fn allow_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
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
