//! Sessions that are kept for the next call: whose they are, and how long they last.

use std::process::Stdio;
use std::time::{Duration, Instant};

use vmm_core::Error;
use vmm_core::remote::libssh2::{Libssh2Config, Libssh2Exec};
use vmm_core::remote::{Command, Credential, Download, Exit, Login, Place, Progress, RemoteExec, Upload};
use vmm_testkit::sshd::Sshd;

use super::password_login;

const PATIENCE: Duration = Duration::from_secs(10);

async fn run(remote: &Libssh2Exec, sshd: &Sshd, login: &Login, line: &str) -> vmm_core::Result<String> {
    let output = remote.run(&sshd.endpoint(), login, &Command::new(line).within(PATIENCE)).await?;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr.text());
    Ok(output.stdout.text().trim_end().to_owned())
}

/// The process of the server that this session is with.
async fn server_process(remote: &Libssh2Exec, sshd: &Sshd) -> String {
    run(remote, sshd, &sshd.key_login(), "echo $PPID").await.expect("it runs")
}

/// A file there and back.
async fn files(remote: &Libssh2Exec, sshd: &Sshd, login: &Login) -> vmm_core::Result<()> {
    let place = Place::new(sshd.shared_directory().display().to_string(), "file")?;
    let upload = Upload { place: place.clone(), mode: None, deadline: PATIENCE, progress: Progress::default() };
    let sent = remote.send(&sshd.endpoint(), login, &upload, Box::new(std::io::Cursor::new(vec![7; 100_000]))).await?;
    let download = Download { place, deadline: PATIENCE, progress: Progress::default() };
    let received = remote.receive(&sshd.endpoint(), login, &download, Box::new(tokio::io::sink())).await?;
    assert_eq!(sent, received);
    Ok(())
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}

fn client(change: impl FnOnce(&mut Libssh2Config)) -> Libssh2Exec {
    let mut config = Libssh2Config::default();
    change(&mut config);
    Libssh2Exec::new(&config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_one_after_the_other_share_a_login() {
    let (sshd, remote) = (Sshd::start().await, Libssh2Exec::default());
    for number in 0..20 {
        let line = format!("echo {number}; exit 0");
        assert_eq!(run(&remote, &sshd, &sshd.key_login(), &line).await.expect("it runs"), number.to_string());
    }
    assert_eq!(sshd.connections().await, 1);
    drop(remote);
    until("the session ends with its client", || sshd.log().contains("Disconnected from")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_for_the_same_proof_alone() {
    let (sshd, remote) = (Sshd::start().await, Libssh2Exec::default());
    run(&remote, &sshd, &sshd.password_login(), "true").await.expect("it runs");
    let refused = run(&remote, &sshd, &password_login("wrong"), "true").await;
    assert!(matches!(refused, Err(Error::LoginRefused { .. })), "{refused:?}");
    let stranger = Login { user: "root".into(), ..sshd.password_login() };
    let refused = run(&remote, &sshd, &stranger, "true").await;
    assert!(matches!(refused, Err(Error::LoginRefused { .. })), "{refused:?}");
    run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
    assert_eq!(sshd.connections().await, 4);
    run(&remote, &sshd, &sshd.password_login(), "true").await.expect("it runs");
    assert_eq!(sshd.connections().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_command_was_killed_is_not_used_again() {
    let (sshd, remote) = (Sshd::start().await, Libssh2Exec::default());
    let before = server_process(&remote, &sshd).await;
    let endless = Command::new("sleep 600").within(Duration::from_millis(300));
    let error = remote.run(&sshd.endpoint(), &sshd.key_login(), &endless).await.expect_err("it does not end");
    assert!(matches!(error, Error::Unfinished(_)), "{error}");
    assert_ne!(server_process(&remote, &sshd).await, before);
}

/// Returns whether a client here has a connection that the server has not ended, as proc_pid_net(5) tells it.
fn has_connections(sshd: &Sshd) -> bool {
    const ESTABLISHED: &str = "01";
    let port = format!(":{:04X}", sshd.endpoint().address.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux tells");
    let mut connections = table.lines().map(|line| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>());
    connections.any(|words| matches!(words[..], [server, state] if server.ends_with(&port) && state == ESTABLISHED))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_died_is_replaced_unnoticed() {
    let (sshd, remote) = (Sshd::start().await, Libssh2Exec::default());
    let before = server_process(&remote, &sshd).await;
    assert!(has_connections(&sshd));
    let kill = format!("kill -KILL {before}");
    run(&Libssh2Exec::default(), &sshd, &sshd.key_login(), &kill).await.expect("it runs");
    until("the connection's end can be seen", || !has_connections(&sshd)).await;
    assert_ne!(server_process(&remote, &sshd).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_no_longer_answers_is_replaced_unnoticed() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.trusted = Duration::ZERO));
    let before = server_process(&remote, &sshd).await;
    let stopped = run(&Libssh2Exec::default(), &sshd, &sshd.key_login(), &format!("kill -STOP {before}")).await;
    stopped.expect("it runs");
    assert_ne!(server_process(&remote, &sshd).await, before);
    run(&Libssh2Exec::default(), &sshd, &sshd.key_login(), &format!("kill -CONT {before}")).await.expect("it runs");
}

fn channels(sshd: &Sshd) -> usize {
    sshd.log().matches("server_input_channel_open: ctype session").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_commands_channel_is_there_before_the_command() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.trusted = Duration::from_secs(3600)));
    for number in 1..=3 {
        run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
        until("the next channel is open", || channels(&sshd) == number + 1).await;
    }
    // Files take it too.
    files(&remote, &sshd, &sshd.key_login()).await.expect("they are carried");
    assert_eq!(sshd.connections().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_not_trusted_is_asked_and_keeps_what_it_was_given() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.trusted = Duration::ZERO));
    for number in 1..=3 {
        run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
        until("the next channel is open", || channels(&sshd) == number + 1).await;
    }
    assert_eq!(sshd.connections().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gives_one_channel_at_a_time_is_asked_for_no_more() {
    for trusted in [Duration::ZERO, Duration::from_secs(3600)] {
        let (sshd, remote) = (Sshd::start_set("MaxSessions 1").await, client(|config| config.trusted = trusted));
        let login = sshd.key_login();
        for _ in 0..3 {
            run(&remote, &sshd, &login, "true").await.expect("it runs");
        }
        assert_eq!(sshd.connections().await, 1);
        files(&remote, &sshd, &login).await.expect("they are carried");
        run(&remote, &sshd, &login, "true").await.expect("it runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_nobody_uses_ends_after_its_time() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.idle = Duration::from_millis(50)));
    run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
    until("the session has ended", || sshd.log().contains("Disconnected from")).await;
    run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
    assert_eq!(sshd.connections().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_proven_anew_after_its_longest_time() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.longest = Duration::ZERO));
    for _ in 0..3 {
        run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
    }
    assert_eq!(sshd.connections().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_open_no_more_sessions_than_a_machine_may_have() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.sessions_of_a_machine = 4));
    let calls: Vec<_> = (0..30)
        .map(|number| {
            let (remote, endpoint, login) = (remote.clone(), sshd.endpoint(), sshd.key_login());
            let command = Command::new(format!("echo {number}")).within(PATIENCE);
            tokio::spawn(async move { remote.run(&endpoint, &login, &command).await.expect("it runs").stdout.text() })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("no panic"), format!("{number}\n"));
    }
    let connections = sshd.connections().await;
    assert!((1..=4).contains(&connections), "{connections}");
}

#[tokio::test]
async fn who_waited_first_is_served_first_and_who_has_gone_holds_nobody_up() {
    let (sshd, remote) = (Sshd::start().await, client(|config| config.sessions = 1));
    let file = sshd.shared_directory().join("order").display().to_string();
    let call = |name: &str| {
        let (remote, endpoint, login) = (remote.clone(), sshd.endpoint(), sshd.key_login());
        let command = Command::new(format!("sleep 0.2; echo {name} >>{file}")).within(PATIENCE);
        async move { remote.run(&endpoint, &login, &command).await.map(drop) }
    };
    let gone = tokio::time::timeout(Duration::from_millis(100), call("gone"));
    // They are polled in this order for the first time.
    let (first, gone, second, third) = tokio::join!(biased; call("first"), gone, call("second"), call("third"));
    assert!(gone.is_err() && first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(
        run(&remote, &sshd, &sshd.key_login(), &format!("cat {file}")).await.expect("it runs"),
        "first\nsecond\nthird"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_session_makes_room_for_another_machine() {
    let (first, second) = (Sshd::start().await, Sshd::start().await);
    let remote = client(|config| config.sessions = 1);
    for sshd in [&first, &second, &first, &first] {
        run(&remote, sshd, &sshd.key_login(), "true").await.expect("it runs");
    }
    assert_eq!((first.connections().await, second.connections().await), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_left_something_running_does_not_lose_it_to_a_later_kill() {
    let (sshd, remote) = (Sshd::start().await, Libssh2Exec::default());
    let daemon = "sleep 600 </dev/null >/dev/null 2>&1 & echo $!";
    let process = run(&remote, &sshd, &sshd.key_login(), daemon).await.expect("it runs");
    let endless = Command::new("sleep 600").within(Duration::from_millis(300));
    remote.run(&sshd.endpoint(), &sshd.key_login(), &endless).await.expect_err("it does not end");
    run(&remote, &sshd, &sshd.key_login(), &format!("kill {process}")).await.expect("it still runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_proves_it_and_one_that_is_not_there_is_named() {
    let sshd = Sshd::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("agent");
    let login = Login { user: Sshd::USER.into(), credential: Credential::Agent(socket.clone()) };
    let error = run(&Libssh2Exec::default(), &sshd, &login, "true").await.expect_err("no agent");
    assert!(error.to_string().contains("SSH agent"), "{error}");

    let mut agent = tokio::process::Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("`ssh-agent` is installed");
    until("the agent listens", || socket.exists()).await;
    let refused = run(&Libssh2Exec::default(), &sshd, &login, "true").await;
    assert!(matches!(refused, Err(Error::LoginRefused { .. })), "{refused:?}");
    for stranger in [Sshd::start().await.key_file(), sshd.key_file()] {
        let mut add = tokio::process::Command::new("ssh-add");
        let add = add.arg("-q").arg(stranger).env("SSH_AUTH_SOCK", &socket).status();
        assert!(add.await.expect("`ssh-add` is installed").success());
    }
    run(&Libssh2Exec::default(), &sshd, &login, "true").await.expect("the agent's second key is the right one");
    agent.kill().await.expect("it is ours");
}

/// Prints how long a command takes on a kept session, in turns with a shell started here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p vmm-testkit --test it -- --ignored --nocapture a_warm_command"]
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
async fn a_warm_command_beside_a_local_shell() {
    let (sshd, remote) = (Sshd::start().await, Libssh2Exec::default());
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..201 {
        let began = Instant::now();
        run(&remote, &sshd, &sshd.key_login(), "true").await.expect("it runs");
        times[0].push(began.elapsed());
        let began = Instant::now();
        let mut shell = tokio::process::Command::new("sh");
        assert!(shell.args(["-c", "true"]).status().await.expect("a shell").success());
        times[1].push(began.elapsed());
    }
    for (name, times) in ["kept session", "sh -c"].iter().zip(&mut times) {
        times.sort();
        println!("{name}: median {:?}, p90 {:?}", times[times.len() / 2], times[times.len() * 9 / 10]);
    }
}
