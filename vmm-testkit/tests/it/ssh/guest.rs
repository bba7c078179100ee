//! The testkit's SSH servers are good ones, unless they are asked not to be.

use std::time::{Duration, Instant};

use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Command, Download, Endpoint, Exit, Place, Progress, RemoteExec, Upload};
use vmm_core::{Error, Result};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::ssh_guest::{Behaviour, Evil, SshGuest};
use vmm_testkit::sshd::{Sshd, loopback_addresses};

use super::password_login;

const PATIENCE: Duration = Duration::from_secs(30);

fn uptime() -> Behaviour {
    Behaviour::answering(|line| match line {
        "uptime" => Some(Answer::stdout("up 3 days\n").with_stderr("of two\n")),
        "cat" => Some(Answer::copies_input()),
        "die" => Some(Answer::stdout("").with_exit(Exit::Signal("KILL".into()))),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_its_two_logins_and_answers_from_its_script() {
    let guest = SshGuest::start(uptime()).await;
    let remote = Libssh2Exec::default();
    for login in [guest.password_login(), guest.key_login()] {
        let run = async |command: Command| {
            remote.run(&guest.endpoint(), &login, &command.within(PATIENCE)).await.expect("the command runs")
        };
        let output = run(Command::new("uptime")).await;
        let all = (output.exit, output.stdout.text(), output.stderr.text());
        assert_eq!(all, (Exit::Code(0), "up 3 days\n".to_owned(), "of two\n".to_owned()));
        assert_eq!(run(Command::new("cat").reading(vec![7; 4 << 20])).await.stdout.total, 4 << 20);
        assert_eq!(run(Command::new("die")).await.exit, Exit::Signal("KILL".into()));
        assert_eq!(run(Command::new("what")).await.exit, Exit::Code(127));
    }
    let seen = guest.seen();
    assert_eq!(seen.commands, ["uptime", "cat", "die", "what"].repeat(2));
    assert!(seen.password_bytes > 0 && seen.login_attempts > 0 && seen.login_questions >= seen.login_attempts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_refuses_other_logins_and_other_hosts_are_not_it() {
    let (guest, stranger) = (SshGuest::start(uptime()).await, SshGuest::start(uptime()).await);
    for login in [password_login("wrong"), stranger.password_login(), stranger.key_login()] {
        let answer = Libssh2Exec::default().run(&guest.endpoint(), &login, &Command::new("uptime")).await;
        assert!(matches!(answer, Err(Error::LoginRefused { .. })), "{answer:?}");
    }
    assert!(guest.seen().commands.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_addresses_are_one_guest_and_each_packet_takes_its_time() {
    const LATENCY: Duration = Duration::from_millis(20);
    let guest = SshGuest::start_many(uptime(), 20, LATENCY).await;
    let (remote, login) = (Libssh2Exec::default(), guest.key_login());
    let addresses: std::collections::HashSet<_> = guest.endpoints().map(|endpoint| endpoint.address.ip()).collect();
    assert_eq!(addresses.len(), 20);
    for endpoint in guest.endpoints() {
        let began = Instant::now();
        remote.run(&endpoint, &login, &Command::new("uptime")).await.expect("the command runs");
        // Banner, key exchange, login, channel and command are a round trip each at the least.
        assert!(began.elapsed() >= LATENCY * 10, "{:?}", began.elapsed());
    }
    assert_eq!(guest.seen().connections, 20);
    drop(remote);
    drop(guest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_too_is_reached_at_many_addresses() {
    let sshd = Sshd::start_everywhere().await;
    for ip in loopback_addresses(300).step_by(100) {
        let endpoint = Endpoint { address: (ip, sshd.endpoint().address.port()).into(), ..sshd.endpoint() };
        let output = Libssh2Exec::default().run(&endpoint, &sshd.key_login(), &Command::new("exit 7")).await;
        assert_eq!(output.expect("the command runs").exit, Exit::Code(7));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_shell_runs_commands_and_its_files_are_files() -> Result<()> {
    let guest = SshGuest::start(Behaviour::Shell).await;
    let (remote, endpoint, login) = (Libssh2Exec::default(), guest.endpoint(), guest.password_login());
    let command = Command::new("head -c 3000000 /dev/zero; echo error >&2; wc -c; exit 7").reading(vec![b'x'; 1000]);
    let output = remote.run(&endpoint, &login, &command).await?;
    assert_eq!((output.exit, output.stderr.text()), (Exit::Code(7), "error\n".to_owned()));
    assert_eq!(output.stdout.total, 3_000_005);
    let killed = remote.run(&endpoint, &login, &Command::new("kill -TERM $$")).await?;
    assert_eq!(killed.exit, Exit::Signal("TERM".into()));

    let folder = tempfile::tempdir().expect("a temporary directory");
    let place = Place::new(folder.path().display().to_string(), "file")?;
    let upload = Upload { place: place.clone(), mode: None, deadline: PATIENCE, progress: Progress::default() };
    let content = vec![7; 2 << 20];
    let sent = remote.send(&endpoint, &login, &upload, Box::new(std::io::Cursor::new(content.clone()))).await?;
    assert_eq!(std::fs::read(folder.path().join("file")).expect("it is there"), content);
    let download = Download { place, deadline: PATIENCE, progress: Progress::default() };
    let received = remote.receive(&endpoint, &login, &download, Box::new(tokio::io::sink())).await?;
    assert_eq!(sent, received);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_end_is_not_told_has_no_exit_code() {
    let guest = SshGuest::start(Behaviour::Evil(Evil::NoExitStatus)).await;
    let command = Command::new("true").within(PATIENCE);
    let output = Libssh2Exec::default().run(&guest.endpoint(), &guest.key_login(), &command).await;
    let Err(Error::Unfinished(told)) = output else { panic!("{output:?}") };
    assert_eq!((&told.exit, told.after, told.stdout.text().as_str()), (&None, None, "done\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_is_dropped_hangs_up() {
    let guest = SshGuest::start(Behaviour::answering(|_| Some(Answer::hangs()))).await;
    let (endpoint, login) = (guest.endpoint(), guest.key_login());
    let call = tokio::spawn(async move {
        Libssh2Exec::default().run(&endpoint, &login, &Command::new("sleep").within(PATIENCE)).await
    });
    guest.until(PATIENCE, |seen| !seen.commands.is_empty()).await;
    drop(guest);
    let answer = call.await.expect("no panic");
    assert!(matches!(&answer, Err(Error::Unfinished(told)) if told.after.is_none()), "{answer:?}");
}
