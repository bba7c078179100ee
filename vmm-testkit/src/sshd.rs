//! Real SSH servers on loopback, each with users, keys and processes of its own.

mod log;
mod setup;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use vmm_core::model::HostKey;
use vmm_core::remote::{Credential, Endpoint, Login};

use self::log::Dialect;
use self::setup::write;
pub use self::setup::{PasswordMethod, Program, Setup};

/// A server with one user, who logs in with a password or a key. Dropping it ends it and everything it started.
///
/// It lives in a mount and a process namespace of its own, with its own `/etc/passwd`, `/etc/shadow` and `/run`, so
/// that the machine's users are neither changed nor reachable. That needs root, and the server's program installed.
#[derive(Debug)]
pub struct Sshd {
    process: Child,
    files: TempDir,
    address: SocketAddr,
    host_key: HostKey,
    user_key: SecretString,
    dialect: Dialect,
    log: watch::Receiver<String>,
    /// Connections that were made to see whether those before are told of.
    probes: AtomicUsize,
}

impl Sshd {
    /// The one user's name.
    pub const USER: &str = "tester";
    /// The one user's password.
    pub const PASSWORD: &str = "open sesame 7 ü";

    /// Starts an OpenSSH server that takes passwords as such.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start() -> Self {
        Self::start_as(Setup::default()).await
    }

    /// Starts an OpenSSH server that takes passwords as told.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_with(method: PasswordMethod) -> Self {
        Self::start_as(Setup { method, ..Setup::default() }).await
    }

    /// Starts an OpenSSH server that is reached at each of the [`loopback_addresses`], and logs little.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_everywhere() -> Self {
        Self::start_as(Setup { everywhere: true, ..Setup::default() }).await
    }

    /// Starts an OpenSSH server that gives files over SFTP and no shell.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_without_shell() -> Self {
        Self::start_set("ForceCommand internal-sftp").await
    }

    /// Starts an OpenSSH server with more settings, in lines of `sshd_config`.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_set(settings: &str) -> Self {
        Self::start_as(Setup::set(settings)).await
    }

    /// Starts a server that is set up like this.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_as(setup: Setup) -> Self {
        let files = tempfile::Builder::new().prefix("vmm-sshd-").tempdir().expect("a temporary directory");
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("a directory of our own");
        let (host_key, user_key, dialect) = (key(), key(), setup.dialect());
        for attempt in 0.. {
            let address = free_address();
            setup.write(files.path(), address, &host_key, &user_key);
            let mut process = setup.spawn(files.path(), address);
            let log = follow(process.stderr.take().expect("a piped standard error"));
            if listening(&log, dialect).await {
                return Self {
                    process,
                    address,
                    host_key: public(&host_key),
                    user_key: pem(&user_key).into(),
                    dialect,
                    log,
                    probes: AtomicUsize::new(0),
                    files,
                };
            }
            let said = log.borrow().clone();
            assert!(
                attempt < 3,
                "a test SSH server did not start; it needs root, `unshare` and openssh-server or dropbear-bin \
                 (apt-get install openssh-server dropbear-bin). It said:\n{said}"
            );
        }
        unreachable!("the loop returns or panics")
    }

    /// Where it is, and its key.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { address: self.address, host_key: self.host_key.clone() }
    }

    /// A login with the right password.
    pub fn password_login(&self) -> Login {
        Login { user: Self::USER.into(), credential: Credential::Password(Self::PASSWORD.into()) }
    }

    /// A login with the right key.
    pub fn key_login(&self) -> Login {
        Login { user: Self::USER.into(), credential: Credential::PrivateKey(self.user_key.clone()) }
    }

    /// The private key's file, for programs that want one.
    pub fn key_file(&self) -> std::path::PathBuf {
        let path = self.files.path().join("client_key");
        write(&path, 0o600, self.user_key.expose_secret().as_bytes());
        path
    }

    /// A directory that the user can write to, seen by the server at the same path.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn shared_directory(&self) -> std::path::PathBuf {
        let path = self.files.path().join("shared");
        if !path.exists() {
            fs::create_dir(&path).expect("a directory in our directory");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("a directory of our own");
        }
        path
    }

    /// Puts a disk of this size, seen by the server only, over the [`shared_directory`](Self::shared_directory).
    ///
    /// # Panics
    /// If it cannot be mounted.
    pub async fn mount_small_disk(&self, bytes: u64) {
        self.mount(&format!("mode=777,size={bytes}")).await;
    }

    /// Puts a disk that nobody can write to, seen by the server only, over the
    /// [`shared_directory`](Self::shared_directory).
    ///
    /// # Panics
    /// If it cannot be mounted.
    pub async fn mount_read_only(&self) {
        self.mount("mode=777,ro").await;
    }

    async fn mount(&self, options: &str) {
        let process = self.process.id().expect("the server runs").to_string();
        let mounted = Command::new("nsenter")
            .args(["--mount", "--target", &process, "mount", "-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.shared_directory())
            .status()
            .await;
        assert!(mounted.expect("`nsenter` (package util-linux) is installed").success());
    }

    /// Returns the number of connections that were made.
    ///
    /// # Panics
    /// If the server does not tell of one more within 10 s.
    pub async fn connections(&self) -> usize {
        // A connection is told of before it is served: when this last one is, those before it are too.
        let last = tokio::net::TcpStream::connect(self.address).await.expect("the server listens");
        let probes = self.probes.fetch_add(1, Ordering::Relaxed) + 1;
        let (dialect, port) = (self.dialect, last.local_addr().expect("a connected socket").port());
        let told = |log: &String| log.lines().any(|line| dialect.is_connection_from(line, port));
        let mut log = self.log.clone();
        let log = tokio::time::timeout(Duration::from_secs(10), log.wait_for(told)).await;
        let log = log.expect("a connection is told of within 10 s").expect("the server runs");
        log.lines().filter(|line| dialect.is_connection(line)).count().saturating_sub(probes)
    }

    /// Returns the number of proofs of identity that were sent, once every connection so far has ended.
    ///
    /// # Panics
    /// If connections stay open for 10 s.
    pub async fn login_attempts(&self) -> usize {
        // The log is read behind the server's back: now it has told of all connections so far.
        self.connections().await;
        let dialect = self.dialect;
        let ended = |log: &String| {
            let count = |is: fn(Dialect, &str) -> bool| log.lines().filter(|line| is(dialect, line)).count();
            count(Dialect::is_connection) <= count(Dialect::is_end)
        };
        let mut log = self.log.clone();
        let log = tokio::time::timeout(Duration::from_secs(10), log.wait_for(ended)).await;
        let log = log.expect("connections end within 10 s").expect("the server runs");
        log.lines().filter(|line| dialect.is_attempt(line)).count()
    }

    /// The processor time that it has taken, with every connection that has ended.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn processor_time(&self) -> Duration {
        let outer = self.process.id().expect("the server runs");
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).expect("Linux tells");
        let server = children.trim().parse().expect("`unshare` has one child");
        crate::load::processor_time(server).expect("the server runs")
    }

    /// Returns the server's log.
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }
}

/// A host key that no server has.
pub fn other_host_key() -> HostKey {
    public(&key())
}

pub(crate) fn key() -> PrivateKey {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("random bytes");
    PrivateKey::from(Ed25519Keypair::from_seed(&seed))
}

pub(crate) fn public(key: &PrivateKey) -> HostKey {
    key.public_key().to_openssh().expect("an encodable key").parse().expect("an OpenSSH key")
}

pub(crate) fn pem(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).expect("an encodable key").to_string()
}

/// Returns `count` loopback addresses of this machine, which Linux has without being told.
pub fn loopback_addresses(count: usize) -> impl Iterator<Item = Ipv4Addr> {
    (1..=254_u8).flat_map(|third| (1..=254).map(move |last| Ipv4Addr::new(127, 1, third, last))).take(count)
}

/// An address that nothing listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    listener.local_addr().expect("a bound address")
}

fn follow(stderr: ChildStderr) -> watch::Receiver<String> {
    let (sender, receiver) = watch::channel(String::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            sender.send_modify(|log| {
                log.push_str(String::from_utf8_lossy(&line).trim_start_matches("debug1: ").trim_end());
                log.push('\n');
            });
        }
    });
    receiver
}

async fn listening(log: &watch::Receiver<String>, dialect: Dialect) -> bool {
    let mut log = log.clone();
    let ready = log.wait_for(|log| dialect.listens(log));
    matches!(tokio::time::timeout(Duration::from_secs(10), ready).await, Ok(Ok(_)))
}
