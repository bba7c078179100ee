//! The program itself, started as a process.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use vmm_testkit::fake::telegram::FakeTelegram;
use vmm_testkit::fixture::{MASTER_KEY, TestDesk};

const PATIENCE: Duration = Duration::from_secs(30);

/// A desk, a Telegram, and the program's files.
pub(crate) struct Place {
    pub(crate) desk: TestDesk,
    pub(crate) telegram: FakeTelegram,
    folder: TempDir,
}

impl Place {
    /// A desk with a machine.
    pub(crate) async fn new() -> Self {
        let mut desk = TestDesk::new().await;
        desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
        desk.stop_worker().await;
        let place = Self { desk, telegram: FakeTelegram::start().await, folder: tempfile::tempdir().unwrap() };
        let key: String = MASTER_KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        for (name, secret) in [("token", place.telegram.token()), ("master.key", key.as_str())] {
            std::fs::write(place.file(name), secret).unwrap();
            std::fs::set_permissions(place.file(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        place
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, command: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_vmm-bot"));
        program
            .arg(command)
            .env_clear()
            .env("VMM_DATABASE", self.desk.database())
            .env("VMM_MASTER_KEY", self.file("master.key"))
            .env("VMM_FILES", self.file("files"))
            .env("VMM_LIBVIRT_URI", format!("qemu+unix:///system?socket={}", self.file("none").display()))
            .env("VMM_BOT_TOKEN_FILE", self.file("token"))
            .env("VMM_BOT_API_URL", self.telegram.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        program
    }

    /// Starts answering; waits for the line that says so. What is logged goes to the file `log`.
    pub(crate) async fn run(&self, variables: &[(&str, String)]) -> Child {
        let log = std::fs::File::options().append(true).create(true).open(self.file("log")).unwrap();
        let mut child = self.program("run").envs(variables.iter().cloned()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        assert_eq!(line.as_deref(), Some("vmm-bot runs"), "{}", self.log());
        child
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    async fn output(&self, command: &str, variables: &[(&str, &str)]) -> (i32, String) {
        let output = self.program(command).envs(variables.iter().copied()).output().await.unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), text)
    }
}

/// Stops the program in order.
pub(crate) async fn terminate(mut child: Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_answers_until_it_is_told_to_stop_and_logs_no_secret() {
    use vmm_core::ExposeSecret;

    let place = Place::new().await;
    let child = place.run(&[("VMM_LOG", "trace".to_owned())]).await;
    let alice = place.telegram.person("Alice");
    let code = place.desk.vmm.create_link_code(&place.desk.user, None).await.unwrap().code;
    alice.says(&format!("/start {}", code.expose_secret()));
    alice.sees("Welcome, alice").await;
    alice.says("/vms");
    alice.sees("web-1").await;
    assert!(!place.telegram.commands("{\"type\":\"default\"}").is_empty());
    let pid = child.id().unwrap();
    let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    terminate(child).await;
    for text in [place.log(), arguments] {
        let secret = place.telegram.token().split(':').nth(1).unwrap();
        assert!(!text.contains(secret) && !text.contains(code.expose_secret()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_wrong_and_what_to_do() {
    let place = Place::new().await;
    let (code, out) = place.output("check", &[]).await;
    assert_eq!(code, 1, "there is no libvirt: {out}");
    for line in
        ["ok      token", "ok      telegram: knows the bot as @vmm_desk_bot", "ok      desk", "problem hypervisor"]
    {
        assert!(out.lines().any(|found| found.starts_with(line)), "{line} is missing in {out}");
    }
    std::fs::set_permissions(place.file("token"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (_, out) = place.output("check", &[("VMM_DATABASE", "/nowhere/vmm.db")]).await;
    assert!(out.contains("chmod 600") && out.contains("run vmm-http init"), "{out}");
    let (_, out) = place.output("check", &[("VMM_BOT_TOKEN", "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]).await;
    assert!(out.contains("problem telegram"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_or_setting_ends_it_with_a_reason() {
    let place = Place::new().await;
    let (code, out) = place.output("run", &[("VMM_BOT_TOKEN", "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]).await;
    assert!(code == 1 && out.contains("BotFather"), "{out}");
    let (code, out) = place.output("run", &[("VMM_BOT_TOKEN_FILE", "/nowhere/token")]).await;
    assert!(code == 1 && out.contains("/nowhere/token"), "{out}");
    let (code, out) = place.output("run", &[("VMM_BOT_API_URL", "nowhere")]).await;
    assert!(code == 1 && out.contains("api.telegram.org"), "{out}");
}
