//! A desk with machines that fall silent.
//!
//! The machines are real ones of the lab. When they are up, their addresses are given to this computer's loopback
//! interface as well, where a listener on port 22 accepts connections and says nothing.

use std::io;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vmm_testkit::lab::Lab;

use crate::server::{PASSWORD, Server};

/// The number of machines that fall silent. Six scripts run on each at a time, and 56 on all.
pub(crate) const MACHINES: usize = 10;
/// The longest time in which machines are made or removed.
const PATIENCE: Duration = Duration::from_secs(300);
/// The quotas of an account for files and for scripts, small enough to be filled in seconds.
const QUOTAS: [(&str, &str); 2] = [("VMM_FILE_QUOTA", "64MiB"), ("VMM_ACCOUNT_SCRIPT_BYTES", "8MiB")];

/// The desk, and what answers in place of its machines.
pub(crate) struct Site {
    pub(crate) server: Server,
    client: Client,
    addresses: Vec<IpAddr>,
    _silent: JoinSet<()>,
}

impl Site {
    pub(crate) async fn open(lab: &Lab) -> io::Result<Self> {
        let server = Server::start(lab, &QUOTAS).await?;
        let mut site = Self { server, client: Client::new(), addresses: Vec::new(), _silent: JoinSet::new() };
        let image = lab.find_image("tiny").ok_or_else(|| io::Error::other("the lab has no image tiny"))?;
        site.server.desk.try_import("tiny", &image).await.map_err(io::Error::other)?;
        let rows: String = (0..MACHINES).map(|number| format!("{},tiny,128,1\n", machine(number))).collect();
        let request = json!({ "request-vm": [{ "id": "quiet", "spec": format!("name,os,memory,disk\n{rows}") }] });
        let submitted = site.post("/request-vm", &request).await?;
        let approval = json!({ "plan_hash": submitted["request-vm"][0]["plan_hash"] });
        site.post("/request-vm/quiet/approve", &approval).await?;
        let is_done = |request: &Value| request["state"] == "done";
        site.server.desk.try_until("/request-vm/quiet", PATIENCE, is_done).await.map_err(io::Error::other)?;
        site.fall_silent().await?;
        Ok(site)
    }

    /// Puts silent listeners in the machines' places.
    async fn fall_silent(&mut self) -> io::Result<()> {
        let vms = self.get("/db/vm").await?;
        for vm in vms["vm"].as_array().into_iter().flatten() {
            let ip: IpAddr = vm["ip"].as_str().and_then(|ip| ip.parse().ok()).ok_or_else(|| other("no address"))?;
            loopback("add", ip)?;
            self.addresses.push(ip);
            let listener = TcpListener::bind((ip, 22)).await?;
            self._silent.spawn(async move {
                let mut open = Vec::new();
                while let Ok((socket, _)) = listener.accept().await {
                    open.push(socket);
                    // Those that the other side has closed cost this program its file descriptors.
                    open.retain(|socket| !matches!(socket.try_read(&mut [0; 4096]), Ok(0)));
                }
            });
        }
        Ok(())
    }

    /// Removes the machines.
    pub(crate) async fn close(self) -> io::Result<()> {
        self.server.desk.try_delete_all().await.map_err(io::Error::other)
    }

    pub(crate) async fn create_account(&self, name: &str, role: &str) -> io::Result<()> {
        let user = json!({ "user": [{ "name": name, "password": PASSWORD, "role": role }] });
        self.post("/db/user", &user).await.map(drop)
    }

    pub(crate) async fn get(&self, path: &str) -> io::Result<Value> {
        self.server.desk.try_get(path).await.map_err(io::Error::other)
    }

    /// The figures of the server.
    pub(crate) async fn metrics(&self) -> io::Result<String> {
        let asked = self.client.get(format!("http://{}/metrics", self.server.address));
        good(asked.bearer_auth(&self.server.token)).await?.text().await.map_err(io::Error::other)
    }

    async fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        self.server.desk.try_post(path, body).await.map_err(io::Error::other)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for ip in &self.addresses {
            // The lab's network ends with the lab, and the address with it.
            let _ = loopback("del", *ip);
        }
    }
}

/// Returns the name of a machine that falls silent.
pub(crate) fn machine(number: usize) -> String {
    format!("quiet-{}-{}", std::process::id(), number % MACHINES)
}

fn loopback(change: &str, ip: IpAddr) -> io::Result<()> {
    let status = Command::new("ip").args(["addr", change, &format!("{ip}/32"), "dev", "lo"]).status()?;
    if status.success() { Ok(()) } else { Err(other(&format!("ip addr {change} {ip}/32 dev lo ended with {status}"))) }
}

pub(crate) async fn good(request: RequestBuilder) -> io::Result<Response> {
    let answer = request.send().await.map_err(io::Error::other)?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (status, url) = (answer.status(), answer.url().clone());
    Err(other(&format!("{url} answers {status}: {}", answer.text().await.unwrap_or_default())))
}

pub(crate) async fn json_of(request: RequestBuilder) -> io::Result<Value> {
    good(request).await?.json().await.map_err(io::Error::other)
}

fn other(reason: &str) -> io::Error {
    io::Error::other(reason.to_owned())
}
