//! Accounts that hold every place that they may have.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vmm_core::{Budget, BudgetLimits};

use crate::server::PASSWORD;
use crate::site::{good, json_of, machine};

/// The pause of a client that was refused a place.
const PAUSE: Duration = Duration::from_secs(1);
/// The bytes that an account stores in files, and in each script.
const STORED: usize = 60 << 20;
const SCRIPT: usize = 40_000;
/// The size of the bodies that are sent slowly, in bytes.
const BODY: usize = 1 << 20;

/// An account that is signed in, at an address of its own.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    server: SocketAddr,
    from: String,
    token: String,
    client: Client,
}

impl Account {
    pub(crate) async fn sign_in(server: SocketAddr, name: &str, number: usize) -> io::Result<Self> {
        let client = Client::builder().timeout(Duration::from_secs(120)).build().map_err(io::Error::other)?;
        let from = format!("10.1.0.{number}");
        let mut account = Self { name: name.to_owned(), server, from, token: String::new(), client };
        let signed_in = json_of(account.sign_in_again()).await?;
        signed_in["token"].as_str().unwrap_or_default().clone_into(&mut account.token);
        Ok(account)
    }

    fn sign_in_again(&self) -> RequestBuilder {
        let body = json!({ "name": self.name, "password": PASSWORD });
        self.client.post(self.at("/session")).header("X-Forwarded-For", &self.from).json(&body)
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.server)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.at(path)).bearer_auth(&self.token)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(self.at(path)).bearer_auth(&self.token).json(body)
    }

    /// The account's budgets that are counted in the records: name, limit and what is taken.
    pub(crate) async fn stored(&self) -> io::Result<Vec<(String, u64, u64)>> {
        let limits = json_of(self.get("/limits")).await?;
        let of = |row: &Value| {
            let name = row["budget"].as_str()?.to_owned();
            Budget::of_word(&name).filter(|budget| budget.is_stored())?;
            Some((name, row["limit"].as_u64()?, row["taken"].as_u64()?))
        };
        Ok(limits["limit"].as_array().into_iter().flatten().filter_map(of).collect())
    }

    /// Stores files, scripts and open requests as many as the account may.
    pub(crate) async fn fill(&self) -> io::Result<()> {
        let file = |number, bytes| self.client.put(self.at(&format!("/files/f{number}"))).body(vec![b'x'; bytes]);
        for number in 0..share(Budget::Files) - share(Budget::Uploads) {
            let bytes = if number == 0 { STORED } else { 100 };
            good(file(number, bytes).header("Content-Type", "application/octet-stream").bearer_auth(&self.token))
                .await?;
        }
        let scripts: Vec<_> = (0..share(Budget::Scripts)).collect();
        for some in scripts.chunks(25) {
            let script = |number: &u64| {
                let name = format!("{}-{number}", self.name);
                let content = format!("#{name}{}", "#".repeat(SCRIPT));
                json!({ "name": name, "file": "job.sh", "command": "sh", "content": content })
            };
            let new: Vec<_> = some.iter().map(script).collect();
            good(self.post("/vm/script", &json!({ "script": new }))).await?;
        }
        let request = |number| {
            let name = format!("{}-{number}", self.name);
            json!({ "id": name, "spec": format!("name,os,memory,disk\n{name},tiny,128,1\n") })
        };
        let requests: Vec<_> = (0..share(Budget::OpenRequests)).map(request).collect();
        good(self.post("/request-vm", &json!({ "request-vm": requests }))).await.map(drop)
    }

    /// Takes every place that the account may have, and takes each again when it is lost.
    pub(crate) fn hold(&self, clients: &mut JoinSet<()>) {
        let times = |budget| 0..usize::try_from(share(budget)).unwrap_or_default();
        for number in times(Budget::Requests) {
            clients.spawn(again_and_again(self.get(&format!("/vm/definition?vm={}", machine(number)))));
        }
        let command = json!({ "ssh": [{ "command": "true", "user": "root", "password": "p", "timeout": 60 }] });
        for number in times(Budget::MachineCalls) {
            clients.spawn(again_and_again(self.post(&format!("/vm/ssh?vm={}", machine(number)), &command)));
        }
        let run = Arc::new(AtomicI64::new(0));
        for number in times(Budget::Runs) {
            clients.spawn(self.clone().keep_running(number, Arc::clone(&run)));
        }
        for _ in times(Budget::Streams) {
            clients.spawn(self.clone().keep_watching(Arc::clone(&run)));
        }
        for number in times(Budget::Uploads) {
            let head = format!("PUT /files/u{number} HTTP/1.1\r\nContent-Type: application/octet-stream\r\n");
            clients.spawn(self.clone().send_slowly(head, 1, 100_000));
        }
        for _ in 0..share(Budget::Bodies) / BODY as u64 {
            let head = "POST /request-vm/preview HTTP/1.1\r\nContent-Type: application/json\r\n".to_owned();
            clients.spawn(self.clone().send_slowly(head, BODY - 1000, BODY));
        }
    }

    /// Starts a run, waits until it has ended, and starts the next one.
    async fn keep_running(self, number: usize, newest: Arc<AtomicI64>) {
        let script = format!("{}-{}", self.name, number % 10);
        let run = json!({ "run": [{ "script": script, "vm": [machine(number)], "user": "root", "password": "p" }] });
        loop {
            let Ok(started) = json_of(self.post("/vm/script/run", &run)).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let id = started["run"][0]["id"].as_i64().unwrap_or_default();
            newest.store(id, Ordering::Relaxed);
            let goes_on = |run: Value| run["ended"].as_u64() < run["machines"].as_u64();
            while json_of(self.get(&format!("/vm/script/run/{id}"))).await.map_or(true, goes_on) {
                tokio::time::sleep(PAUSE * 10).await;
            }
        }
    }

    async fn keep_watching(self, run: Arc<AtomicI64>) {
        loop {
            let watched = self.get(&format!("/vm/script/run/{}/events", run.load(Ordering::Relaxed))).send().await;
            if let Ok(mut stream) = watched
                && stream.status().is_success()
            {
                while let Ok(Some(_)) = stream.chunk().await {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a body of which some bytes come at once and then a byte a second, again and again.
    async fn send_slowly(self, head: String, at_once: usize, length: usize) {
        loop {
            // Whatever ends a connection, another one follows.
            let _ = self.send_once(&head, at_once, length).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn send_once(&self, head: &str, at_once: usize, length: usize) -> io::Result<()> {
        let mut socket = TcpStream::connect(self.server).await?;
        let token = &self.token;
        let rest = format!("Host: vmm\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(rest.as_bytes()).await?;
        socket.write_all(&vec![b' '; at_once]).await?;
        for _ in at_once..length {
            tokio::time::sleep(PAUSE).await;
            socket.write_all(b" ").await?;
        }
        Ok(())
    }
}

/// Returns the share of one account in a budget.
pub(crate) fn share(budget: Budget) -> u64 {
    BudgetLimits::default().get(budget).share
}

/// Makes a call that takes long, and makes it again.
async fn again_and_again(call: RequestBuilder) {
    while let Some(next) = call.try_clone() {
        let refused = next.send().await.map_or(true, |answer| matches!(answer.status().as_u16(), 429 | 503));
        if refused {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
