//! The setup of a server and of its user.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use ssh_key::PrivateKey;
use tokio::process::{Child, Command};

use super::log::Dialect;
use super::{Sshd, pem, public};

/// The user's ids.
const USER: u32 = 61_999;
const GROUP: u32 = 65_534;

/// The method by which a server takes passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordMethod {
    /// As the method `password`.
    #[default]
    Password,
    /// Only as `keyboard-interactive`, asked for by PAM.
    KeyboardInteractive,
}

/// The program that serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// OpenSSH's `sshd`.
    #[default]
    OpenSsh,
    /// Dropbear, which takes passwords and keys and has no settings.
    Dropbear,
}

/// The setup of a server and of its user.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program that serves.
    pub program: Program,
    /// The method by which it takes passwords.
    pub method: PasswordMethod,
    /// Further lines of `sshd_config`.
    pub settings: String,
    /// The program that gives files over SFTP, as `Subsystem sftp` names it; nothing if the server gives none.
    pub sftp: Option<&'static str>,
    /// The user's login shell.
    pub shell: &'static str,
    /// A file in the user's home that the login shell reads first: its name and its content.
    pub start_up: Option<(&'static str, &'static str)>,
    /// True if it listens at all addresses of loopback, and logs little.
    pub everywhere: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            program: Program::default(),
            method: PasswordMethod::default(),
            settings: String::new(),
            sftp: Some("internal-sftp"),
            shell: "/bin/bash",
            start_up: None,
            everywhere: false,
        }
    }
}

impl Setup {
    /// A Dropbear server.
    pub fn dropbear() -> Self {
        Self { program: Program::Dropbear, ..Self::default() }
    }

    /// An OpenSSH server with further lines of `sshd_config`.
    pub fn set(settings: &str) -> Self {
        Self { settings: format!("{settings}\n"), ..Self::default() }
    }

    /// An OpenSSH server that gives commands and no SFTP.
    pub fn without_sftp() -> Self {
        Self { sftp: None, ..Self::default() }
    }

    /// An OpenSSH server that gives files over SFTP below the user's home, which the user sees as `/`, and no shell.
    pub fn sftp_only() -> Self {
        Self::set(&format!("ForceCommand internal-sftp\nChrootDirectory {HOME}"))
    }

    /// An OpenSSH server whose user has this login shell.
    pub fn shell(shell: &'static str) -> Self {
        Self { shell, ..Self::default() }
    }

    /// An OpenSSH server as Debian sets it up, whose user's `.bashrc` is this.
    pub fn bashrc(content: &'static str) -> Self {
        Self { sftp: Some("/usr/lib/openssh/sftp-server"), start_up: Some((".bashrc", content)), ..Self::default() }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.program {
            Program::OpenSsh => Dialect::OpenSsh,
            Program::Dropbear => Dialect::Dropbear,
        }
    }

    fn is_chrooted(&self) -> bool {
        self.settings.contains("ChrootDirectory")
    }

    /// Writes all files that the server needs.
    pub(super) fn write(&self, files: &Path, address: SocketAddr, host_key: &PrivateKey, user_key: &PrivateKey) {
        let at = |name: &str| files.join(name);
        write(&at("host_key"), 0o600, pem(host_key).as_bytes());
        let _ = fs::create_dir(at(".ssh"));
        write(&at(".ssh/authorized_keys"), 0o644, format!("{}\n", public(user_key)).as_bytes());
        if let Some((name, content)) = self.start_up {
            write(&at(name), 0o644, content.as_bytes());
        }
        let (user, home) = (Sshd::USER, files.display());
        let system = |path| fs::read_to_string(path).unwrap_or_default();
        let passwd = format!("{}{user}:x:{USER}:{GROUP}::{home}:{}\n", system("/etc/passwd"), self.shell);
        write(&at("passwd"), 0o644, passwd.as_bytes());
        let shadow = format!("{}{user}:{}:19000:0:99999:7:::\n", system("/etc/shadow"), crypt());
        write(&at("shadow"), 0o600, shadow.as_bytes());
        write(&at("sshd_config"), 0o644, self.config(files, address).as_bytes());
        if self.program == Program::Dropbear {
            let converted = std::process::Command::new("dropbearconvert")
                .args(["openssh", "dropbear"])
                .args([at("host_key"), at("dropbear_key")])
                .stderr(Stdio::null())
                .stdout(Stdio::null())
                .status();
            assert!(converted.expect("`dropbearconvert` (package dropbear-bin) is installed").success());
        }
        // Shells write into the home of who uses them.
        if !self.is_chrooted() {
            std::os::unix::fs::chown(files, Some(USER), Some(GROUP)).expect("tests of servers run as root");
        }
    }

    fn config(&self, files: &Path, address: SocketAddr) -> String {
        let (user, home) = (Sshd::USER, files.display());
        let asked = match self.method {
            PasswordMethod::Password => "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM no",
            PasswordMethod::KeyboardInteractive => {
                "PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes"
            }
        };
        let listen = if self.everywhere {
            // A server listens at 16 addresses at the most, or at all of them; logins come from loopback alone.
            format!("ListenAddress 0.0.0.0:{}\nLogLevel INFO\n", address.port())
        } else {
            format!("ListenAddress {address}\nLogLevel DEBUG1\n")
        };
        let sftp = self.sftp.map_or_else(String::new, |sftp| format!("Subsystem sftp {sftp}\n"));
        format!(
            "HostKey {home}/host_key\nAuthorizedKeysFile {home}/.ssh/authorized_keys\n{asked}\n\
             StrictModes no\nPidFile none\nMaxStartups 1000\nUseDNS no\nPrintMotd no\n\
             PermitRootLogin no\nAllowUsers {user}@127.0.0.0/8\n{sftp}{}{listen}{}",
            self.settings,
            if knows_penalties() { "PerSourcePenalties no\n" } else { "" }
        )
    }

    /// Starts the server.
    pub(super) fn spawn(&self, files: &Path, address: SocketAddr) -> Child {
        let serve = match self.program {
            Program::OpenSsh => "\"$(command -v sshd || echo /usr/sbin/sshd)\" -D -e -f \"$1/sshd_config\"",
            Program::Dropbear => {
                "\"$(command -v dropbear || echo /usr/sbin/dropbear)\" -F -E -w -r \"$1/dropbear_key\" -p \"$2\""
            }
        };
        let script = format!(
            "mount --bind \"$1/passwd\" /etc/passwd && mount --bind \"$1/shadow\" /etc/shadow && \
             mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/sshd {HOME} && \
             mount --bind \"$1\" {HOME} && exec {serve}"
        );
        // As the first process of its namespace it takes every other one along when it ends.
        Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", &script, "sshd"])
            .arg(files)
            .arg(address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`unshare` (package util-linux) is installed")
    }
}

/// Where the server sees the user's home too, below directories that nobody but root can write to.
const HOME: &str = "/run/home";

pub(super) fn write(path: &Path, mode: u32, bytes: &[u8]) {
    let mut file = fs::File::create(path).expect("a file in our directory");
    file.set_permissions(fs::Permissions::from_mode(mode)).expect("a file of our own");
    file.write_all(bytes).expect("room for a small file");
}

/// Since OpenSSH 9.8 a server shuts out addresses whose logins fail, which tests must be free to do.
fn knows_penalties() -> bool {
    static KNOWS: OnceLock<bool> = OnceLock::new();
    *KNOWS.get_or_init(is_new)
}

fn is_new() -> bool {
    let output = std::process::Command::new("ssh").arg("-V").output().map(|output| output.stderr).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let version = text.strip_prefix("OpenSSH_").and_then(|rest| rest.split(['p', ' ', ',']).next()).unwrap_or("0.0");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(9), Some(8))
}

/// The hash of the one password.
fn crypt() -> String {
    use sha_crypt::{PasswordHasher, ShaCrypt};
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = || ShaCrypt::SHA512.hash_password_with_salt(Sshd::PASSWORD.as_bytes(), b"test salt");
    HASH.get_or_init(|| hash().expect("a password that can be hashed").as_str().to_owned()).clone()
}
