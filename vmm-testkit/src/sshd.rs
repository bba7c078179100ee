//! Real OpenSSH servers on loopback, each with users, keys and processes of its own.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
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

/// How a server takes passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordMethod {
    /// As the method `password`.
    #[default]
    Password,
    /// Only as `keyboard-interactive`, asked for by PAM.
    KeyboardInteractive,
}

/// Where a server is reached.
#[derive(Clone, Copy)]
enum Reach {
    OneAddress,
    Everywhere,
}

impl Reach {
    fn settings(self, address: SocketAddr) -> String {
        match self {
            Self::OneAddress => format!("ListenAddress {address}\nLogLevel DEBUG1\n"),
            // A server listens at 16 addresses at the most, or at all of them; logins come from loopback alone.
            Self::Everywhere => format!("ListenAddress 0.0.0.0:{}\nLogLevel INFO\n", address.port()),
        }
    }
}

/// A server with one user, who logs in with a password or a key. Dropping it ends it and everything it started.
///
/// It lives in a mount and a process namespace of its own, with its own `/etc/passwd`, `/etc/shadow` and `/run`, so
/// that the machine's users are neither changed nor reachable. That needs root, and OpenSSH's server installed.
#[derive(Debug)]
pub struct Sshd {
    process: Child,
    files: TempDir,
    address: SocketAddr,
    host_key: HostKey,
    user_key: SecretString,
    log: watch::Receiver<String>,
    /// Connections that were made to see whether those before are told of.
    probes: AtomicUsize,
}

impl Sshd {
    /// The one user's name.
    pub const USER: &str = "tester";
    /// The one user's password.
    pub const PASSWORD: &str = "open sesame 7 ü";

    /// A server that takes passwords as such.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start() -> Self {
        Self::start_with(PasswordMethod::Password).await
    }

    /// A server that takes passwords as told.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_with(method: PasswordMethod) -> Self {
        Self::configured(method, "", Reach::OneAddress).await
    }

    /// A server that is reached at each of the [`loopback_addresses`], and logs little.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_everywhere() -> Self {
        Self::configured(PasswordMethod::Password, "", Reach::Everywhere).await
    }

    /// A server that gives files over SFTP and no shell.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_without_shell() -> Self {
        Self::configured(PasswordMethod::Password, "ForceCommand internal-sftp\n", Reach::OneAddress).await
    }

    /// A server with more settings, in lines of `sshd_config`.
    ///
    /// # Panics
    /// If it cannot be started; the message says what is missing.
    pub async fn start_set(settings: &str) -> Self {
        Self::configured(PasswordMethod::Password, &format!("{settings}\n"), Reach::OneAddress).await
    }

    async fn configured(method: PasswordMethod, settings: &str, reach: Reach) -> Self {
        let files = tempfile::Builder::new().prefix("vmm-sshd-").tempdir().expect("a temporary directory");
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("a directory of our own");
        let host_key = key();
        let user_key = key();
        for attempt in 0.. {
            let address = free_address();
            let settings = format!("{settings}{}", reach.settings(address));
            write_files(files.path(), method, &settings, &host_key, &user_key);
            let mut process = spawn(files.path());
            let log = follow(process.stderr.take().expect("a piped standard error"));
            if listening(&log).await {
                return Self {
                    process,
                    address,
                    host_key: public(&host_key),
                    user_key: pem(&user_key).into(),
                    log,
                    probes: AtomicUsize::new(0),
                    files,
                };
            }
            let said = log.borrow().clone();
            assert!(
                attempt < 3,
                "a test SSH server did not start; it needs root, `unshare` and openssh-server \
                 (apt-get install openssh-server). It said:\n{said}"
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
        let process = self.process.id().expect("the server runs").to_string();
        let mounted = Command::new("nsenter")
            .args(["--mount", "--target", &process, "mount", "-t", "tmpfs", "-o"])
            .arg(format!("mode=777,size={bytes}"))
            .arg("tmpfs")
            .arg(self.shared_directory())
            .status()
            .await;
        assert!(mounted.expect("`nsenter` (package util-linux) is installed").success());
    }

    /// How many connections were made.
    ///
    /// # Panics
    /// If the server does not tell of one more within 10 s.
    pub async fn connections(&self) -> usize {
        // A connection is told of before it is served: when this last one is, those before it are too.
        let last = tokio::net::TcpStream::connect(self.address).await.expect("the server listens");
        let probes = self.probes.fetch_add(1, Ordering::Relaxed) + 1;
        let last = format!(" port {} ", last.local_addr().expect("a connected socket").port());
        let told = |log: &String| log.lines().any(|line| is_connection(line) && line.contains(&last));
        let mut log = self.log.clone();
        let log = tokio::time::timeout(Duration::from_secs(10), log.wait_for(told)).await;
        let log = log.expect("a connection is told of within 10 s").expect("the server runs");
        log.lines().filter(|line| is_connection(line)).count().saturating_sub(probes)
    }

    /// How many proofs of identity were sent, once every connection so far has ended.
    ///
    /// # Panics
    /// If connections stay open for 10 s.
    pub async fn login_attempts(&self) -> usize {
        let ended = |log: &String| {
            let count =
                |words: &[&str]| log.lines().filter(|line| words.iter().any(|word| line.starts_with(word))).count();
            count(&["Connection from "]) <= count(&["Connection closed by", "Connection reset by", "Disconnected from"])
        };
        let mut log = self.log.clone();
        let log = tokio::time::timeout(Duration::from_secs(10), log.wait_for(ended)).await;
        let log = log.expect("connections end within 10 s").expect("the server runs");
        log.lines().filter(|line| line.starts_with("userauth-request for") && !line.contains(" method none")).count()
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

    /// What it has logged.
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

/// So many addresses of this machine, all of them on loopback, which Linux has without being told.
pub fn loopback_addresses(count: usize) -> impl Iterator<Item = Ipv4Addr> {
    (1..=254_u8).flat_map(|third| (1..=254).map(move |last| Ipv4Addr::new(127, 1, third, last))).take(count)
}

/// An address that nothing listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    listener.local_addr().expect("a bound address")
}

fn is_connection(line: &str) -> bool {
    line.starts_with("Connection from ")
}

fn write(path: &Path, mode: u32, bytes: &[u8]) {
    let mut file = fs::File::create(path).expect("a file in our directory");
    file.set_permissions(fs::Permissions::from_mode(mode)).expect("a file of our own");
    file.write_all(bytes).expect("room for a small file");
}

fn write_files(files: &Path, method: PasswordMethod, settings: &str, host_key: &PrivateKey, user_key: &PrivateKey) {
    let at = |name| files.join(name);
    write(&at("host_key"), 0o600, pem(host_key).as_bytes());
    write(&at("authorized_keys"), 0o644, format!("{}\n", public(user_key)).as_bytes());
    let (user, home) = (Sshd::USER, files.display());
    let system = |path| fs::read_to_string(path).unwrap_or_default();
    let passwd = format!("{}{user}:x:61999:65534::{home}:/bin/bash\n", system("/etc/passwd"));
    write(&at("passwd"), 0o644, passwd.as_bytes());
    let shadow = format!("{}{user}:{}:19000:0:99999:7:::\n", system("/etc/shadow"), crypt(Sshd::PASSWORD));
    write(&at("shadow"), 0o600, shadow.as_bytes());
    let asked = match method {
        PasswordMethod::Password => "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM no",
        PasswordMethod::KeyboardInteractive => {
            "PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes"
        }
    };
    let config = format!(
        "HostKey {home}/host_key\nAuthorizedKeysFile {home}/authorized_keys\n{asked}\n\
         StrictModes no\nPidFile none\nMaxStartups 1000\nUseDNS no\nPrintMotd no\n\
         PermitRootLogin no\nAllowUsers {user}@127.0.0.0/8\nSubsystem sftp internal-sftp\n{settings}{}",
        if knows_penalties() { "PerSourcePenalties no\n" } else { "" }
    );
    write(&at("sshd_config"), 0o644, config.as_bytes());
}

/// Since OpenSSH 9.8 a server shuts out addresses whose logins fail, which tests must be free to do.
fn knows_penalties() -> bool {
    let output = std::process::Command::new("ssh").arg("-V").output().map(|output| output.stderr).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let version = text.strip_prefix("OpenSSH_").and_then(|rest| rest.split(['p', ' ', ',']).next()).unwrap_or("0.0");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(9), Some(8))
}

fn crypt(password: &str) -> String {
    use sha_crypt::{PasswordHasher, ShaCrypt};
    let hash = ShaCrypt::SHA512.hash_password_with_salt(password.as_bytes(), b"test salt");
    hash.expect("a password that can be hashed").as_str().to_owned()
}

fn spawn(files: &Path) -> Child {
    const SCRIPT: &str = "mount --bind \"$1/passwd\" /etc/passwd && mount --bind \"$1/shadow\" /etc/shadow && \
                          mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/sshd && \
                          exec \"$(command -v sshd || echo /usr/sbin/sshd)\" -D -e -f \"$1/sshd_config\"";
    // As the first process of its namespace it takes every other one along when it ends.
    Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", SCRIPT, "sshd"])
        .arg(files)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("`unshare` (package util-linux) is installed")
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

async fn listening(log: &watch::Receiver<String>) -> bool {
    let mut log = log.clone();
    let ready = log.wait_for(|log| log.contains("Server listening on"));
    matches!(tokio::time::timeout(Duration::from_secs(10), ready).await, Ok(Ok(_)))
}
