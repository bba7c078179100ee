//! Sessions that are kept for the next call.
//!
//! A login costs a key exchange and several round trips; a command on a session that is there costs one channel. A
//! session belongs to one call at a time, so that killing its commands touches nobody else's.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Libssh2Config;
use super::error::Cause;
use super::limits::Limits;
use super::link::Link;
use crate::remote::{Credential, Endpoint, Login};

/// The interval at which an idle session shows the server, and what lies between, that it is still wanted.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The number of connections that log in at one machine at the same time. Dropbear drops those beyond the fifth from
/// one address, and OpenSSH some of those beyond the tenth.
const LOGINS_AT_ONCE: usize = 4;
/// Between two looks whether a connection may log in.
const BETWEEN_TURNS: Duration = Duration::from_millis(5);

/// The key of a session: two calls with equal keys may use one session. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    endpoint: Endpoint,
    user: String,
    credential: [u8; 32],
}

/// A logged-in session, and when its login was.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) since: Instant,
}

/// A place among the open sessions, and the session that a former call left on it, if one did.
pub(super) struct Entry {
    pub(super) slot: Slot,
    pub(super) session: Option<Session>,
}

struct Idle {
    key: Key,
    session: Session,
    until: Instant,
    shown: Instant,
}

#[derive(Default)]
struct State {
    /// The longest idle first.
    idle: Vec<Idle>,
    /// The number of slots that are taken on each machine, those of idle sessions included.
    taken: HashMap<SocketAddr, usize>,
    total: usize,
    tended: bool,
    /// The number of connections to each machine that have not yet logged in.
    logging_in: HashMap<SocketAddr, usize>,
    /// Those who found no place, in the order in which they came.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    key: Key,
    pool: Pool,
    place: oneshot::Sender<Entry>,
}

struct Shared {
    state: Mutex<State>,
    /// The tender is to look again.
    looked: Condvar,
    config: Libssh2Config,
    salt: [u8; 32],
}

/// The sessions of a client. Dropping the last clone of it ends them.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    _last: Arc<Last>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        f.debug_struct("Pool").field("open", &state.total).field("idle", &state.idle.len()).finish()
    }
}

/// Wakes the tender when the last user of the pool is gone.
struct Last(Weak<Shared>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            let idle = std::mem::take(&mut shared.state().idle);
            // Not under the lock: each says goodbye to its server.
            drop(idle);
            shared.looked.notify_all();
        }
    }
}

impl Pool {
    pub(super) fn new(config: &Libssh2Config) -> Self {
        let mut config = config.clone();
        config.sessions = config.sessions.max(1);
        config.sessions_of_a_machine = config.sessions_of_a_machine.max(1);
        let mut salt = [0; 32];
        // Without random bytes the digests are those of a well-known salt, and stay in this process's memory all the
        // same.
        let _ = getrandom::fill(&mut salt);
        let shared = Arc::new(Shared { state: Mutex::default(), looked: Condvar::new(), config, salt });
        let last = Arc::new(Last(Arc::downgrade(&shared)));
        Self { shared, _last: last }
    }

    /// Whose session a login's is.
    pub(super) fn key(&self, endpoint: &Endpoint, login: &Login) -> Key {
        let digest = Sha256::new().chain_update(self.shared.salt);
        let digest = match &login.credential {
            Credential::Password(password) => digest.chain_update([0]).chain_update(password.expose_secret()),
            Credential::PrivateKey(pem) => digest.chain_update([1]).chain_update(pem.expose_secret()),
            Credential::Agent(socket) => digest.chain_update([2]).chain_update(socket.as_os_str().as_encoded_bytes()),
        };
        Key { endpoint: endpoint.clone(), user: login.user.clone(), credential: digest.finalize().into() }
    }

    /// Waits for a place among the open sessions. Whoever came first is served first, among those for whom there is
    /// one.
    pub(super) async fn enter(&self, key: Key) -> Entry {
        loop {
            let entered = self.shared.state().enter_or_wait(&key, self);
            match entered {
                Ok(entered) => return self.entry(key, entered),
                Err(place) => {
                    if let Ok(entry) = place.await {
                        return entry;
                    }
                }
            }
        }
    }

    fn entry(&self, key: Key, (session, evicted): Entered) -> Entry {
        // It says goodbye to its server, which must not happen under the lock.
        drop(evicted);
        Entry { slot: Slot { pool: Some(self.clone()), key }, session }
    }

    /// Waits until so few others log in at a machine that it hears one more.
    pub(super) fn turn(&self, address: SocketAddr, limits: &Limits) -> Result<Turn, Cause> {
        while !self.shared.state().begin_login(address) {
            limits.pause(BETWEEN_TURNS)?;
        }
        Ok(Turn { shared: Arc::clone(&self.shared), address })
    }

    /// Looks after idle sessions on a thread of its own while there are any.
    fn tend(&self) {
        let shared = Arc::downgrade(&self.shared);
        let tender = std::thread::Builder::new().name("vmm-ssh-sessions".to_owned());
        if let Err(error) = tender.spawn(move || tend(&shared)) {
            tracing::warn!(%error, "idle SSH sessions are not kept, since no thread looks after them");
            let idle = {
                let mut state = self.shared.state();
                state.tended = false;
                std::mem::take(&mut state.idle)
            };
            idle.into_iter().for_each(|idle| self.shared.end(&idle));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, idle: &Idle) {
        self.state().leave(idle.key.endpoint.address);
        self.admit();
    }

    /// Gives those who wait what has become free.
    fn admit(&self) {
        let admitted = self.state().admit(&self.config);
        for (Waiting { key, pool, place }, entered) in admitted {
            // A place for somebody who has gone becomes free again when it is dropped.
            let _ = place.send(pool.entry(key, entered));
        }
    }
}

/// The session that a former call left and the one that had to make room, if there are any.
type Entered = (Option<Session>, Option<Idle>);

impl State {
    /// A slot for this key, or where one will come.
    fn enter_or_wait(&mut self, key: &Key, pool: &Pool) -> Result<Entered, oneshot::Receiver<Entry>> {
        self.enter(key, &pool.shared.config).ok_or_else(|| {
            let (place, given) = oneshot::channel();
            self.waiting.push_back(Waiting { key: key.clone(), pool: pool.clone(), place });
            given
        })
    }

    /// Those who waited and can have a slot now.
    fn admit(&mut self, config: &Libssh2Config) -> Vec<(Waiting, Entered)> {
        let (mut admitted, mut position) = (Vec::new(), 0);
        while (self.total < config.sessions || !self.idle.is_empty())
            && let Some(waiting) = self.waiting.remove(position)
        {
            if waiting.place.is_closed() {
                continue;
            }
            match self.enter(&waiting.key, config) {
                Some(entered) => admitted.push((waiting, entered)),
                None => {
                    self.waiting.insert(position, waiting);
                    position += 1;
                }
            }
        }
        admitted
    }

    /// A slot for this key.
    fn enter(&mut self, key: &Key, config: &Libssh2Config) -> Option<Entered> {
        if let Some(position) = self.idle.iter().rposition(|idle| idle.key == *key) {
            return Some((Some(self.idle.remove(position).session), None));
        }
        let address = key.endpoint.address;
        let full = self.taken.get(&address).is_some_and(|taken| *taken >= config.sessions_of_a_machine);
        let evicted = if full {
            let position = self.idle.iter().position(|idle| idle.key.endpoint.address == address)?;
            Some(self.idle.remove(position))
        } else if self.total >= config.sessions {
            if self.idle.is_empty() {
                return None;
            }
            Some(self.idle.remove(0))
        } else {
            None
        };
        if let Some(evicted) = &evicted {
            self.leave(evicted.key.endpoint.address);
        }
        *self.taken.entry(address).or_default() += 1;
        self.total += 1;
        Some((None, evicted))
    }

    fn leave(&mut self, address: SocketAddr) {
        self.total -= 1;
        count_down(&mut self.taken, address);
    }

    /// Returns whether somebody may log in at a machine now.
    fn begin_login(&mut self, address: SocketAddr) -> bool {
        let count = self.logging_in.entry(address).or_default();
        let free = *count < LOGINS_AT_ONCE;
        *count += usize::from(free);
        free
    }
}

fn count_down(counts: &mut HashMap<SocketAddr, usize>, address: SocketAddr) {
    if let Some(count) = counts.get_mut(&address) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

/// A connection's turn to log in. Dropping it makes room for another one.
pub(super) struct Turn {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Drop for Turn {
    fn drop(&mut self) {
        count_down(&mut self.shared.state().logging_in, self.address);
    }
}

impl Idle {
    /// Returns whether it is alive, as far as that can be seen.
    fn show(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.shown) < KEEPALIVE {
            return true;
        }
        self.shown = now;
        !self.session.link.is_gone() && self.session.link.keep_alive()
    }
}

/// A place among the open sessions.
pub(super) struct Slot {
    pool: Option<Pool>,
    key: Key,
}

impl Slot {
    /// Keeps the session, and the place with it, for the next call with the same key.
    pub(super) fn keep(mut self, mut session: Session) {
        let Some(pool) = self.pool.take() else { return };
        let config = &pool.shared.config;
        let now = Instant::now();
        let until = (now + config.idle).min(session.since + config.longest);
        session.link.park();
        let idle = Idle { key: self.key.clone(), session, until, shown: now };
        if until <= now || !idle.session.link.open_ahead(config.trusted) {
            return pool.shared.end(&idle);
        }
        let tended = {
            let mut state = pool.shared.state();
            state.idle.push(idle);
            std::mem::replace(&mut state.tended, true)
        };
        pool.shared.admit();
        if !tended {
            pool.tend();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.shared.state().leave(self.key.endpoint.address);
            pool.shared.admit();
        }
    }
}

/// Ends what has been idle for too long or has died, and shows signs of life for the rest.
fn tend(shared: &Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        let mut state = shared.state();
        if state.idle.is_empty() {
            state.tended = false;
            return;
        }
        let now = Instant::now();
        let over = |idle: &mut Idle| idle.until <= now || !idle.show(now);
        let ended: Vec<_> = state.idle.extract_if(.., over).collect();
        if ended.is_empty() {
            let next = state.idle.iter().map(|idle| idle.until.min(idle.shown + KEEPALIVE)).min();
            let pause = next.map_or(KEEPALIVE, |next| next.saturating_duration_since(now));
            drop(shared.looked.wait_timeout(state, pause.max(Duration::from_millis(1))));
        } else {
            drop(state);
            ended.iter().for_each(|idle| shared.end(idle));
        }
    }
}
