//! A desk with machines that fall silent.
//!
//! The machines are real ones of the lab. When they are up, their addresses are given to this computer's loopback
//! interface as well, where a listener on port 22 accepts connections and says nothing.

use std::io;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

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
        let server = Server::start(Some(lab), &QUOTAS).await?;
        let mut site = Self { server, client: Client::new(), addresses: Vec::new(), _silent: JoinSet::new() };
        let image = lab.find_image("tiny").ok_or_else(|| io::Error::other("the lab has no image tiny"))?;
        let os = json!({ "os": [{ "name": "tiny", "version": "1", "qcow2": image, "login": "vmm" }] });
        let imported = site.post("/db/os", &os).await?;
        let job = format!("/job/{}", imported["os"][0]["job"]);
        site.until(&job, |job| job["state"] == "done").await?;
        let rows: String = (0..MACHINES).map(|number| format!("{},tiny,128,1\n", machine(number))).collect();
        let request = json!({ "request-vm": [{ "id": "quiet", "spec": format!("name,os,memory,disk\n{rows}") }] });
        let submitted = site.post("/request-vm", &request).await?;
        let approval = json!({ "plan_hash": submitted["request-vm"][0]["plan_hash"] });
        site.post("/request-vm/quiet/approve", &approval).await?;
        site.until("/request-vm/quiet", |request| request["state"] == "done").await?;
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
        for number in 0..MACHINES {
            let path = format!("http://{}/db/vm?name={}", self.server.address, machine(number));
            good(self.client.delete(path).bearer_auth(&self.server.token)).await?;
        }
        self.until("/db/vm", |vms| vms["vm"].as_array().is_some_and(Vec::is_empty)).await.map(drop)
    }

    pub(crate) async fn create_account(&self, name: &str, role: &str) -> io::Result<()> {
        let user = json!({ "user": [{ "name": name, "password": PASSWORD, "role": role }] });
        self.post("/db/user", &user).await.map(drop)
    }

    pub(crate) async fn get(&self, path: &str) -> io::Result<Value> {
        json_of(self.client.get(format!("http://{}{path}", self.server.address)).bearer_auth(&self.server.token)).await
    }

    /// The figures of the server.
    pub(crate) async fn metrics(&self) -> io::Result<String> {
        let asked = self.client.get(format!("http://{}/metrics", self.server.address));
        good(asked.bearer_auth(&self.server.token)).await?.text().await.map_err(io::Error::other)
    }

    async fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        let asked = self.client.post(format!("http://{}{path}", self.server.address)).json(body);
        json_of(asked.bearer_auth(&self.server.token)).await
    }

    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> io::Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.get(path).await?;
            if wanted(&found) {
                return Ok(found);
            }
            if Instant::now() > end {
                return Err(other(&format!("timed out at {path}: {found}")));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
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
