//! SSH servers inside this process, on loopback: light ones that stand for many machines, and evil ones.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use vmm_core::remote::libssh2::Libssh2Exec;
//! use vmm_core::remote::{Command, RemoteExec};
//! use vmm_testkit::fake::remote::Answer;
//! use vmm_testkit::fake::ssh_guest::{Behaviour, Evil, SshGuest};
//!
//! let answer = |line: &str| (line == "uptime").then(|| Answer::stdout("up 3 days\n"));
//! let good = SshGuest::start(Behaviour::answering(answer)).await;
//! let output = Libssh2Exec::default().run(&good.endpoint(), &good.key_login(), &Command::new("uptime")).await?;
//! assert_eq!(output.stdout.text(), "up 3 days\n");
//!
//! let evil = SshGuest::start(Behaviour::Evil(Evil::ChangedHostKey)).await;
//! let refused = Libssh2Exec::default().run(&evil.endpoint(), &evil.password_login(), &Command::new("uptime")).await;
//! assert!(refused.is_err() && evil.seen().password_bytes == 0);
//! # vmm_core::Result::<()>::Ok(())
//! # }).unwrap();
//! ```

mod command;
mod evil;
mod raw;
mod session;
mod wire;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::{MethodKind, MethodSet, SshId, server};
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use vmm_core::model::HostKey;
use vmm_core::remote::{Credential, Endpoint, Login};

use super::remote::Answer;
use crate::sshd::{key, loopback_addresses, other_host_key, pem, public};

pub use evil::Evil;

/// The greeting of a good guest: as a server that always tells how a command ended.
const GOOD: &str = "SSH-2.0-OpenSSH_9.1 guest";

/// The answers to command lines.
pub type Script = dyn Fn(&str) -> Option<Answer> + Send + Sync;

/// The behaviour of a guest towards clients that have logged in.
#[derive(Clone)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers commands from a script; one that it has no answer for ends with exit code 127. It keeps no files.
    Answers(Arc<Script>),
    /// Runs commands with `sh -c` and gives files with OpenSSH's `sftp-server`, all of it as the user of this process.
    /// A command's process group ends with its channel.
    Shell,
    /// Does harm.
    Evil(Evil),
}

impl Behaviour {
    /// Answers from a script.
    pub fn answering(answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::Answers(Arc::new(answer))
    }
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers(_) => f.write_str("Answers"),
            Self::Shell => f.write_str("Shell"),
            Self::Evil(evil) => write!(f, "Evil({evil:?})"),
        }
    }
}

/// The counts of everything that has reached a guest so far, at all of its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Connections.
    pub connections: usize,
    /// Those of them that are open.
    pub open: usize,
    /// Questions of any kind about a login, also which proofs are taken.
    pub login_questions: usize,
    /// Passwords, and signatures with a key.
    pub login_attempts: usize,
    /// Bytes of passwords.
    pub password_bytes: usize,
    /// Command lines and subsystems, in order.
    pub commands: Vec<String>,
}

/// A server with one user, who logs in with a password or a key made for this server. Dropping it ends it, and the
/// connections to it.
///
/// It needs no rights and no installed server, and has no processes, unless its [`Behaviour`] says so: a thousand
/// machines are one guest with a thousand addresses. For a real OpenSSH see [`Sshd`](crate::sshd::Sshd).
pub struct SshGuest {
    addresses: Vec<SocketAddr>,
    host_key: HostKey,
    password: SecretString,
    user_key: SecretString,
    seen: watch::Receiver<Seen>,
    /// Its end is everybody's.
    _running: watch::Sender<()>,
}

impl fmt::Debug for SshGuest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshGuest").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl SshGuest {
    /// The one user's name.
    pub const USER: &str = "guest";

    /// A guest at one address, as fast as it can be.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::start_many(behaviour, 1, Duration::ZERO).await
    }

    /// A guest at so many addresses of loopback, whose packets take so long in each direction.
    ///
    /// # Panics
    /// If it cannot listen; more than 127.0.0.1 needs Linux.
    pub async fn start_many(behaviour: Behaviour, addresses: usize, latency: Duration) -> Self {
        let (own_key, user_key) = (key(), key());
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("random bytes");
        let password: SecretString = secret.map(|byte| format!("{byte:02x}")).concat().into();
        let (tally, seen) = watch::channel(Seen::default());
        let (running, stopped) = watch::channel(());
        let changed = matches!(behaviour, Behaviour::Evil(Evil::ChangedHostKey));
        let guest = Arc::new(Guest {
            config: Arc::new(config(
                &behaviour,
                PrivateKey::from_openssh(pem(&own_key)).expect("a key in the same form"),
            )),
            behaviour,
            password: password.clone(),
            user_key: PublicKey::from_openssh(&public(&user_key).to_string()).expect("a key in the same form"),
            latency,
            tally,
        });
        let listeners = listen(addresses).await.expect("free addresses on loopback");
        let addresses = listeners.iter().map(|listener| listener.local_addr().expect("a bound address")).collect();
        for listener in listeners {
            tokio::spawn(accept(listener, Arc::clone(&guest), stopped.clone()));
        }
        let host_key = if changed { other_host_key() } else { public(&own_key) };
        Self { addresses, host_key, password, user_key: pem(&user_key).into(), seen, _running: running }
    }

    /// The first of its addresses, and its key, or the one that it had before it [changed](Evil::ChangedHostKey).
    pub fn endpoint(&self) -> Endpoint {
        self.endpoints().next().expect("a guest has an address")
    }

    /// All of its addresses.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        self.addresses.iter().map(|address| Endpoint { address: *address, host_key: self.host_key.clone() })
    }

    /// A login with the right password.
    pub fn password_login(&self) -> Login {
        Login { user: Self::USER.into(), credential: Credential::Password(self.password.clone()) }
    }

    /// A login with the right key.
    pub fn key_login(&self) -> Login {
        Login { user: Self::USER.into(), credential: Credential::PrivateKey(self.user_key.clone()) }
    }

    /// Returns the counts of everything that has reached the guest so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until it has seen what it is to see.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    pub async fn until(&self, limit: Duration, condition: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        let met = tokio::time::timeout(limit, seen.wait_for(condition)).await.map(|met| met.map(|seen| seen.clone()));
        match met {
            Ok(Ok(seen)) => seen,
            _ => panic!("after {limit:?} the guest has seen no more than {:?}", self.seen()),
        }
    }
}

/// The state that all connections share.
struct Guest {
    behaviour: Behaviour,
    password: SecretString,
    user_key: PublicKey,
    config: Arc<server::Config>,
    latency: Duration,
    tally: watch::Sender<Seen>,
}

fn config(behaviour: &Behaviour, key: PrivateKey) -> server::Config {
    let id = match behaviour {
        Behaviour::Evil(_) => "SSH-2.0-evil",
        _ => GOOD,
    };
    server::Config {
        server_id: SshId::Standard(id.into()),
        methods: MethodSet::from(&[MethodKind::Password, MethodKind::PublicKey][..]),
        keys: vec![key],
        auth_rejection_time: Duration::ZERO,
        inactivity_timeout: None,
        ..server::Config::default()
    }
}

/// Listens on the same port everywhere.
async fn listen(addresses: usize) -> io::Result<Vec<TcpListener>> {
    if addresses <= 1 {
        return Ok(vec![TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?]);
    }
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses);
    for address in loopback_addresses(addresses) {
        let port = listeners.first().map_or(Ok(0), |first| first.local_addr().map(|address| address.port()))?;
        listeners.push(TcpListener::bind((address, port)).await?);
    }
    Ok(listeners)
}

async fn accept(listener: TcpListener, guest: Arc<Guest>, mut stopped: watch::Receiver<()>) {
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => if let Ok((socket, _)) = accepted { socket } else { continue },
            _ = stopped.changed() => return,
        };
        let (guest, mut stopped) = (Arc::clone(&guest), stopped.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve(socket, guest) => {}
                _ = stopped.changed() => {}
            }
        });
    }
}

async fn serve(socket: TcpStream, guest: Arc<Guest>) {
    guest.tally.send_modify(|seen| (seen.connections, seen.open) = (seen.connections + 1, seen.open + 1));
    let _open = Open(Arc::clone(&guest));
    let _ = socket.set_nodelay(true);
    match &guest.behaviour {
        Behaviour::Evil(evil) if evil.is_below_the_protocol() => raw::serve(socket, *evil).await,
        _ => session::serve(socket, guest).await,
    }
}

/// An open connection.
struct Open(Arc<Guest>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.tally.send_modify(|seen| seen.open -= 1);
    }
}
