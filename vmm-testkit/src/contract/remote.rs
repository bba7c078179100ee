//! The promises of every [`RemoteExec`].
//!
//! [`remote_contract!`](crate::remote_contract) makes a test of each promise.

mod names;
mod refused;
mod together;
mod transfer;
mod tree;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::mpsc;
use vmm_core::remote::{Command, Endpoint, Exit, Login, Output, OutputChannel, Piece, Processes, RemoteExec, Stream};
use vmm_core::{Error, Part};

use crate::fake::remote::Answer;
use crate::sshd::{free_address, other_host_key};

pub use names::hostile_names;
pub use refused::*;
pub use together::{Promise, all_kept};
pub use transfer::*;
pub use tree::*;

const MIB: usize = 1 << 20;
const EXIT: &str = "exit 7";
const SIGNAL: &str = "kill -TERM $$";
const BOTH_BIG: &str = "head -c 1048576 /dev/zero >&2 & head -c 1048576 /dev/zero; wait";
const ONE_BIG: &str = "head -c 3000000 /dev/zero; echo error >&2";
const SILENT: &str = "true";
const READS: &str = "cat; echo end";
const COPIES: &str = "cat";
const READS_NOTHING: &str = "exit 3";
const READS_ONE_BYTE: &str = "head -c 1";
const WRITES_FIRST: &str = "head -c 4194304 /dev/zero; exec wc -c";
const SLEEPS: &str = "sleep 30";
const DRIPS: &str = "while true; do echo drip; sleep 0.1; done";
const ENDLESS: &str = "yes";
const BYTES: &str = "printf '\\377\\000x'";
const SPEAKS_THEN_WAITS: &str = "echo first; echo second >&2; sleep 30";
const LEAVES: &str = "sleep 30 & echo started; exit 7";
const ECHO: &str = "echo ";

/// The answers of a shell to the commands of this suite, for fakes.
pub fn answers(line: &str) -> Option<Answer> {
    Some(match line {
        EXIT => Answer::code(7),
        SIGNAL => Answer::stdout("").with_exit(Exit::Signal("TERM".into())),
        BOTH_BIG => Answer::stdout(vec![0; MIB]).with_stderr(vec![0; MIB]),
        ONE_BIG => Answer::stdout(vec![0; 3_000_000]).with_stderr("error\n"),
        SILENT => Answer::stdout(""),
        READS => Answer::stdout("end\n"),
        COPIES => Answer::copies_input(),
        READS_NOTHING => Answer::code(3),
        READS_ONE_BYTE => Answer::stdout("x"),
        WRITES_FIRST => Answer::stdout([vec![0; 4 * MIB], b"4194304\n".to_vec()].concat()),
        SLEEPS | DRIPS | ENDLESS => Answer::hangs(),
        SPEAKS_THEN_WAITS => Answer::stdout("first\n").with_stderr("second\n").taking(Duration::from_secs(30)),
        BYTES => Answer::stdout([0xff, 0, b'x']),
        LEAVES => Answer::stdout("started\n").with_exit(Exit::Code(7)).leaving_a_process(),
        _ => Answer::stdout(format!("{}\n", line.strip_prefix(ECHO)?)),
    })
}

/// An implementation and a machine for it.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The implementation.
    fn remote(&self) -> Arc<dyn RemoteExec>;
    /// The machine. Its shell is `sh`, knows [`answers`], or is spoken to by [`line`](Self::line).
    fn endpoint(&self) -> Endpoint;
    /// Returns a line of `sh` as the machine's login shell takes it.
    fn line(&self, line: &str) -> String {
        line.to_owned()
    }
    /// Returns the text that the machine's login shell writes to standard output by itself before each command.
    fn greeting(&self) -> &str {
        ""
    }
    /// A login that the machine takes.
    fn login(&self) -> Login;
    /// A login of the same kind that it refuses.
    fn wrong_login(&self) -> Login;
    /// Returns the number of proofs of identity that the machine has been sent.
    async fn login_attempts(&self) -> usize;
    /// A directory of the machine that is empty at first and that the login can write to.
    fn directory(&self) -> String;
    /// Returns the names in that directory.
    async fn names(&self) -> Vec<String>;
    /// Makes a directory in it.
    async fn make_directory(&self, name: &str);
    /// Makes a named pipe in it.
    async fn make_pipe(&self, name: &str);
    /// From now on the login cannot write to it.
    async fn close_directory(&self);
}

/// The command as the machine's login shell takes it. What that shell writes by itself comes on top of the limit.
fn spoken(subject: &dyn Subject, command: &Command) -> Command {
    let output_limit = command.output_limit + subject.greeting().len();
    Command { line: subject.line(&command.line), output_limit, ..command.clone() }
}

/// The output without what the login shell wrote by itself.
fn without_greeting(subject: &dyn Subject, mut output: Output) -> Output {
    let greeting = subject.greeting().as_bytes();
    let Stream { bytes, total } = &mut output.stdout;
    assert!(bytes.starts_with(greeting), "{:?} is not in front of the output", subject.greeting());
    bytes.drain(..greeting.len());
    *total -= greeting.len() as u64;
    output
}

async fn run(subject: &dyn Subject, command: &Command) -> vmm_core::Result<Output> {
    let output = subject.remote().run(&subject.endpoint(), &subject.login(), &spoken(subject, command)).await?;
    Ok(without_greeting(subject, output))
}

async fn output(subject: &dyn Subject, line: &str) -> Output {
    run(subject, &Command::new(line)).await.expect("the command runs")
}

/// The exit code is a result, whatever it is.
pub async fn an_exit_code_is_a_result(subject: &dyn Subject) {
    assert_eq!(output(subject, EXIT).await.exit, Exit::Code(7));
    assert_eq!(output(subject, SILENT).await.exit, Exit::Code(0));
}

/// So is the end by a signal.
pub async fn an_end_by_signal_is_a_result(subject: &dyn Subject) {
    assert_eq!(output(subject, SIGNAL).await.exit, Exit::Signal("TERM".into()));
}

/// Much output and much error output at once stop neither.
pub async fn both_streams_are_drained_together(subject: &dyn Subject) {
    let output = output(subject, BOTH_BIG).await;
    assert_eq!((output.stdout.bytes.len(), output.stderr.bytes.len()), (MIB, MIB));
    assert!(!output.stdout.truncated() && !output.stderr.truncated());
}

/// Output beyond the limit is counted and not kept; the other stream is not touched by it.
pub async fn output_is_kept_up_to_the_limit_and_counted_beyond(subject: &dyn Subject) {
    let command = Command { output_limit: 1000, ..Command::new(ONE_BIG) };
    let output = run(subject, &command).await.expect("the command runs");
    assert_eq!((output.stdout.bytes.len(), output.stdout.total), (1000, 3_000_000));
    assert_eq!(output.stderr.text(), "error\n");
}

/// A command without output has none.
pub async fn no_output_is_empty_output(subject: &dyn Subject) {
    let output = output(subject, SILENT).await;
    assert_eq!((output.stdout.total, output.stderr.total), (0, 0));
}

/// A command that reads finds the end of its input at once.
pub async fn standard_input_is_empty(subject: &dyn Subject) {
    assert_eq!(output(subject, READS).await.stdout.text(), "end\n");
}

/// A command reads what it is given, however much, while its output is read.
pub async fn much_input_arrives_while_output_is_read(subject: &dyn Subject) {
    let input: Vec<u8> = (0..4 * MIB).map(|index| (index % 251) as u8).collect();
    let copies = Command { output_limit: 5 * MIB, ..Command::new(COPIES).reading(input.clone()) };
    let output = run(subject, &copies).await.expect("the command runs");
    assert!(output.stdout.bytes == input, "{} bytes of {}", output.stdout.total, input.len());
    let first = Command { output_limit: 5 * MIB, ..Command::new(WRITES_FIRST).reading(input) };
    let output = run(subject, &first).await.expect("the command runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout.bytes[4 * MIB..]).trim(), "4194304");
}

/// A command that does not read its input, or not all, ends as it does by itself.
pub async fn input_that_is_not_read_holds_nothing_up(subject: &dyn Subject) {
    let input = vec![b'x'; 4 * MIB];
    for (line, code, text) in [(READS_NOTHING, 3, ""), (READS_ONE_BYTE, 0, "x")] {
        let output = run(subject, &Command::new(line).reading(input.clone())).await.expect("the command runs");
        assert_eq!((output.exit, output.stdout.text().as_str()), (Exit::Code(code), text), "{line}");
    }
    let limit = Duration::from_secs(2);
    let error = run(subject, &Command::new(SLEEPS).reading(input).within(limit)).await.expect_err("it does not end");
    assert!(matches!(error, Error::Unfinished(_)), "{error}");
}

/// Output need not be text.
pub async fn bytes_survive(subject: &dyn Subject) {
    assert_eq!(output(subject, BYTES).await.stdout.bytes, [0xff, 0, b'x']);
}

/// A follower of a command gets its output while the command runs.
pub async fn a_follower_gets_the_output_as_it_comes(subject: &dyn Subject) {
    let (pieces, mut follower) = mpsc::channel::<Piece>(1);
    let (remote, endpoint, login) = (subject.remote(), subject.endpoint(), subject.login());
    let command = spoken(subject, &Command::new(SPEAKS_THEN_WAITS));
    let wanted = [format!("{}first\n", subject.greeting()), "second\n".to_owned()];
    let heard = async {
        let mut heard = [String::new(), String::new()];
        while heard != wanted {
            let piece = follower.recv().await.expect("the command runs");
            heard[usize::from(piece.channel == OutputChannel::Stderr)] += &String::from_utf8_lossy(&piece.bytes);
        }
        heard
    };
    tokio::select! {
        output = remote.follow(&endpoint, &login, &command, pieces) => panic!("it ended: {output:?}"),
        heard = heard => assert_eq!(heard, wanted),
    }
}

/// A slow follower gets every byte that is kept, and none that is not; one who hangs up changes nothing.
pub async fn a_follower_gets_what_is_kept(subject: &dyn Subject) {
    for (line, limit) in [(BOTH_BIG, MIB), (ONE_BIG, 1000)] {
        let (pieces, mut follower) = mpsc::channel::<Piece>(1);
        let (remote, endpoint, login) = (subject.remote(), subject.endpoint(), subject.login());
        let command = spoken(subject, &Command { output_limit: limit, ..Command::new(line) });
        let limit = command.output_limit;
        let followed = async {
            let mut followed = [Vec::new(), Vec::new()];
            while let Some(piece) = follower.recv().await {
                followed[usize::from(piece.channel == OutputChannel::Stderr)].extend(piece.bytes);
                tokio::task::yield_now().await;
            }
            followed
        };
        let (output, followed) = tokio::join!(remote.follow(&endpoint, &login, &command, pieces), followed);
        let output = output.expect("the command runs");
        assert!(followed == [output.stdout.bytes, output.stderr.bytes], "{line}");

        let (pieces, follower) = mpsc::channel(1);
        drop(follower);
        let output = remote.follow(&endpoint, &login, &command, pieces).await.expect("the command runs");
        assert_eq!(output.stdout.bytes.len(), limit, "{line}");
    }
}

/// The host key of a machine is shown to anybody who asks, without a login.
pub async fn the_host_key_is_shown_without_a_login(subject: &dyn Subject) {
    let (remote, endpoint) = (subject.remote(), subject.endpoint());
    let seen = remote.host_key(endpoint.address, Duration::from_secs(10)).await.expect("a key");
    assert_eq!(seen, endpoint.host_key);
    assert_eq!(subject.login_attempts().await, 0);
    let error = remote.host_key(free_address(), Duration::from_secs(10)).await.expect_err("nothing listens");
    assert!(matches!(error, Error::Unavailable { part: Part::Connection, .. }), "{error}");
}

/// Silent, dripping and endless commands all end at the deadline, within a second.
pub async fn the_deadline_holds(subject: &dyn Subject) {
    for line in [SLEEPS, DRIPS, ENDLESS] {
        let (began, limit) = (Instant::now(), Duration::from_secs(2));
        let error = run(subject, &Command::new(line).within(limit)).await.expect_err("it does not end by itself");
        let took = began.elapsed();
        let Error::Unfinished(unfinished) = error else { panic!("{line}: {error}") };
        assert_eq!((unfinished.after, &unfinished.exit), (Some(limit), &None), "{line}: {unfinished}");
        // A server that gives one session at a time lets nobody look.
        let told = [Processes::Killed, Processes::Unknown];
        assert!(told.contains(&unfinished.processes), "{line}: {unfinished}");
        assert!(limit <= took && took <= limit + Duration::from_secs(1), "{line} took {took:?}");
    }
}

/// The output that a command wrote before its deadline is part of the error.
pub async fn what_came_before_the_deadline_is_kept(subject: &dyn Subject) {
    let command = Command::new(SPEAKS_THEN_WAITS).within(Duration::from_secs(2));
    let error = run(subject, &command).await.expect_err("it does not end by itself");
    let Error::Unfinished(unfinished) = error else { panic!("{error}") };
    let stdout = format!("{}first\n", subject.greeting());
    assert_eq!((unfinished.stdout.text(), unfinished.stderr.text().as_str()), (stdout, "second\n"));
}

/// A command that has ended, but for a process in the background that holds its output, is not told as killed. Its exit
/// code is told, if the server tells it before the output has ended. Dropbear does not wait for that process.
pub async fn what_a_command_left_in_the_background_is_told(subject: &dyn Subject) {
    let command = Command::new(LEAVES).within(Duration::from_secs(2));
    let unfinished = match run(subject, &command).await {
        Ok(output) => return assert_eq!(output.exit, Exit::Code(7)),
        Err(Error::Unfinished(unfinished)) => unfinished,
        Err(error) => panic!("{error}"),
    };
    let told = [Processes::Background, Processes::Unknown];
    assert!(told.contains(&unfinished.processes), "{unfinished}");
    assert!(unfinished.exit.as_ref().is_none_or(|exit| *exit == Exit::Code(7)), "{unfinished}");
    assert_eq!(unfinished.stdout.text(), format!("{}started\n", subject.greeting()));
}

/// A machine with another host key gets no proof of identity.
pub async fn another_host_key_gets_no_credential(subject: &dyn Subject) {
    let expected = other_host_key();
    let endpoint = Endpoint { host_key: expected.clone(), ..subject.endpoint() };
    let error = subject.remote().run(&endpoint, &subject.login(), &Command::new(SILENT)).await.expect_err("refused");
    let (wanted, shown) = (expected.fingerprint(), subject.endpoint().host_key.fingerprint());
    assert!(
        matches!(&error, Error::HostKeyChanged { expected, seen, .. } if *expected == wanted && *seen == shown),
        "{error}"
    );
    assert_eq!(subject.login_attempts().await, 0);
}

/// A wrong proof is refused, tried once, and not part of the error.
pub async fn a_wrong_login_is_refused_and_not_retried(subject: &dyn Subject) {
    let login = subject.wrong_login();
    let error = subject.remote().run(&subject.endpoint(), &login, &Command::new(SILENT)).await.expect_err("refused");
    assert!(matches!(&error, Error::LoginRefused { user, .. } if *user == login.user), "{error}");
    assert_eq!(subject.login_attempts().await, 1);
}

/// A machine that does not listen is unavailable.
pub async fn an_unreachable_machine_is_unavailable(subject: &dyn Subject) {
    let endpoint = Endpoint { address: free_address(), ..subject.endpoint() };
    let error = subject.remote().run(&endpoint, &subject.login(), &Command::new(SILENT)).await.expect_err("refused");
    assert!(matches!(error, Error::Unavailable { part: Part::Connection, .. }), "{error}");
}

/// Many calls at once all get their own answer.
pub async fn many_calls_at_once_get_their_own_answers(subject: &dyn Subject) {
    let (all, endpoint, login) = (subject.remote(), subject.endpoint(), subject.login());
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..64 {
        let (remote, endpoint, login) = (Arc::clone(&all), endpoint.clone(), login.clone());
        let command = spoken(subject, &Command::new(format!("{ECHO}{number}")));
        calls.spawn(async move { (number, remote.run(&endpoint, &login, &command).await) });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.len(), 64);
    for (number, answer) in answers {
        let output = without_greeting(subject, answer.expect("the command runs"));
        assert_eq!(output.stdout.text(), format!("{number}\n"));
    }
}

/// Gives the names of all promises to another macro of this crate, behind its own arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! with_remote_promises {
    ($makes:ident: $($argument:tt)+) => {
        $crate::$makes!($($argument)+:
            an_exit_code_is_a_result,
            an_end_by_signal_is_a_result,
            both_streams_are_drained_together,
            output_is_kept_up_to_the_limit_and_counted_beyond,
            no_output_is_empty_output,
            standard_input_is_empty,
            much_input_arrives_while_output_is_read,
            input_that_is_not_read_holds_nothing_up,
            bytes_survive,
            a_follower_gets_the_output_as_it_comes,
            a_follower_gets_what_is_kept,
            the_host_key_is_shown_without_a_login,
            the_deadline_holds,
            what_came_before_the_deadline_is_kept,
            what_a_command_left_in_the_background_is_told,
            another_host_key_gets_no_credential,
            a_wrong_login_is_refused_and_not_retried,
            an_unreachable_machine_is_unavailable,
            many_calls_at_once_get_their_own_answers,
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
            a_directory_comes_back_as_it_was_sent,
            what_is_neither_file_nor_directory_is_left_out_and_named,
            an_archive_that_leads_elsewhere_is_refused,
            a_directory_that_is_there_is_replaced_only_if_that_was_asked_for,
            a_wrong_place_for_a_directory_is_refused_and_named,
            a_directory_of_which_a_part_came_leaves_nothing,
        );
    };
}

/// Makes one test of each promise. The argument is an async function without arguments that gives a [`Subject`].
///
/// [`Subject`]: crate::contract::remote::Subject
#[macro_export]
macro_rules! remote_contract {
    ($subject:path) => {
        $crate::with_remote_promises!(remote_contract: $subject);
    };
    ($subject:path: $($promise:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::contract::remote::$promise(&$subject().await).await;
            }
        )+
    };
}

/// Makes one test of all promises, or of those that are listed. Several of them are tried at once, each with a subject
/// of its own: most of their time is waiting.
///
/// The arguments are the test's name and an async function without arguments that gives a [`Subject`].
///
/// [`Subject`]: crate::contract::remote::Subject
#[macro_export]
macro_rules! remote_contract_at_once {
    ($name:ident, $subject:path) => {
        $crate::with_remote_promises!(remote_contract_at_once: $name, $subject);
    };
    ($name:ident, $subject:path: $($promise:ident,)+) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
        async fn $name() {
            let promises: &[(&str, $crate::contract::remote::Promise)] = &[
                $((stringify!($promise), |subject| Box::pin($crate::contract::remote::$promise(subject)))),+
            ];
            $crate::contract::remote::all_kept($subject, promises).await;
        }
    };
}
