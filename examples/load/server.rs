//! The program `vmm-http`, built beside this one, with a desk in a temporary directory.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use vmm_testkit::lab::Lab;

/// The password of the first admin, whose name is `admin`, and of all other accounts.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The program while it serves. Dropping it kills the program.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) process: u32,
    /// A login of the admin.
    pub(crate) token: String,
    _child: Child,
    _folder: TempDir,
}

impl Server {
    /// Sets a desk up and serves it. Without a host it is one whose libvirt cannot be reached.
    pub(crate) async fn start(host: Option<&Lab>, variables: &[(&str, &str)]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut init = program(&folder, host, "init").arg("--password-stdin").stdin(Stdio::piped()).spawn()?;
        let mut stdin = init.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
        stdin.write_all(format!("{PASSWORD}\n").as_bytes()).await?;
        drop(stdin);
        if !init.wait().await?.success() {
            return Err(io::Error::other("vmm-http init failed"));
        }
        let mut child = program(&folder, host, "serve").envs(variables.iter().copied()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let line = BufReader::new(out).lines().next_line().await?.unwrap_or_default();
        let address: SocketAddr =
            line.rsplit('/').next().unwrap_or_default().parse().map_err(|_| io::Error::other("it did not start"))?;
        let process = child.id().ok_or_else(|| io::Error::other("it ended"))?;
        let login = json!({ "name": "admin", "password": PASSWORD });
        let login = reqwest::Client::new().post(format!("http://{address}/session")).json(&login);
        let session: Value = login.send().await.map_err(io::Error::other)?.json().await.map_err(io::Error::other)?;
        let token = session["token"].as_str().ok_or_else(|| io::Error::other("no login"))?.to_owned();
        Ok(Self { address, process, token, _child: child, _folder: folder })
    }
}

fn program(folder: &TempDir, host: Option<&Lab>, subcommand: &str) -> Command {
    // This program stands in `examples`, and `vmm-http` one level above.
    let own = env::current_exe().unwrap_or_default();
    let beside: PathBuf = own.parent().and_then(|examples| examples.parent()).unwrap_or(&own).join("vmm-http");
    let file = |name: &str| folder.path().join(name);
    let mut command = Command::new(beside);
    command
        .arg(subcommand)
        .env("VMM_LISTEN", "127.0.0.1:0")
        .env("VMM_DATABASE", file("vmm.db"))
        .env("VMM_MASTER_KEY", file("master.key"))
        .env("VMM_FILES", file("files"))
        .env("VMM_IMAGE_DIRS", "/")
        .env("VMM_VIRT_TYPE", "qemu")
        .env("VMM_TRUSTED_PROXIES", "127.0.0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    match host {
        Some(Lab { uri, pool, network, .. }) => {
            command.env("VMM_LIBVIRT_URI", uri).env("VMM_POOL", pool).env("VMM_NETWORK", network)
        }
        None => command.env("VMM_LIBVIRT_URI", format!("qemu+unix:///system?socket={}", file("none").display())),
    };
    command
}
