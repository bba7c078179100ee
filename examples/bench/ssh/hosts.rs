//! The hosts that are reached, and how each client is told of them.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use vmm_core::ExposeSecret;
use vmm_core::remote::{Credential, Endpoint, Login};

/// The cipher of all clients, which is the first choice of ours.
const CIPHER: &str = "chacha20-poly1305@openssh.com";
/// The cipher that OpenSSH's clients choose on a processor with instructions for it.
const FASTEST_CIPHER: &str = "aes256-gcm@openssh.com";

/// Hosts on one port with one key, and one login for them.
pub(super) struct Hosts {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) login: Login,
    host_key: String,
    files: TempDir,
}

impl Hosts {
    pub(super) fn new(endpoints: impl IntoIterator<Item = Endpoint>, login: Login) -> Self {
        let mut endpoints = endpoints.into_iter().peekable();
        let host_key = endpoints.peek().expect("a host").host_key.to_string();
        let addresses: Vec<_> = endpoints.map(|endpoint| endpoint.address).collect();
        let files = tempfile::tempdir().expect("a temporary directory");
        let hosts = Self { addresses, login, host_key, files };
        hosts.write("key", hosts.private_key());
        hosts.write("known_hosts", &format!("[127.*]:{} {}\n", hosts.port(), hosts.host_key));
        let names: Vec<_> = hosts.addresses.iter().map(|address| address.ip().to_string()).collect();
        hosts.write("hosts", &(names.join("\n") + "\n"));
        hosts.write("ansible.cfg", "");
        hosts
    }

    fn write(&self, name: &str, text: &str) {
        let file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.file(name));
        std::io::Write::write_all(&mut file.expect("a file of our own"), text.as_bytes()).expect("room for it");
    }

    fn private_key(&self) -> &str {
        let Credential::PrivateKey(pem) = &self.login.credential else { panic!("a key opens the hosts") };
        pem.expose_secret()
    }

    pub(super) fn port(&self) -> u16 {
        self.addresses[0].port()
    }

    /// A file beside the others: `hosts` has an address on each line.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        self.files.path()
    }

    /// `user@address` of the first host.
    pub(super) fn target(&self) -> String {
        format!("{}@{}", self.login.user, self.addresses[0].ip())
    }

    /// Returns the `-o` options of OpenSSH's clients, which read nobody's settings.
    pub(super) fn options(&self) -> Vec<String> {
        vec![
            format!("Port={}", self.port()),
            format!("IdentityFile={}", self.file("key").display()),
            "IdentitiesOnly=yes".into(),
            format!("UserKnownHostsFile={}", self.file("known_hosts").display()),
            "GlobalKnownHostsFile=none".into(),
            "StrictHostKeyChecking=yes".into(),
            "BatchMode=yes".into(),
            "LogLevel=ERROR".into(),
            "KexAlgorithms=curve25519-sha256".into(),
            format!("Ciphers={CIPHER}"),
        ]
    }

    /// The same as words of a command line.
    pub(super) fn words(&self) -> Vec<String> {
        Self::as_words(self.options())
    }

    /// The same with another cipher than ours.
    pub(super) fn words_with_fastest_cipher(&self) -> Vec<String> {
        let mut options = self.options();
        options.retain(|option| !option.starts_with("Ciphers="));
        options.push(format!("Ciphers={FASTEST_CIPHER}"));
        Self::as_words(options)
    }

    fn as_words(options: Vec<String>) -> Vec<String> {
        let options = options.into_iter().flat_map(|option| ["-o".to_owned(), option]);
        ["-F".to_owned(), "none".to_owned()].into_iter().chain(options).collect()
    }

    /// Returns the task of our client.
    pub(super) fn task(&self, more: Value) -> Value {
        let mut task = json!({
            "addresses": self.addresses,
            "host_key": self.host_key,
            "user": self.login.user,
            "key": self.private_key(),
        });
        let (Some(task_fields), Value::Object(more)) = (task.as_object_mut(), more) else { panic!("an object") };
        task_fields.extend(more);
        task
    }
}
