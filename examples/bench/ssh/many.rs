//! One command on many hosts.

use std::time::Duration;

use serde_json::json;
use vmm_core::remote::Endpoint;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::ssh_guest::{Behaviour, SshGuest};
use vmm_testkit::sshd::{Sshd, loopback_addresses};

use super::hosts::Hosts;
use super::process::{Program, Took, installed};
use super::{Scale, bound, compare};

const COMMAND: &str = "uptime";
/// So many hosts are worked on at once, where each costs this machine a server too.
const AT_ONCE: usize = 64;
const LATENCY: Duration = Duration::from_millis(10);

/// A client, with what it took in each run.
struct Side {
    name: &'static str,
    program: fn(&Hosts, usize) -> Program,
    took: Vec<Took>,
}

impl Side {
    fn ours() -> Self {
        Self { name: "vmm", program: own, took: Vec::new() }
    }

    /// Those that are installed.
    fn peers() -> Vec<Self> {
        let peer = |name, package, program: fn(&Hosts, usize) -> Program| {
            installed(name, package).then(|| Self { name, program, took: Vec::new() })
        };
        [
            peer("parallel-ssh", "pssh", pssh),
            peer("clush", "clustershell", clush),
            peer("ansible", "ansible-core", ansible),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn wall(&self) -> Vec<Duration> {
        self.took.iter().map(|took| took.wall).collect()
    }

    fn cpu(&self) -> Vec<Duration> {
        self.took.iter().map(|took| took.cpu).collect()
    }
}

/// A real sshd, reached under many addresses.
pub(super) async fn loopback(scale: &Scale) {
    let sshd = Sshd::start_everywhere().await;
    let Endpoint { address, host_key } = sshd.endpoint();
    let endpoints = loopback_addresses(scale.hosts)
        .map(|ip| Endpoint { address: (ip, address.port()).into(), host_key: host_key.clone() });
    let hosts = Hosts::new(endpoints, sshd.key_login());
    let (mut ours, mut peers) = (Side::ours(), Side::peers());
    // What the servers take while ours is the client cannot be less for any client.
    let before = sshd.processor_time();
    take_turns(&hosts, 1, AT_ONCE, &mut ours, &mut []).await;
    let servers = sshd.processor_time() - before;
    take_turns(&hosts, scale.runs, AT_ONCE, &mut ours, &mut peers).await;
    let what = format!("{} hosts, sshd on loopback", scale.hosts);
    let processors = std::thread::available_parallelism().expect("Linux tells");
    println!("  the servers take {} of {processors} processors for it", crate::milliseconds(servers));
    let best = |key: fn(&Side) -> Vec<Duration>| peers.iter().min_by_key(move |peer| crate::median(&mut key(peer)));
    if let (Some(fastest), Some(leanest)) = (best(Side::wall), best(Side::cpu)) {
        for peer in &peers {
            let [wall, cpu] = [peer.wall(), peer.cpu()].map(|mut times| crate::milliseconds(crate::median(&mut times)));
            println!("  {} takes {wall}, and {cpu} of CPU", peer.name);
        }
        compare(&what, &mut ours.wall(), fastest.name, &mut fastest.wall(), 0.6);
        compare(&format!("{what}, the client's CPU"), &mut ours.cpu(), leanest.name, &mut leanest.cpu(), 0.15);
    }
    bound(&format!("{what}, the client's memory"), peak(&ours), 64 << 20);
}

/// Light hosts in this process, so that the client is what is measured.
pub(super) async fn light(scale: &Scale) {
    let answers = Behaviour::answering(|line| (line == COMMAND).then(|| Answer::stdout("up 3 days\n")));
    let guest = SshGuest::start_many(answers, scale.hosts, LATENCY).await;
    let hosts = Hosts::new(guest.endpoints(), guest.key_login());
    let (mut ours, mut peers) = (Side::ours(), Side::peers());
    peers.retain(|peer| peer.name == "parallel-ssh");
    take_turns(&hosts, scale.runs, scale.hosts, &mut ours, &mut peers).await;
    let what = format!("{} light hosts, {} ms away", scale.hosts, LATENCY.as_millis());
    match peers.first() {
        Some(peer) => compare(&what, &mut ours.wall(), peer.name, &mut peer.wall(), 0.25),
        None => crate::show(&what, &mut ours.wall(), None),
    }
}

async fn take_turns(hosts: &Hosts, runs: usize, at_once: usize, ours: &mut Side, peers: &mut [Side]) {
    for _ in 0..runs {
        for side in std::iter::once(&mut *ours).chain(peers.iter_mut()) {
            side.took.push((side.program)(hosts, at_once).run().await);
        }
    }
}

fn peak(ours: &Side) -> u64 {
    let bytes = |took: &Took| took.output.trim().parse::<u64>().expect("bytes");
    ours.took.iter().map(bytes).max().unwrap_or_default()
}

fn own(hosts: &Hosts, at_once: usize) -> Program {
    Program::client(&hosts.task(json!({ "what": "run", "command": COMMAND, "at_once": at_once })))
}

fn pssh(hosts: &Hosts, at_once: usize) -> Program {
    let options = hosts.options().into_iter().flat_map(|option| ["-O".to_owned(), option]);
    Program::new("parallel-ssh")
        .words(["-x", "-F none", "-t", "300", "-h"])
        .words([hosts.file("hosts").display().to_string()])
        .words(["-l".into(), hosts.login.user.clone(), "-p".into(), at_once.to_string()])
        .words(options)
        .words([COMMAND])
}

fn clush(hosts: &Hosts, at_once: usize) -> Program {
    Program::new("clush")
        .words(["-S".into(), "-f".into(), at_once.to_string(), "-l".into(), hosts.login.user.clone()])
        .words(["--hostfile".into(), hosts.file("hosts").display().to_string()])
        .words(["-o".to_owned(), hosts.words().join(" ")])
        .words([COMMAND])
}

fn ansible(hosts: &Hosts, at_once: usize) -> Program {
    let folder = hosts.folder().display().to_string();
    Program::new("ansible")
        .words(["all".into(), "-i".into(), hosts.file("hosts").display().to_string()])
        .words(["-f".into(), at_once.to_string(), "-u".into(), hosts.login.user.clone()])
        .words(["-e".to_owned(), format!("ansible_port={}", hosts.port())])
        .words(["-m", "raw", "-a", COMMAND])
        .with("ANSIBLE_CONFIG", hosts.file("ansible.cfg").display().to_string())
        .with("ANSIBLE_HOME", folder.clone())
        .with("ANSIBLE_LOCAL_TEMP", folder)
        // Without this it keeps connections for the next run.
        .with("ANSIBLE_SSH_ARGS", hosts.words().join(" "))
}
