//! The program itself, started as a process.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use vmm_testkit::fake::telegram::FakeTelegram;
use vmm_testkit::fixture::{MASTER_KEY, TestDesk};

const PATIENCE: Duration = Duration::from_secs(30);

/// A desk, a Telegram, and the program's files.
pub(crate) struct Place {
    pub(crate) desk: TestDesk,
    pub(crate) telegram: FakeTelegram,
    /// The address of the program's webhook, unless it polls.
    webhook: Option<SocketAddr>,
    folder: TempDir,
}

impl Place {
    /// A desk with a machine.
    pub(crate) async fn new() -> Self {
        let mut desk = TestDesk::new().await;
        desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
        desk.stop_worker().await;
        let (telegram, folder) = (FakeTelegram::start().await, tempfile::tempdir().unwrap());
        let place = Self { desk, telegram, webhook: None, folder };
        let key: String = MASTER_KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        for (name, secret) in [("token", place.telegram.token()), ("master.key", key.as_str())] {
            std::fs::write(place.file(name), secret).unwrap();
            std::fs::set_permissions(place.file(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        place
    }

    /// The same, where updates are sent to the program.
    pub(crate) async fn with_webhook() -> Self {
        // Free until the program takes it.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Self { webhook: Some(address), ..Self::new().await }
    }

    /// The webhook's address.
    fn webhook_url(&self) -> Option<String> {
        self.webhook.map(|address| format!("http://{address}/hook"))
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
            .envs(self.webhook_url().map(|url| ("VMM_BOT_WEBHOOK_URL", url)))
            .envs(self.webhook.map(|address| ("VMM_BOT_WEBHOOK_LISTEN", address.to_string())))
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
    answers_and_logs_no_secret(Place::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_answers_what_is_sent_to_it_and_logs_no_secret() {
    answers_and_logs_no_secret(Place::with_webhook().await).await;
}

async fn answers_and_logs_no_secret(place: Place) {
    use vmm_core::ExposeSecret;

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
        for call in place.telegram.calls("setWebhook") {
            let shown = call.parameters["secret_token"].as_str().unwrap();
            assert!(
                shown.len() >= 40 && !text.contains(shown) && !call.parameters["url"].as_str().unwrap().contains(shown)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_how_updates_come() {
    let place = Place::new().await;
    let (_, out) = place.output("check", &[]).await;
    assert!(out.contains("ok      updates: vmm-bot run asks Telegram for them, 0 wait\n"), "{out}");
    let place = Place::with_webhook().await;
    let url = place.webhook_url().unwrap();
    let (_, out) = place.output("check", &[]).await;
    assert!(out.contains(&format!("ok      updates: Telegram does not send them to {url} yet")), "{out}");
    let child = place.run(&[]).await;
    place.telegram.until("the webhook is set", |telegram| telegram.call_count("setWebhook") == 1).await;
    let (_, out) = place.output("check", &[]).await;
    assert!(out.contains(&format!("ok      updates: Telegram sends them to {url}, 0 wait\n")), "{out}");
    terminate(child).await;
    place.telegram.person("Alice").says("/help");
    place.telegram.until("it could not be delivered", |telegram| !telegram.deliveries().is_empty()).await;
    let (_, out) = place.output("check", &[]).await;
    assert!(out.contains(&format!("problem updates: 1 wait, because {url} failed at")), "{out}");
    let (_, out) = place.output("check", &[("VMM_BOT_WEBHOOK_URL", "https://vmm.example.org:99999/")]).await;
    assert!(out.contains("problem updates"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_wrong_and_what_to_do() {
    let place = Place::new().await;
    let (code, out) = place.output("check", &[]).await;
    assert_eq!(code, 1, "there is no libvirt: {out}");
    for line in
        ["ok      token", "ok      telegram: it knows the bot as @vmm_desk_bot", "ok      desk", "problem hypervisor"]
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
