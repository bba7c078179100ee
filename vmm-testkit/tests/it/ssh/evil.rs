//! Every call on an evil server ends in time, with an error that says what was wrong, in little memory.

use std::io::{BufRead, Cursor};
use std::process::{Stdio, id};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use vmm_core::remote::libssh2::{Libssh2Config, Libssh2Exec};
use vmm_core::remote::{self, Credential, Download, Endpoint, Login, Place, Progress, RemoteExec, Upload};
use vmm_core::{Error, ExposeSecret, Part, Result, SecretString};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::ssh_guest::{Behaviour, Evil, SshGuest};
use vmm_testkit::load;

/// Long enough to come through a key exchange on a busy machine.
const LIMIT: Duration = Duration::from_secs(2);
/// The time that a call may take over its deadline.
const GRACE: Duration = Duration::from_secs(1);
/// The memory that the calls may take, in bytes.
const MEMORY: u64 = 64 << 20;
/// As many sessions as there may be at once.
const CALLS: usize = 3;
/// More than passes before a connection breaks.
const FILE: usize = 1 << 20;
const ENDED: &str = "the calls have ended";

/// The end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    TimedOut,
    Unavailable,
    /// For good.
    Refused,
    HostKeyChanged,
    /// It may have run, and its end is not known.
    Unknown,
}

impl End {
    fn of<T>(answer: &Result<T>) -> Self {
        match answer {
            Ok(_) => Self::Done,
            Err(Error::Timeout { after: LIMIT, .. }) => Self::TimedOut,
            Err(Error::Unfinished(unfinished)) if unfinished.after == Some(LIMIT) => Self::TimedOut,
            Err(Error::Unfinished(unfinished)) if unfinished.after.is_none() => Self::Unknown,
            Err(Error::Unavailable { part: Part::Machine | Part::Connection, .. }) => Self::Unavailable,
            Err(Error::Conflict { .. }) => Self::Refused,
            Err(Error::HostKeyChanged { .. }) => Self::HostKeyChanged,
            Err(error) => panic!("not an error that a machine can cause: {error}"),
        }
    }

    /// Those that a command may have.
    fn of_a_command(evil: Evil) -> &'static [Self] {
        match evil {
            Evil::Silent | Evil::SlowBanner | Evil::StalledKeyExchange => &[Self::TimedOut],
            Evil::EndlessStdout | Evil::StderrFlood | Evil::Drip | Evil::SilentInTransfer => &[Self::TimedOut],
            Evil::NoExitStatus | Evil::HalfClose | Evil::DisconnectInTransfer => &[Self::Unknown],
            Evil::ChangedHostKey => &[Self::HostKeyChanged],
            _ => &[Self::Unavailable],
        }
    }

    /// Those that a transfer may have, which takes what commands write for an answer of the server of files. Where
    /// nothing answers as SFTP or as a shell, the account has neither.
    fn of_a_transfer(evil: Evil) -> &'static [Self] {
        match evil {
            Evil::EndlessStdout | Evil::StderrFlood | Evil::Drip => &[Self::TimedOut, Self::Unavailable, Self::Refused],
            Evil::NoExitStatus => &[Self::Refused],
            Evil::HalfClose => &[Self::Unavailable],
            // It is tried again for as long as it brings something.
            Evil::DisconnectInTransfer => &[Self::TimedOut, Self::Unavailable],
            _ => Self::of_a_command(evil),
        }
    }
}

/// The calls are made in a process of their own, so that what they take of memory is theirs.
async fn meet(evil: Evil) {
    let guest = SshGuest::start(Behaviour::Evil(evil)).await;
    let busy = SshGuest::start(Behaviour::answering(|_| Some(Answer::hangs()))).await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(folder.path().join("file"), vec![7; FILE]).expect("a file of our own");
    let mut client = Command::new(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", "ssh::evil::the_process_that_calls", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("this test's binary starts");
    let mut stdin = client.stdin.take().expect("a pipe");
    let told = format!("{evil:?}\n{}\n{}{}", folder.path().display(), told(&guest), told(&busy));
    stdin.write_all(told.as_bytes()).await.expect("it reads");
    let mut said = String::new();
    let mut stdout = BufReader::new(client.stdout.take().expect("a pipe"));
    while !said.contains(ENDED) && stdout.read_line(&mut said).await.expect("text") > 0 {}

    // While the client lives.
    let closed = said.contains(ENDED).then(|| guest.until(Duration::from_secs(10), |seen| seen.open == 0));
    let seen = if let Some(closed) = closed { closed.await } else { guest.seen() };
    drop(stdin);
    stdout.read_to_string(&mut said).await.expect("text");
    let output = client.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    assert!(seen.connections > 0, "{seen:?}");
    assert!(seen.login_attempts <= seen.connections, "a login was tried again: {seen:?}");
    if evil == Evil::ChangedHostKey {
        assert_eq!((seen.login_questions, seen.login_attempts, seen.password_bytes), (0, 0, 0));
    }
}

/// A guest and its login, in lines on standard input, and not in arguments that others see.
fn told(guest: &SshGuest) -> String {
    let Endpoint { address, host_key } = guest.endpoint();
    let Credential::Password(password) = guest.password_login().credential else { panic!("a password") };
    format!("{address}\n{host_key}\n{}\n", password.expose_secret())
}

/// Reads the endpoint and the login from the lines that were given.
fn heard(mut line: impl FnMut() -> String) -> (Endpoint, Login) {
    let endpoint = Endpoint { address: line().parse().expect("an address"), host_key: line().parse().expect("a key") };
    let credential = Credential::Password(SecretString::from(line()));
    (endpoint, Login { user: SshGuest::USER.into(), credential })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of the tests of each evil server"]
#[expect(clippy::print_stdout, reason = "the other process reads it")]
async fn the_process_that_calls() {
    let mut lines = std::io::stdin().lock().lines().map(|line| line.expect("text"));
    let mut line = || lines.next().expect("a line");
    let name = line();
    let evil = Evil::ALL.into_iter().find(|evil| format!("{evil:?}") == name).expect("a way to be evil");
    let directory = line();
    let ((endpoint, login), (busy, busy_login)) = (heard(&mut line), heard(&mut line));
    let place = |file| Place::new(directory.clone(), file).expect("a place");
    let (upload, download) = (
        Upload { place: place("sent"), mode: None, deadline: LIMIT, progress: Progress::default() },
        Download { place: place("file"), deadline: LIMIT, progress: Progress::default() },
    );
    let command = remote::Command::new("true").within(LIMIT);

    let mut config = Libssh2Config::default();
    config.sessions = CALLS;
    let remote = Libssh2Exec::new(&config);
    let before = load::forget_peak(id()).expect("Linux tells");
    let (run, sent, received) = tokio::join!(
        timed(remote.run(&endpoint, &login, &command)),
        timed(remote.send(&endpoint, &login, &upload, Box::new(Cursor::new(vec![7; FILE])))),
        timed(remote.receive(&endpoint, &login, &download, Box::new(tokio::io::sink()))),
    );
    let grown = load::peak_memory(id()).expect("Linux tells").saturating_sub(before);
    println!("{run:?}, {sent:?}, {received:?}, {} KiB more", grown >> 10);
    assert!(grown <= MEMORY, "it took {} MiB", grown >> 20);
    assert!(End::of_a_command(evil).contains(&run), "the command: {run:?}");
    for end in [sent, received] {
        assert!(End::of_a_transfer(evil).contains(&end), "the transfer: {end:?}");
    }
    // None of the sessions is lost to others, who need all of them at once.
    let call = || remote.run(&busy, &busy_login, &command);
    let (first, second, third) = tokio::join!(call(), call(), call());
    for answer in [first, second, third] {
        assert!(matches!(&answer, Err(Error::Unfinished(_))), "{answer:?}");
    }
    println!("{ENDED}");
    // The client is kept for as long as the other process looks at its connections.
    assert_eq!(lines.next(), None);
    drop(remote);
}

/// Returns the end of a call, and fails if it comes too late.
async fn timed<T>(call: impl Future<Output = Result<T>>) -> End {
    let began = Instant::now();
    let answer = call.await;
    let took = began.elapsed();
    assert!(took <= LIMIT + GRACE, "it took {took:?}");
    End::of(&answer)
}

macro_rules! evil_servers {
    ($($name:ident: $evil:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                meet(Evil::$evil).await;
            }
        )+

        #[test]
        fn each_evil_server_is_met() {
            assert_eq!([$(Evil::$evil),+], Evil::ALL);
        }
    };
}

evil_servers! {
    one_that_is_silent: Silent,
    one_with_a_slow_banner: SlowBanner,
    one_that_stalls_the_key_exchange: StalledKeyExchange,
    one_that_sends_a_huge_packet: HugePacket,
    one_whose_host_key_changed: ChangedHostKey,
    one_that_refuses_channels: RefusesChannels,
    one_whose_commands_write_without_end: EndlessStdout,
    one_whose_commands_flood_the_standard_error: StderrFlood,
    one_whose_commands_drip: Drip,
    one_that_gives_no_exit_status: NoExitStatus,
    one_that_closes_half_of_the_connection: HalfClose,
    one_that_disconnects_in_mid_transfer: DisconnectInTransfer,
    one_that_falls_silent_in_mid_transfer: SilentInTransfer,
}
