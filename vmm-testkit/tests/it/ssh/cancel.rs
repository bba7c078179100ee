//! A caller who stops waiting leaves nothing running on the machine.

use std::time::{Duration, Instant};

use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Command, Exit, RemoteExec};
use vmm_testkit::sshd::Sshd;

const LIMIT: Duration = Duration::from_secs(5);
/// In the environment of every process of the command, and of no other.
const MARK: &str = "VMM_TEST_MARK=cancelled";
/// Children in a process group of their own, orphans, a pipeline, and one that ignores every signal that it can.
const FAMILY: &str = "set -m; sleep 600 & (sleep 600 & sleep 600 | sleep 600 &) ; nohup sh -c \"sleep 600; true\" & \
                      sh -c \"trap : HUP INT TERM PIPE; while :; do sleep 600; done\" & wait";
/// The least number of those processes.
const MEMBERS: i32 = 8;

/// Returns the number of marked processes that run, seen over a connection of its own.
async fn running(sshd: &Sshd) -> i32 {
    let count = format!(
        "n=0; for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/environ 2>/dev/null | grep -qxF {MARK} && n=$((n+1)); done; \
         exit $n"
    );
    let output = Libssh2Exec::default().run(&sshd.endpoint(), &sshd.key_login(), &Command::new(count)).await;
    let Ok(Exit::Code(count)) = output.map(|output| output.exit) else { panic!("the count does not run") };
    count
}

async fn until(sshd: &Sshd, what: &str, enough: impl Fn(i32) -> bool) {
    let began = Instant::now();
    loop {
        let count = running(sshd).await;
        if enough(count) {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{what}: {count} are");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_seconds_after_a_call_is_dropped_no_process_of_it_is_left() {
    let sshd = Sshd::start().await;
    let (remote, endpoint, login) = (Libssh2Exec::default(), sshd.endpoint(), sshd.key_login());
    let command = Command::new(format!("exec env {MARK} bash -c '{FAMILY}'"));
    let mut call = Box::pin(remote.run(&endpoint, &login, &command));
    tokio::select! {
        answer = &mut call => panic!("it does not end by itself: {answer:?}"),
        () = until(&sshd, "all should run", |count| count >= MEMBERS) => {}
    }
    drop(call);
    until(&sshd, "none should run", |count| count == 0).await;

    // The machine and the client are as good as before.
    let output = remote.run(&endpoint, &login, &Command::new("exit 7")).await.expect("a command after it");
    assert_eq!(output.exit, Exit::Code(7));
}
