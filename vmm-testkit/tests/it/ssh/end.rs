//! The reported end of a command, on servers and accounts that make it hard to know.

use std::time::Duration;

use vmm_core::Error;
use vmm_core::remote::{Command, Exit, Login, Output, Processes, Unfinished};

use super::*;

async fn run(sshd: &Sshd, login: &Login, command: Command) -> vmm_core::Result<Output> {
    Libssh2Exec::default().run(&sshd.endpoint(), login, &command).await
}

fn unfinished(answer: vmm_core::Result<Output>) -> Unfinished {
    match answer {
        Err(Error::Unfinished(unfinished)) => *unfinished,
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_a_silent_command_has_told_no_exit_code() {
    let sshd = Sshd::start_set("ChannelTimeout session:command=2s").await;
    let login = sshd.key_login();
    let told = unfinished(run(&sshd, &login, Command::new("echo begun; sleep 30; exit 7")).await);
    assert_eq!((&told.exit, told.after, told.processes), (&None, None, Processes::Running), "{told}");
    assert_eq!(told.stdout.text(), "begun\n");
    // One that ended by itself has told it, be it quick or as slow as it may be, and whatever it left behind.
    for (line, code) in
        [("true", 0), ("exit 7", 7), ("sleep 0.5", 0), ("exec sleep 0.3", 0), ("(sleep 20 &) ; true", 0)]
    {
        let output = run(&sshd, &login, Command::new(line)).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(output.exit, Exit::Code(code), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_ended_with_0_is_believed_on_a_session_that_carries_files_too() {
    let sshd = Sshd::start().await;
    let (remote, endpoint, login) = (Libssh2Exec::default(), sshd.endpoint(), sshd.key_login());
    let place = Place::new(sshd.shared_directory().display().to_string(), "file").expect("a place");
    let (deadline, progress) = (Duration::from_secs(30), vmm_core::remote::Progress::default());
    let upload = vmm_core::remote::Upload { place, mode: None, deadline, progress };
    remote.send(&endpoint, &login, &upload, Box::new(&b"text"[..])).await.expect("it arrives");
    for line in ["sleep 0.2", "true"] {
        let output = remote.run(&endpoint, &login, &Command::new(line)).await.expect("it runs");
        assert_eq!(output.exit, Exit::Code(0));
    }
    assert_eq!(sshd.connections().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_in_mid_command_is_told_as_one_that_may_have_run() {
    let sshd = Sshd::start().await;
    let line = "echo begun; sleep 0.2; kill -KILL $PPID; sleep 30";
    let told = unfinished(run(&sshd, &sshd.key_login(), Command::new(line)).await);
    assert_eq!((&told.exit, told.after, told.processes), (&None, None, Processes::Unknown), "{told}");
    assert_eq!(told.stdout.text(), "begun\n");
    let text = Error::from(told).to_string();
    assert!(text.contains("may have run") && !text.contains("try again"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_code_that_came_before_the_output_ended_is_known() {
    let sshd = Sshd::start().await;
    for code in [0, 5] {
        let line = format!("nohup sleep 30 & echo started; exit {code}");
        let command = Command::new(line).within(Duration::from_secs(1));
        let told = unfinished(run(&sshd, &sshd.key_login(), command).await);
        assert_eq!((&told.exit, told.processes), (&Some(Exit::Code(code)), Processes::Background), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_up_file_that_prints_does_not_hide_what_was_killed() {
    let sshd = Sshd::start().await;
    let home = sshd.shared_directory().parent().expect("a home").to_owned();
    std::fs::write(home.join(".bashrc"), "echo hello; echo there >&2\n").expect("a file");
    let login = sshd.key_login();
    let told = unfinished(run(&sshd, &login, Command::new("sleep 30").within(Duration::from_secs(1))).await);
    assert_eq!(told.processes, Processes::Killed, "{told}");
    let output = run(&sshd, &login, Command::new("sleep 0.2")).await.expect("it runs");
    assert_eq!((output.exit, output.stdout.text().as_str()), (Exit::Code(0), "hello\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_made_a_session_of_its_own_is_left_and_told_of() {
    let sshd = Sshd::start().await;
    let command = Command::new("setsid sleep 30 & sleep 30").within(Duration::from_secs(1));
    let told = unfinished(run(&sshd, &sshd.key_login(), command).await);
    assert_eq!((&told.exit, told.processes), (&None, Processes::Background), "{told}");
}
