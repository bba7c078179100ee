//! One command on one host.

use std::time::{Duration, Instant};

use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Command, Endpoint, Login, RemoteExec};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::ssh_guest::{Behaviour, SshGuest};
use vmm_testkit::sshd::Sshd;

use super::hosts::Hosts;
use super::other::Other;
use super::process::installed;
use super::{Scale, compare};

/// Of a packet to the host that is away, and of one back.
const LATENCY: Duration = Duration::from_millis(10);

pub(super) async fn run(scale: &Scale) {
    if !installed("ssh", "openssh-client") {
        return;
    }
    let sshd = Sshd::start_everywhere().await;
    let endpoint = sshd.endpoint();
    let hosts = Hosts::new([endpoint.clone()], sshd.key_login());
    let master = Master::start(&hosts).await;
    // A server that starts no process shows what is left for the client and the way.
    let light = SshGuest::start(Behaviour::answering(|_| Some(Answer::code(0)))).await;
    let (kept, command) = (Libssh2Exec::default(), Command::new("true"));
    let ours = async |remote: &Libssh2Exec, endpoint: &Endpoint, login: &Login| {
        let began = Instant::now();
        remote.run(endpoint, login, &command).await.expect("the command runs");
        began.elapsed()
    };
    let other = Other::connect(&endpoint, &hosts.login, false).await;
    let mut all: [Vec<Duration>; 8] = Default::default();
    // The first round makes the sessions that are kept, and is not counted.
    for run in 0..=scale.short_runs {
        let times = [
            ours(&kept, &endpoint, &hosts.login).await,
            time("sh", ["-c", "true"]).await,
            time("ssh", master.words(&[&hosts.target(), "true"])).await,
            ours(&Libssh2Exec::default(), &endpoint, &hosts.login).await,
            time("ssh", [hosts.words(), vec![hosts.target(), "true".into()]].concat()).await,
            ours(&kept, &light.endpoint(), &light.key_login()).await,
            time("bash", ["-c", "true"]).await,
            {
                let began = Instant::now();
                other.run("true").await;
                began.elapsed()
            },
        ];
        if run > 0 {
            for (all, time) in all.iter_mut().zip(times) {
                all.push(time);
            }
        }
    }
    let [mut warm, mut shell, mut multiplexed, mut cold, mut ssh, mut client, mut login_shell, mut russh] = all;
    master.stop().await;
    compare("one command, warm", &mut warm, "fork and exec of `sh -c` on this machine", &mut shell, 1.3);
    compare("one command, warm", &mut warm, "`ssh` through a ControlMaster", &mut multiplexed, 0.35);
    println!(
        "  of which our side and the way take {:.1} ms, and the login shell {:.1} ms; the rest is the server's",
        milliseconds(&mut client),
        milliseconds(&mut login_shell)
    );
    println!("  another client, russh, takes {:.1} ms for the same", milliseconds(&mut russh));
    compare("one command, cold, with a key", &mut cold, "`ssh` with curve25519", &mut ssh, 0.4);
    far(scale).await;
}

/// Measures over a slow link, where the number of round trips counts.
async fn far(scale: &Scale) {
    let guest = SshGuest::start_many(Behaviour::answering(|_| Some(Answer::code(0))), 1, LATENCY).await;
    let (endpoint, hosts) = (guest.endpoint(), Hosts::new(guest.endpoints(), guest.key_login()));
    let master = Master::start(&hosts).await;
    let (kept, command) = (Libssh2Exec::default(), Command::new("true"));
    let [mut warm, mut multiplexed]: [Vec<Duration>; 2] = Default::default();
    for run in 0..=scale.short_runs {
        let began = Instant::now();
        kept.run(&endpoint, &hosts.login, &command).await.expect("the command runs");
        let own = began.elapsed();
        let other = time("ssh", master.words(&[&hosts.target(), "true"])).await;
        if run > 0 {
            warm.push(own);
            multiplexed.push(other);
        }
    }
    master.stop().await;
    let what = format!("one command, warm, {} ms away", LATENCY.as_millis());
    compare(&what, &mut warm, "`ssh` through a ControlMaster", &mut multiplexed, 0.6);
}

fn milliseconds(times: &mut [Duration]) -> f64 {
    crate::median(times).as_secs_f64() * 1000.0
}

/// Returns the time that a program takes from its start to the end of its output.
async fn time<S: AsRef<std::ffi::OsStr>>(program: &str, words: impl IntoIterator<Item = S>) -> Duration {
    let began = Instant::now();
    let output = tokio::process::Command::new(program).args(words).output().await.expect("it is installed");
    let took = began.elapsed();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

/// A connection of `ssh` that other calls of it share.
struct Master(Vec<String>);

impl Master {
    async fn start(hosts: &Hosts) -> Self {
        let socket = format!("ControlPath={}", hosts.file("master").display());
        let master = Self([hosts.words(), vec!["-o".into(), socket]].concat());
        // Its standard streams must not be those of a call that waits for their end.
        let status = tokio::process::Command::new("ssh")
            .args(master.words(&["-M", "-N", "-f", &hosts.target()]))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .await;
        assert!(status.expect("`ssh` is installed").success(), "no master");
        master
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        self.0.iter().cloned().chain(more.iter().map(|word| (*word).to_owned())).collect()
    }

    async fn stop(&self) {
        time("ssh", self.words(&["-O", "exit", "nobody"])).await;
    }
}
