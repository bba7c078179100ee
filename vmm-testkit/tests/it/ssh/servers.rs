//! The servers and login shells that people run: each keeps the promises, or says what it cannot do.

use std::time::{Duration, Instant};

use vmm_core::remote::{Download, Progress, Upload};
use vmm_testkit::remote_contract_at_once;
use vmm_testkit::sshd::Setup;

use super::*;

async fn dropbear() -> Server {
    Server::start(Setup::dropbear()).await
}

async fn one_session() -> Server {
    Server::start(Setup::set("MaxSessions 1")).await
}

/// Whatever says nothing for so long loses its channel, files first.
async fn channel_timeout() -> Server {
    Server::start(Setup::set("ChannelTimeout session:command=20s session:subsystem:sftp=4s")).await
}

/// Every command goes through one that looks at it, which the server names.
async fn forced_through_a_shell() -> Server {
    let sftp = Some("/usr/lib/openssh/sftp-server");
    let settings = "ForceCommand exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n".to_owned();
    Server::start(Setup { sftp, settings, ..Setup::default() }).await
}

async fn without_sftp() -> Server {
    Server::start(Setup::without_sftp()).await
}

async fn foreign(shell: &'static str) -> Server {
    Server { is_foreign: true, ..Server::start(Setup::shell(shell)).await }
}

async fn fish() -> Server {
    foreign("/usr/bin/fish").await
}

async fn csh() -> Server {
    foreign("/bin/tcsh").await
}

async fn mksh() -> Server {
    Server::start(Setup::shell("/bin/mksh")).await
}

/// Starts a server whose start-up output has no line end, so that the next word stands in the same line.
async fn talkative() -> Server {
    let bashrc = "printf 'Welcome!\\nYour quota is 5 %%: '; echo 'Have a nice day' >/dev/null\n";
    let greeting = "Welcome!\nYour quota is 5 %: ";
    Server { greeting, ..Server::start(Setup::bashrc(bashrc)).await }
}

async fn forced_to_sftp() -> Server {
    Server::start(Setup::set("ForceCommand internal-sftp")).await
}

async fn sftp_in_a_cage() -> Server {
    Server { directory: Some("/shared"), ..Server::start(Setup::sftp_only()).await }
}

async fn forced_to_nothing() -> Server {
    Server::start(Setup::set("ForceCommand echo This account has no shell")).await
}

async fn no_login() -> Server {
    let sftp = Some("/usr/lib/openssh/sftp-server");
    Server::start(Setup { sftp, ..Setup::shell("/usr/sbin/nologin") }).await
}

remote_contract_at_once!(dropbear_keeps_every_promise, dropbear);
remote_contract_at_once!(a_server_that_gives_one_session_at_a_time_keeps_every_promise, one_session);
remote_contract_at_once!(a_server_that_closes_idle_channels_keeps_every_promise, channel_timeout);
remote_contract_at_once!(a_server_whose_own_command_runs_ours_keeps_every_promise, forced_through_a_shell);
remote_contract_at_once!(a_server_without_sftp_keeps_every_promise, without_sftp);
remote_contract_at_once!(fish_keeps_every_promise, fish);
remote_contract_at_once!(csh_keeps_every_promise, csh);
remote_contract_at_once!(mksh_keeps_every_promise, mksh);
remote_contract_at_once!(a_bashrc_that_prints_keeps_every_promise, talkative);

macro_rules! files_without_a_shell {
    ($name:ident, $subject:path) => {
        remote_contract_at_once!($name, $subject:
            the_host_key_is_shown_without_a_login,
            what_is_sent_comes_back,
            progress_is_told_in_bytes,
            a_file_that_is_there_is_replaced,
            hostile_names_arrive_byte_for_byte,
            a_wrong_place_is_refused_and_named,
            content_that_breaks_off_leaves_nothing,
            a_caller_who_stops_waiting_leaves_nothing,
            transfers_end_at_their_deadline,
            transfers_are_refused_like_commands,
            many_transfers_at_once_do_not_meet,
            a_directory_is_refused_for_good_where_there_is_no_shell,
        );
    };
}

files_without_a_shell!(a_server_that_gives_sftp_alone_carries_files_and_refuses_directories, forced_to_sftp);
files_without_a_shell!(a_server_that_gives_sftp_in_a_cage_carries_files_and_refuses_directories, sftp_in_a_cage);

macro_rules! nothing_to_carry_with {
    ($name:ident, $subject:path) => {
        remote_contract_at_once!($name, $subject:
            a_file_that_nothing_can_carry_is_refused_for_good,
            a_directory_is_refused_for_good_where_there_is_no_shell,
        );
    };
}

nothing_to_carry_with!(an_account_whose_command_is_forced_is_told_so, forced_to_nothing);
nothing_to_carry_with!(an_account_without_a_shell_is_told_so, no_login);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_for_files_that_the_server_has_closed_is_replaced_unnoticed() {
    let sshd = Sshd::start_set("ChannelTimeout session:subsystem:sftp=1s").await;
    let (remote, endpoint, login) = (Libssh2Exec::default(), sshd.endpoint(), sshd.key_login());
    std::fs::write(sshd.shared_directory().join("file"), "content").expect("ours");
    for number in 1..=2 {
        let place = Place::new(sshd.shared_directory().display().to_string(), "file").expect("a place");
        let download = Download { place, deadline: Duration::from_secs(60), progress: Progress::new() };
        let received = remote.receive(&endpoint, &login, &download, Box::new(tokio::io::sink())).await;
        assert_eq!(received.expect("it is received").bytes, 7);
        let began = Instant::now();
        while sshd.log().matches("closing after").count() < number {
            assert!(began.elapsed() < Duration::from_secs(30), "the server closes no channel:\n{}", sshd.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // A command, too.
    remote.run(&endpoint, &login, &vmm_core::remote::Command::new("true")).await.expect("the command runs");
}

/// Every second one took 40 s or more, and failed: the channel that was asked for ahead was closed by the server when
/// any child of it ended, and a command that was started on it was never answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_transfers_to_dropbear_one_after_the_other_are_made_over_one_connection() {
    for trusted in [Duration::ZERO, Duration::from_secs(3600)] {
        let sshd = Sshd::start_as(Setup::dropbear()).await;
        let took = transfers(&sshd, trusted).await;
        let all = took.iter().sum::<Duration>();
        assert!(all < Duration::from_secs(20), "{all:?}: one of them has waited for a server that does not answer");
        assert_eq!(sshd.connections().await, 1);
    }
}

/// Carries a file up and down in turns, and now and then a command, by way of one client; how long each of the 50
/// transfers took.
async fn transfers(sshd: &Sshd, trusted: Duration) -> Vec<Duration> {
    let mut config = Libssh2Config::default();
    config.trusted = trusted;
    let (remote, endpoint, login) = (Libssh2Exec::new(&config), sshd.endpoint(), sshd.password_login());
    let place = Place::new(sshd.shared_directory().display().to_string(), "file").expect("a place");
    let (deadline, progress) = (Duration::from_secs(60), Progress::new());
    let mut took = Vec::new();
    for number in 0..50 {
        let began = Instant::now();
        if number % 2 == 0 {
            let upload = Upload { place: place.clone(), mode: None, deadline, progress: progress.clone() };
            let source = Box::new(std::io::Cursor::new(vec![7; 100_000]));
            remote.send(&endpoint, &login, &upload, source).await.expect("it is sent");
        } else {
            let download = Download { place: place.clone(), deadline, progress: progress.clone() };
            let sink = Box::new(tokio::io::sink());
            remote.receive(&endpoint, &login, &download, sink).await.expect("it is received");
        }
        took.push(began.elapsed());
        if number % 7 == 0 {
            let command = vmm_core::remote::Command::new("true");
            remote.run(&endpoint, &login, &command).await.expect("the command runs");
        }
    }
    took
}

/// Prints how long 50 transfers in a row take with each server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p vmm-testkit --test it -- --ignored --nocapture fifty_transfers_in_a_row"]
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
async fn fifty_transfers_in_a_row() {
    for (name, setup) in [
        ("dropbear", Setup::dropbear()),
        ("OpenSSH", Setup::default()),
        ("OpenSSH without SFTP", Setup::without_sftp()),
        ("OpenSSH, MaxSessions 1", Setup::set("MaxSessions 1")),
    ] {
        let sshd = Sshd::start_as(setup).await;
        let mut took = transfers(&sshd, Libssh2Config::default().trusted).await;
        // Not the one that logs in.
        took.remove(0);
        for (way, first) in [("down", 0), ("up", 1)] {
            let mut took: Vec<_> = took.iter().skip(first).step_by(2).collect();
            took.sort();
            let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
            let ratio = slowest.as_secs_f64() / median.as_secs_f64();
            println!("{name}, {way}: median {median:?}, slowest {slowest:?}, {ratio:.2} x the median");
        }
    }
}
