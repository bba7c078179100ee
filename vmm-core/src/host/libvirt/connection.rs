//! The connections to libvirt: opened at need, opened again when they died, and never waited for without a limit.

use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use virt::connect::Connect;

use super::config::LibvirtConfig;
use super::error::{Failure, Result};
use super::progress::Progress;
use crate::blocking;
use crate::error::{Error, Part};

/// The time that a call may take; the contract allows three seconds more, for a machine that is busy.
pub(super) const LIMIT: Duration = Duration::from_secs(12);

/// The number of calls that run at once, each on a connection of its own. A libvirtd that hangs holds so many threads
/// and no more.
const CALLS: usize = 8;

/// The number of looks at all machines that run at once, each on a connection of its own. Everybody's lists wait for
/// them, so they do not queue behind the calls of those who ask much.
const LOOKS: usize = 2;

/// Seconds between signs of life that are asked of libvirtd, and how many may be missed.
const KEEP_ALIVE: (i32, u32) = (3, 3);

/// Which of libvirt's drivers answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// QEMU, and what is near enough to be tried.
    Qemu,
    /// libvirt's own test driver, which runs nothing.
    Test,
}

/// An open connection.
pub(super) struct Session {
    pub(super) connect: Connect,
    pub(super) driver: Driver,
}

impl Session {
    fn open(uri: &str) -> Result<Self> {
        if uri.contains('\0') {
            return Err(Error::invalid("uri", "the address of libvirt holds a zero byte").into());
        }
        let connect = Connect::open(Some(uri))?;
        // Refused where nothing is remote or no event loop runs; the limit of each call stands all the same.
        let _ = connect.set_keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1);
        let driver = if connect.driver_type()?.eq_ignore_ascii_case("test") { Driver::Test } else { Driver::Qemu };
        Ok(Self { connect, driver })
    }

    fn is_alive(&self) -> bool {
        self.connect.is_alive().unwrap_or(false)
    }
}

/// Holds the connections of a backend.
///
/// Invariant: a connection never serves two calls at once. libvirt's client library before 9.7 then reads memory of
/// another thread's stack that is gone (a source left in its event loop), which ends the process.
pub(super) struct Connector {
    uri: String,
    idle: Mutex<Vec<Session>>,
    calls: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    /// The test driver's world lives in its connection, so there is but one; being in process it is safe to share.
    test: Option<OnceLock<Session>>,
}

impl Connector {
    pub(super) fn new(config: &LibvirtConfig) -> Self {
        prepare_library(config.event_loop);
        Self {
            uri: config.uri.clone(),
            idle: Mutex::default(),
            calls: Arc::new(Semaphore::new(CALLS)),
            looks: Arc::new(Semaphore::new(LOOKS)),
            test: config.uri.starts_with("test:").then(OnceLock::new),
        }
    }

    /// Runs an operation off the async threads, within [`LIMIT`]. If the connection dies under it, it runs once
    /// more on a new one; so it must be safe to repeat.
    pub(super) async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        context: &'static str,
        operation: impl Fn(&Session) -> Result<T> + Send + 'static,
    ) -> crate::Result<T> {
        self.call_among(&self.calls, context, operation).await
    }

    /// Like [`call`](Self::call), for an operation that looks at all machines, which waits for no other call.
    pub(super) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        context: &'static str,
        operation: impl Fn(&Session) -> Result<T> + Send + 'static,
    ) -> crate::Result<T> {
        self.call_among(&self.looks, context, operation).await
    }

    async fn call_among<T: Send + 'static>(
        self: &Arc<Self>,
        places: &Arc<Semaphore>,
        context: &'static str,
        operation: impl Fn(&Session) -> Result<T> + Send + 'static,
    ) -> crate::Result<T> {
        let deadline = Instant::now() + LIMIT;
        let Ok(permit) = timeout_at(deadline, Arc::clone(places).acquire_owned()).await else {
            return Err(silent(context));
        };
        let connector = Arc::clone(self);
        let work = blocking::run(context, move || {
            // Held until libvirt answers, also when the caller has given up: this is what bounds the threads.
            let _permit = permit;
            connector.run(&operation).map_err(Error::from)
        });
        match timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(silent(context)),
        }
    }

    /// Like [`call`](Self::call), for an operation that may take long as long as it moves on.
    pub(super) async fn call_watched<T: Send + 'static>(
        self: &Arc<Self>,
        context: &'static str,
        progress: Progress,
        operation: impl Fn(&Session) -> Result<T> + Send + 'static,
    ) -> crate::Result<T> {
        let connector = Arc::clone(self);
        let _cancel = CancelOnDrop(progress.clone());
        let work = blocking::run(context, move || connector.run(&operation).map_err(Error::from));
        tokio::pin!(work);
        loop {
            let seen = progress.sent();
            match timeout(LIMIT, &mut work).await {
                Ok(result) => return result,
                Err(_) if progress.sent() > seen => {}
                Err(_) => return Err(silent(context)),
            }
        }
    }

    /// Runs an operation on this thread.
    fn run<T>(&self, operation: &impl Fn(&Session) -> Result<T>) -> Result<T> {
        if let Some(world) = &self.test {
            return operation(self.world(world)?);
        }
        if let Some(session) = self.take_idle() {
            let result = operation(&session);
            if result.is_ok() || session.is_alive() {
                self.idle().push(session);
                return result;
            }
        }
        let session = self.open()?;
        let result = operation(&session);
        if session.is_alive() {
            self.idle().push(session);
        }
        result
    }

    fn take_idle(&self) -> Option<Session> {
        loop {
            // Not in one expression with the check: dropping a connection must not happen under the lock.
            let session = self.idle().pop()?;
            if session.is_alive() {
                return Some(session);
            }
        }
    }

    fn open(&self) -> Result<Session> {
        Session::open(&self.uri).map_err(unreachable)
    }

    fn world<'a>(&self, world: &'a OnceLock<Session>) -> Result<&'a Session> {
        let _one_at_a_time = self.idle();
        match world.get() {
            Some(session) => Ok(session),
            None => {
                let session = self.open()?;
                Ok(world.get_or_init(|| session))
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller has stopped waiting: the copy is not worth its traffic.
struct CancelOnDrop(Progress);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn silent(context: &'static str) -> Error {
    Error::unavailable(Part::Hypervisor, format_args!("no answer within {} s while {context}", LIMIT.as_secs()))
}

/// Whatever kept a connection from opening, the host was not reached.
fn unreachable(failure: Failure) -> Failure {
    match failure {
        Failure::Libvirt(error) => Error::unavailable(Part::Hypervisor, error.message()).into(),
        other => other,
    }
}

/// Prepares libvirt's library, once in a process, before the first connection.
fn prepare_library(event_loop: bool) {
    static QUIET: Once = Once::new();
    static EVENTS: Once = Once::new();
    // Otherwise it prints every error.
    QUIET.call_once(virt::error::clear_error_callback);
    if event_loop {
        EVENTS.call_once(|| {
            if virt::event::event_register_default_impl().is_err() {
                return;
            }
            let run = || while virt::event::event_run_default_impl().is_ok() {};
            if let Err(error) = std::thread::Builder::new().name("libvirt-events".to_owned()).spawn(run) {
                tracing::error!(%error, "cannot start the thread of libvirt's events");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::DeskId;

    #[tokio::test]
    async fn a_look_at_all_machines_does_not_wait_for_those_who_ask_much() {
        let mut config = LibvirtConfig::new(DeskId(Uuid::nil()));
        config.uri = "test:///default".to_owned();
        let connector = Arc::new(Connector::new(&config));
        let _busy = Arc::clone(&connector.calls).acquire_many_owned(CALLS as u32).await.expect("all places");
        let looked = timeout(LIMIT / 2, connector.look("looking", |session| Ok(session.driver))).await;
        assert_eq!(looked.expect("at once").expect("an answer"), Driver::Test);
        let called = timeout(Duration::from_millis(50), connector.call("calling", |session| Ok(session.driver))).await;
        assert!(called.is_err(), "another call waits for its turn");
    }
}
