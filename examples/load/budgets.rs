//! Measures the time of other accounts while some hold every place that they may have, in every budget at once.
//!
//! The desk is one of fakes, with a machine that accepts and stays silent. What a client can hold is held over HTTP: calls
//! to the machine, event streams, uploads that stall, runs that sleep. Places that no client can hold for long are taken
//! in the name of the accounts.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use vmm_core::model::{Role, UserName, VmFilter};
use vmm_core::{Actor, Budget, Holder, Place, SecretString, UserDraft};
use vmm_http::{Limits, Server};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

use crate::{Table, milliseconds, p99};

/// How long others are measured at a time.
const MEASURED: Duration = Duration::from_secs(10);
/// Accounts that hold all that they may while an admin is measured.
const CROWD: usize = 20;
/// How many times as long an answer may take as without them.
const AT_MOST: f64 = 1.5;
/// An operation whose time is measured.
const CALLS: [&str; 3] = ["GET /db/vm", "sign-in", "DELETE /access"];

/// How long each call took, in the order of [`CALLS`].
type Times = [Vec<Duration>; CALLS.len()];

pub(crate) async fn run(table: &mut Table) -> io::Result<()> {
    for (crowd, name, who) in [(1, "alice", "another account"), (CROWD, "root", "an admin")] {
        let site = Site::open().await?;
        let before = site.measure(name).await;
        let holding = site.hold(crowd).await;
        let beside = site.measure(name).await;
        drop(holding);
        // The computer may have something else to do now and then, so the quiet is measured on both sides.
        let after = site.measure(name).await;
        println!("{crowd} accounts hold all that they may; beside them {who}:");
        for (index, call) in CALLS.into_iter().enumerate() {
            let mut quiet = [&before[index][..], &after[index][..]].concat();
            quiet.sort_unstable();
            let mut beside = beside[index].clone();
            beside.sort_unstable();
            let (quiet, beside) = (p99(&quiet), p99(&beside));
            table.line(&format!("  p99 of {call}, idle"), milliseconds(quiet), "", true);
            table.line("    beside them", milliseconds(beside), "1.5 ×", beside <= quiet.mul_f64(AT_MOST));
        }
    }
    Ok(())
}

/// A desk of fakes that is served on loopback.
struct Site {
    desk: TestDesk,
    address: SocketAddr,
    client: Client,
    server: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The places that some accounts hold. Dropping it gives them back.
struct Holding {
    _calls: JoinSet<()>,
    _sockets: Vec<TcpStream>,
    _places: Vec<Place>,
}

impl Site {
    async fn open() -> io::Result<Self> {
        let desk = TestDesk::new().await;
        desk.provision("r1", "name,os\nquiet,debian\n").await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let routes = vmm_http::routes(desk.vmm.clone(), Limits::default());
        let server = tokio::spawn(Server::new(listener).run(routes, std::future::pending(), Duration::ZERO));
        let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.map_err(io::Error::other)?;
        let ip = vms.first().and_then(|vm| vm.ip).ok_or_else(|| io::Error::other("no machine"))?;
        let machine = SocketAddr::new(ip, 22);
        desk.remote.answer(machine, "job.sh", Answer::hangs());
        desk.remote.fall_silent(machine);
        Ok(Self { desk, address, client: Client::new(), server })
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn sign_in(&self, name: &str) -> RequestBuilder {
        self.client.post(self.at("/session")).json(&json!({ "name": name, "password": PASSWORD }))
    }

    async fn token(&self, name: &str) -> String {
        let answer: Value = good(self.sign_in(name)).await.json().await.expect("JSON");
        answer["token"].as_str().expect("a login").to_owned()
    }

    /// Signs in, lists and ends the access, again and again.
    async fn measure(&self, name: &str) -> Times {
        let (end, mut times) = (Instant::now() + MEASURED, Times::default());
        while Instant::now() < end {
            let (took, token) = timed(self.token(name)).await;
            times[1].push(took);
            for _ in 0..10 {
                let list = self.client.get(self.at("/db/vm")).bearer_auth(&token);
                times[0].push(timed(good(list)).await.0);
            }
            let revoke = self.client.delete(self.at("/access")).bearer_auth(&token);
            times[2].push(timed(good(revoke)).await.0);
        }
        times
    }

    /// Has so many accounts hold all that they may.
    async fn hold(&self, accounts: usize) -> Holding {
        let mut holding = Holding { _calls: JoinSet::new(), _sockets: Vec::new(), _places: Vec::new() };
        for number in 0..accounts {
            let name = sample::user_name(&format!("mallory-{accounts}-{number}"));
            let draft = UserDraft {
                name: name.clone(),
                password: SecretString::from(PASSWORD),
                chat_id: None,
                role: Role::User,
            };
            let user = self.desk.vmm.create_user(&Actor::System, draft).await.expect("a new account");
            self.hold_all(&name, Holder::from(&Actor::from(&user)), &mut holding).await;
        }
        holding
    }

    async fn hold_all(&self, name: &UserName, holder: Holder, holding: &mut Holding) {
        let token = self.token(name.as_str()).await;
        let script = format!("sleep-{name}");
        let new = json!({"script": [{"name": script, "file": "job.sh", "command": "sh", "content": "sleep 3600"}]});
        good(self.client.post(self.at("/vm/script")).bearer_auth(&token).json(&new)).await;
        let run = json!({"run": [{"script": script, "vm": ["quiet"], "user": "root", "password": "p"}]});
        for _ in 0..self.share(Budget::Runs) {
            let start = self.client.post(self.at("/vm/script/run")).bearer_auth(&token).json(&run);
            if !start.send().await.expect("an answer").status().is_success() {
                break;
            }
        }
        for _ in 0..self.share(Budget::MachineCalls) {
            let call = self.client.get(self.at("/vm/host-key?vm=quiet")).bearer_auth(&token);
            holding._calls.spawn(again_and_again(call));
        }
        for _ in 0..self.share(Budget::Streams) {
            let call = self.client.get(self.at("/vm/script/run/1/events")).bearer_auth(&token);
            holding._calls.spawn(async move {
                let Ok(mut stream) = call.send().await else { return };
                while let Ok(Some(_)) = stream.chunk().await {}
            });
        }
        for number in 0..self.share(Budget::Uploads) {
            let mut socket = TcpStream::connect(self.address).await.expect("a connection");
            let head = format!(
                "PUT /files/{number} HTTP/1.1\r\nHost: vmm\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000000\r\n\r\n"
            );
            socket.write_all(head.as_bytes()).await.expect("a server that listens");
            holding._sockets.push(socket);
        }
        let take = |budget| self.desk.vmm.take_place(budget, holder).ok();
        for budget in [Budget::Requests, Budget::PasswordChanges, Budget::Revocations, Budget::Sessions] {
            holding._places.extend(std::iter::from_fn(|| take(budget)));
        }
    }

    /// How much one account may have.
    fn share(&self, budget: Budget) -> u64 {
        vmm_core::BudgetLimits::default().get(budget).share
    }
}

/// Makes a call that takes long, and makes it again.
async fn again_and_again(call: RequestBuilder) {
    while let Some(next) = call.try_clone() {
        match next.send().await {
            Ok(answer) if answer.status().is_success() => {}
            _ => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn good(request: RequestBuilder) -> reqwest::Response {
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    answer
}

async fn timed<T>(call: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let value = call.await;
    (began.elapsed(), value)
}
