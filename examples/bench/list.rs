//! Requests per second of a page of machines out of ten thousand, over HTTP with a login.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::Server;
use poem::listener::TcpAcceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vmm_core::host::{DomainSpec, Hypervisor};
use vmm_core::model::{JobState, Os, OsFilter, RequestId, Vm, VmFilter};
use vmm_core::repository::Repository;
use vmm_core::{ExposeSecret, SecretString};
use vmm_http::Limits;
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

const MACHINES: usize = 10_000;
const CONNECTIONS: usize = 32;
const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(4);

pub(crate) async fn run() {
    let mut desk = TestDesk::new().await;
    desk.stop_worker().await;
    make_machines(&desk, MACHINES).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    let acceptor = TcpAcceptor::from_tokio(listener).expect("a listener");
    let routes = vmm_http::routes(desk.vmm.clone(), Limits::default());
    let server = tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    let login = desk.vmm.login("alice", SecretString::from(PASSWORD), None, None).await.expect("a login");
    let header = format!("Host: vmm\r\nAuthorization: Bearer {}\r\n", login.token.expose_secret());
    for (what, query) in [
        ("page of 100 of 10,000 machines over HTTP", "limit=100"),
        ("page of 100 of them, from the middle, by status", "limit=100&status=off&name_prefix=web-5"),
    ] {
        let request = format!("GET /db/vm?{query} HTTP/1.1\r\n{header}\r\n");
        let (mut rates, mut times) = (Vec::new(), Vec::new());
        // The first round warms caches and is not counted.
        for run in 0..=RUNS {
            let (rate, mut took) = load(address, &request).await;
            if run > 0 {
                rates.push(rate);
                times.append(&mut took);
            }
        }
        rates.sort_by(f64::total_cmp);
        times.sort_unstable();
        let (middle, p99) = (rates[rates.len() / 2], times[times.len() * 99 / 100]);
        println!("{what:<52} {RUNS:>4} {:>10.0}/s {:>12} p99", middle, super::milliseconds(p99));
    }
    super::show_memory();
    server.abort();
}

/// Machines on the fake host, a thousand in each request.
pub(crate) async fn make_machines(desk: &TestDesk, machines: usize) {
    let repository = &desk.repository;
    let os = repository.oses().list(&OsFilter::default()).await.expect("the catalog").remove(0);
    let (user, admin) = (desk.user.user_id().expect("an account"), desk.admin.user_id().expect("an account"));
    for batch in 0..machines / 1000 {
        let names: Vec<_> = (0..1000).map(|index| format!("web-{}", batch * 1000 + index)).collect();
        let id = request(desk, &os, &format!("bench-{batch}"), &names, user).await;
        let hash = repository.requests().by_id(&id).await.expect("an answer").expect("the request").plan_hash;
        let approve =
            repository.requests().approve(&id, hash, admin, sample::start(), sample::audit("request.approve"));
        approve.await.expect("an approval");
        let filter = VmFilter { request: Some(id.clone()), ..VmFilter::default() };
        let vms = repository.vms().list(&filter).await.expect("machines");
        repository.requests().start(&id, sample::making()).await.expect("a start");
        for job in repository.jobs().open().await.expect("jobs") {
            repository.jobs().finish(job.id, JobState::Done, None).await.expect("an end");
        }
        for vm in vms {
            desk.hypervisor.definitions().define(&domain(desk, vm)).await.expect("a domain");
        }
    }
}

async fn request(desk: &TestDesk, os: &Os, id: &str, names: &[String], user: vmm_core::model::UserId) -> RequestId {
    let mut plan = sample::plan(os, &names.iter().map(String::as_str).collect::<Vec<_>>());
    for vm in &mut plan.vms {
        vm.description = format!("seat of {}", vm.name);
        vm.group_name = Some("class".parse().expect("a group"));
    }
    let new = sample::request(id, user, plan);
    let id = new.id.clone();
    desk.repository
        .requests()
        .submit(new, sample::no_limits(), sample::audit("request.submit"))
        .await
        .expect("a request");
    id
}

fn domain(desk: &TestDesk, vm: Vm) -> DomainSpec {
    DomainSpec {
        desk: desk.repository.desk(),
        uuid: vm.uuid,
        name: vm.name,
        description: vm.description,
        vcpu: vm.vcpu,
        memory: vm.memory,
        disks: Vec::new(),
        seed: None,
        mac: vm.mac,
    }
}

/// Requests per second over all connections, and how long each took.
async fn load(address: SocketAddr, request: &str) -> (f64, Vec<Duration>) {
    let request: Arc<str> = request.into();
    let began = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(client(address, Arc::clone(&request)))).collect();
    let mut times = Vec::new();
    for client in clients {
        times.append(&mut client.await.expect("a client ends well"));
    }
    (times.len() as f64 / began.elapsed().as_secs_f64(), times)
}

async fn client(address: SocketAddr, request: Arc<str>) -> Vec<Duration> {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let (end, mut times, mut answer) = (Instant::now() + RUN, Vec::new(), vec![0; 1 << 20]);
    while Instant::now() < end {
        let began = Instant::now();
        socket.write_all(request.as_bytes()).await.expect("a server that listens");
        let (mut got, mut length) = (0, None);
        while length.is_none_or(|length| got < length) {
            got += socket.read(&mut answer[got..]).await.expect("a server that answers");
            if length.is_none() {
                length = whole_length(&answer[..got]);
            }
        }
        times.push(began.elapsed());
    }
    times
}

/// The length of head and body, once the head is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    Some(head.len() + 4 + length.unwrap_or(0_usize))
}
