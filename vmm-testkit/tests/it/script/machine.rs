//! A script's environment, its work and its remains on a real machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use vmm_core::model::HostKey;
use vmm_core::remote::{Download, Piece, Sink, Source, Transferred, Upload};

use super::*;

/// Every machine of the desk is this SSH server.
struct ToSshd(Endpoint);

#[async_trait]
impl RemoteExec for ToSshd {
    async fn run(&self, _: &Endpoint, login: &Login, command: &Command) -> vmm_core::Result<Output> {
        Libssh2Exec::default().run(&self.0, login, command).await
    }

    async fn follow(
        &self,
        _: &Endpoint,
        login: &Login,
        command: &Command,
        pieces: mpsc::Sender<Piece>,
    ) -> vmm_core::Result<Output> {
        Libssh2Exec::default().follow(&self.0, login, command, pieces).await
    }

    async fn host_key(&self, _: SocketAddr, deadline: Duration) -> vmm_core::Result<HostKey> {
        Libssh2Exec::default().host_key(self.0.address, deadline).await
    }

    async fn send(&self, _: &Endpoint, login: &Login, upload: &Upload, from: Source) -> vmm_core::Result<Transferred> {
        Libssh2Exec::default().send(&self.0, login, upload, from).await
    }

    async fn receive(
        &self,
        _: &Endpoint,
        login: &Login,
        download: &Download,
        to: Sink,
    ) -> vmm_core::Result<Transferred> {
        Libssh2Exec::default().receive(&self.0, login, download, to).await
    }
}

struct Machine {
    sshd: Sshd,
    desk: TestDesk,
    vmm: Vmm,
}

impl Machine {
    async fn new() -> Self {
        Self::on(Sshd::start().await).await
    }

    async fn on(sshd: Sshd) -> Self {
        let desk = TestDesk::new().await;
        desk.provision("r1", "name,os\nweb-1,debian\n").await;
        let vmm = process(&desk, Arc::new(ToSshd(sshd.endpoint()))).await;
        Self { sshd, desk, vmm }
    }

    async fn start(&self, command: &str, content: &str, timeout: u64) -> RunId {
        let script = self.vmm.create_script(&self.desk.user, draft("job", command, content, &["web-1"])).await;
        let script = script.expect("a script").script;
        let terms = RunTerms { timeout: Some(Duration::from_secs(timeout)), ..RunTerms::default() };
        self.vmm.run_script(&self.desk.user, RunDraft { terms, ..run_of(&script) }).await.expect("a run").id
    }

    async fn end(&self, id: RunId) -> RunMachine {
        ended(&self.desk, id).await.1.remove(0)
    }

    /// Runs a script to its end, and removes it.
    async fn run(&self, command: &str, content: &str) -> RunMachine {
        let id = self.start(command, content, 60).await;
        let machine = self.end(id).await;
        self.vmm.delete_script(&self.desk.admin, &sample::script_name("job")).await.expect("the script is there");
        machine
    }

    /// Returns the number of of these processes, seen on the machine.
    async fn running(&self, pids: &str) -> String {
        let count = format!("n=0; for p in {}; do test -d /proc/$p && n=$((n+1)); done; echo $n", pids.trim());
        let remote = ToSshd(self.sshd.endpoint());
        let output = remote.run(&remote.0, &self.sshd.key_login(), &Command::new(count)).await;
        output.expect("the command runs").stdout.text().trim().to_owned()
    }
}

fn written(machine: &RunMachine) -> (String, String) {
    let output = machine.output.as_ref().expect("an output");
    (output.stdout.text(), output.stderr.text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_has_a_private_directory_an_empty_input_and_leaves_nothing() {
    let machine = Machine::new().await;
    let script = "cat\npwd\nstat -c %a .\nstat -c %a job.sh\nls\necho $0\necho trouble >&2\nexit 7\n";
    let end = machine.run("sh", script).await;
    assert_eq!((end.state, &end.exit), (RunState::Done, &Some(Exit::Code(7))));
    let (stdout, stderr) = written(&end);
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines[1..], ["700", "644", "job.sh", "./job.sh"], "{stdout}");
    assert_eq!(stderr, "trouble\n");
    assert!(lines[0].len() > 5 && !Path::new(lines[0]).exists(), "{} is left", lines[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_arrives_byte_for_byte_whatever_it_holds_and_however_long() {
    let machine = Machine::new().await;
    let hostile = "cat \"$0\"; exit\n'\"'\\''`reboot`$(reboot)$HOME \\\\ \n!! %s ~ * ünïcode \u{1b}[0m\tEOF\n";
    let end = machine.run("sh", hostile).await;
    assert_eq!(written(&end).0, hostile);
    let mut long = "wc -c <\"$0\"; exit\n".to_owned();
    long.push_str(&"#".repeat(ScriptContent::LONGEST - long.len()));
    assert_eq!(written(&machine.run("sh", &long).await).0.trim(), ScriptContent::LONGEST.to_string());
}

/// So many texts of what shells, terminals and programs read their own way; the same every time.
fn hostile(count: usize) -> Vec<String> {
    let parts = [
        "'",
        "\"",
        "\\",
        "$",
        "`",
        "!",
        "!!",
        "\n",
        "\r",
        "\t",
        " ",
        "  ",
        ";",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        "{",
        "}",
        "*",
        "?",
        "[",
        "]",
        "~",
        "#",
        "%",
        "^",
        "=",
        "-",
        "--",
        "-e",
        "a",
        "$(reboot)",
        "`reboot`",
        "${HOME}",
        "$1",
        "$@",
        "\\n",
        "'\\''",
        "<<EOF",
        "\u{1}",
        "\u{1b}[0m",
        "\u{7f}",
        "\u{81}",
        "\u{88}",
        "\u{a0}",
        "é",
        "ß",
        "\u{2028}",
        "\u{202e}",
        "\u{fffd}",
        "💣",
    ];
    // Knuth's MMIX generator, whose upper bits are good.
    let mut state = 7_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    (0..count).map(|_| (0..next(24)).map(|_| parts[next(parts.len())]).collect()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_hostile_arguments_arrive_byte_for_byte() {
    let machine = Machine::new().await;
    let script = draft("job", "sh", "printf '%s\\0' \"$@\"\n", &["web-1"]);
    let script = machine.vmm.create_script(&machine.desk.user, script).await.expect("a script").script;
    for sent in hostile(500).chunks(ScriptArguments::MOST) {
        let arguments = ScriptArguments::new(sent.to_vec()).expect("good ones");
        let run = RunDraft { arguments: arguments.clone(), ..run_of(&script) };
        let id = machine.vmm.run_script(&machine.desk.user, run).await.expect("a run").id;
        let stdout = written(&machine.end(id).await).0;
        let arrived: Vec<_> = stdout.split_terminator('\0').collect();
        assert_eq!(arrived, sent);
        assert_eq!(look(&machine.desk, id).await.0.arguments, Some(arguments));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interpreter_and_its_arguments_are_what_was_registered() {
    let machine = Machine::new().await;
    let python = "import sys\nprint(sys.argv, repr(sys.stdin.read()), sys.flags.isolated)\nsys.exit(3)\n";
    let end = machine.run("python3 -I -u", python).await;
    assert_eq!((written(&end).0.as_str(), &end.exit), ("['./job.sh'] '' 1\n", &Some(Exit::Code(3))));
    let end = machine.run("bash -e", "false\necho not reached\n").await;
    assert_eq!((written(&end).0.as_str(), &end.exit), ("", &Some(Exit::Code(1))));
    let end = machine.run("no-such-interpreter", "true\n").await;
    assert_eq!((end.state, &end.exit), (RunState::Done, &Some(Exit::Code(127))));
    let end = machine.run("sh", "kill -9 $$\n").await;
    assert_eq!((end.state, &end.exit), (RunState::Done, &Some(Exit::Code(137))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_output_is_counted_and_its_beginning_kept() {
    let machine = Machine::new().await;
    let end = machine.run("sh", "head -c 5000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait\n").await;
    let output = end.output.expect("an output");
    assert_eq!((output.stdout.bytes.len(), output.stdout.total), (64 << 10, 5_000_000));
    assert_eq!((output.stderr.bytes.len(), output.stderr.total), (64 << 10, 3_000_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_room_for_the_script_is_a_failure_with_its_reason() {
    let machine = Machine::new().await;
    let home = machine.sshd.shared_directory().parent().expect("a home").to_owned();
    std::fs::write(home.join(".bashrc"), "export TMPDIR=/nonexistent\n").expect("a file");
    let end = machine.run("sh", "echo ran\n").await;
    assert_eq!((end.state, &end.exit, &end.output), (RunState::Failed, &None, &None));
    let error = end.error.expect("a reason");
    assert!(error.contains("could not be put on the machine: mktemp:") && error.contains("/nonexistent"), "{error}");
    assert!(!error.contains("vmm-"), "{error}");
}

/// A script that notes where it is and which processes it has, and does not end.
fn endless(notes: &Path) -> String {
    let notes = notes.display();
    format!(
        "sleep 600 & sh -c 'sleep 600; true' & echo $$ $! $PPID >{notes}.new; pwd >>{notes}.new; mv {notes}.new {notes}; wait\n"
    )
}

async fn noted(machine: &Machine, notes: &Path) -> (String, PathBuf) {
    machine.desk.until("the script has begun", async || notes.exists()).await;
    let text = std::fs::read_to_string(notes).expect("the notes");
    let (pids, directory) = text.trim().split_once('\n').expect("two lines");
    (pids.to_owned(), PathBuf::from(directory))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_script_leaves_no_process_and_no_directory() {
    let machine = Machine::new().await;
    let notes = machine.sshd.shared_directory().join("notes");
    let id = machine.start("sh", &endless(&notes), 600).await;
    let (pids, directory) = noted(&machine, &notes).await;
    assert_eq!(machine.running(&pids).await, "3");
    assert!(directory.exists());
    machine.vmm.cancel_script_run(&machine.desk.user, id).await.expect("it goes on");
    assert_eq!(machine.end(id).await.state, RunState::Cancelled);
    machine.desk.until("no process is left", async || machine.running(&pids).await == "0").await;
    machine.desk.until("the directory is gone", async || !directory.exists()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_takes_too_long_is_a_failure_and_leaves_nothing() {
    let machine = Machine::new().await;
    let notes = machine.sshd.shared_directory().join("notes");
    let id = machine.start("sh", &endless(&notes), 3).await;
    let (pids, directory) = noted(&machine, &notes).await;
    let end = machine.end(id).await;
    assert_eq!(end.state, RunState::Failed);
    assert!(end.error.expect("a reason").contains("did not finish within 3 s"));
    machine.desk.until("no process is left", async || machine.running(&pids).await == "0").await;
    machine.desk.until("the directory is gone", async || !directory.exists()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_is_not_done_where_the_account_runs_something_else() {
    let machine = Machine::on(Sshd::start_set("ForceCommand echo Welcome; echo rules >&2").await).await;
    let end = machine.run("sh", "echo ran\n").await;
    assert_eq!((end.state, &end.exit), (RunState::Failed, &None));
    assert_eq!(written(&end), ("Welcome\n".to_owned(), "rules\n".to_owned()));
    let error = end.error.expect("a reason");
    assert!(error.starts_with("this account does not run scripts"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_whose_child_holds_its_output_keeps_its_exit_code_and_what_came() {
    let machine = Machine::new().await;
    let id = machine.start("sh", "echo before\nsleep 60 &\necho trouble >&2\nexit 5\n", 3).await;
    let end = machine.end(id).await;
    assert_eq!((end.state, &end.exit), (RunState::Failed, &Some(Exit::Code(5))));
    assert_eq!(written(&end), ("before\n".to_owned(), "trouble\n".to_owned()));
    assert!(end.duration.expect("it ran") >= Duration::from_secs(3));
    let error = end.error.expect("a reason");
    assert!(error.contains("exit code 5") && error.contains("in the background still runs"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_ends_its_own_connection_may_have_run_and_keeps_what_came() {
    let machine = Machine::new().await;
    // The shell around the script is the server's child.
    let script =
        "echo going down\nread -r line </proc/$PPID/stat\nset -- ${line##*) }\nsleep 0.5\nkill -KILL $2\nsleep 60\n";
    let end = machine.run("sh", script).await;
    assert_eq!((end.state, &end.exit), (RunState::Unknown, &None));
    assert_eq!(written(&end), ("going down\n".to_owned(), String::new()));
    let error = end.error.expect("a reason");
    assert!(error.contains("may have run") && !error.contains("try again"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_is_not_done_where_the_server_closes_its_channel() {
    let machine = Machine::on(Sshd::start_set("ChannelTimeout session:command=2s").await).await;
    let end = machine.run("sh", "echo begun\nsleep 30\nexit 7\n").await;
    assert_eq!((end.state, &end.exit), (RunState::Unknown, &None));
    assert_eq!(written(&end).0, "begun\n");
}
