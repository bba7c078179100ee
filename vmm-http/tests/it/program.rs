//! The program itself, started as a process.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with its files in this place and a libvirt that is not there.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmm-http"));
        command
            .args(arguments)
            .env_clear()
            .env("VMM_DATABASE", self.folder.path().join("data/vmm.db"))
            .env("VMM_MASTER_KEY", self.folder.path().join("data/master.key"))
            .env("VMM_FILES", self.folder.path().join("data/files"))
            .env("VMM_LIBVIRT_URI", format!("qemu+unix:///system?socket={}/none", self.folder.path().display()))
            .env("VMM_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self.program(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Starts serving, and waits for the line with the address.
    async fn serve(&self) -> (Child, String) {
        let (child, address) = self.serve_with(&[]).await;
        assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        (child, address)
    }

    pub(crate) async fn serve_with(&self, variables: &[(&str, &Path)]) -> (Child, String) {
        let mut program = self.program(&["serve"]);
        let mut child = program.envs(variables.iter().copied()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        (child, line.rsplit(' ').next().unwrap().to_owned())
    }
}

pub(crate) async fn terminate(child: &Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
}

#[tokio::test]
async fn init_makes_everything_once() {
    let place = Place::new();
    let (code, out, _) = place.run(&["init"], "").await;
    assert_eq!(code, 0);
    let password = out.lines().find_map(|line| line.strip_prefix("password ")).unwrap();
    assert_eq!(password.len(), 24);
    let (code, again, _) = place.run(&["init"], "").await;
    assert_eq!(code, 0);
    assert!(again.contains("exists admin admin; nothing was changed") && !again.contains("password"), "{again}");
}

#[tokio::test]
async fn what_init_made_can_log_in_and_serve_stops_in_order() {
    let place = Place::new();
    let (code, out, _) = place.run(&["init", "--name", "chief", "--password-stdin"], "a good long password\n").await;
    assert_eq!(code, 0);
    assert!(out.contains("made   admin chief") && !out.contains("good"), "{out}");
    let (mut child, address) = place.serve().await;
    let client = reqwest::Client::new();
    let login = client
        .post(format!("{address}/session"))
        .json(&serde_json::json!({"name": "chief", "password": "a good long password"}))
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), 200);
    assert_eq!(login.json::<Value>().await.unwrap()["user"]["role"], "admin");
    let ready = client.get(format!("{address}/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503, "there is no libvirt");
    terminate(&child).await;
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_request_that_runs_is_answered_before_the_end() {
    let place = Place::new();
    place.run(&["init", "--password-stdin"], "a good long password\n").await;
    let (mut child, address) = place.serve().await;
    let body = br#"{"name":"admin","password":"a good long password"}"#;
    let mut socket = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&body[..10]).await.unwrap();
    // Another answer shows that the server runs and has had time to read the first half.
    assert_eq!(reqwest::get(format!("{address}/healthz")).await.unwrap().status(), 200);
    terminate(&child).await;
    let refused = async {
        while reqwest::get(format!("{address}/healthz")).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("no new request is taken");
    socket.write_all(&body[10..]).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn serve_before_init_says_to_run_init_and_makes_nothing() {
    let place = Place::new();
    for with_directory in [false, true] {
        if with_directory {
            std::fs::create_dir(place.file("data")).unwrap();
        }
        let (code, _, error) = place.run(&["serve"], "").await;
        assert_eq!(code, 1);
        assert!(error.contains("vmm.db is not there; run vmm-http init"), "{error}");
        assert!(!place.file("data/vmm.db").exists() && !place.file("data/master.key").exists());
    }
}

#[tokio::test]
async fn serve_without_an_admin_says_to_run_init() {
    let place = Place::new();
    // An `init` that ended before it could read a password leaves a desk without an account.
    let (code, _, _) = place.run(&["init", "--password-stdin"], "").await;
    assert_eq!(code, 1);
    assert!(place.file("data/vmm.db").exists());
    let (code, _, error) = place.run(&["serve"], "").await;
    assert_eq!(code, 1);
    assert!(error.contains("there is no admin") && error.contains("run vmm-http init"), "{error}");
    place.run(&["init", "--password-stdin"], "a good long password\n").await;
    let (child, _) = place.serve().await;
    terminate(&child).await;
}

#[tokio::test]
async fn doctor_says_what_is_wrong_and_what_to_do() {
    let place = Place::new();
    let (code, out, _) = place.run(&["doctor"], "").await;
    assert_eq!(code, 1);
    for line in ["ok      listen", "problem database", "problem master key", "problem file area", "problem hypervisor"]
    {
        assert!(out.lines().any(|found| found.starts_with(line)), "{line} is missing in {out}");
    }
    assert_eq!(out.lines().last(), Some("next    vmm-http init"), "{out}");
    assert_eq!(out.matches("next ").count(), 1, "{out}");
    place.run(&["init"], "").await;
    let (code, out, _) = place.run(&["doctor"], "").await;
    assert_eq!(code, 1);
    for line in [
        "ok      database",
        "ok      master key",
        "ok      file area",
        "ok      admin",
        "problem hypervisor",
        "warning catalog",
    ] {
        assert!(out.lines().any(|found| found.starts_with(line)), "{line} is missing in {out}");
    }
}

#[tokio::test]
async fn a_wrong_setting_is_named() {
    let place = Place::new();
    let output = place.program(&["serve"]).env("VMM_LISTEN", "0.0.0.0:0").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("allow_plain_http"), "{error}");
    let file = place.folder.path().join("vmm.toml");
    std::fs::write(&file, "lisen = \"127.0.0.1:0\"\n").unwrap();
    let (code, _, error) = place.run(&["--config", file.to_str().unwrap(), "doctor"], "").await;
    assert_eq!(code, 1);
    assert!(error.contains("lisen") && error.contains("vmm.toml"), "{error}");
}

#[tokio::test]
async fn the_specification_is_printed() {
    let (code, out, _) = Place::new().run(&["openapi"], "").await;
    assert_eq!(code, 0);
    assert_eq!(out, vmm_http::openapi());
}

#[tokio::test]
async fn a_new_master_key_needs_a_desk_that_nobody_uses() {
    let place = Place::new();
    let (code, _, error) = place.run(&["rotate-key"], "").await;
    assert_eq!(code, 1);
    assert!(error.contains("run vmm-http init"), "{error}");
    place.run(&["init"], "").await;
    let key = std::fs::read(place.file("data/master.key")).unwrap();
    let (mut child, address) = place.serve().await;
    let (code, _, error) = place.run(&["rotate-key"], "").await;
    assert_eq!(code, 1);
    assert!(error.contains("stop every vmm program"), "{error}");
    assert_eq!(reqwest::get(format!("{address}/healthz")).await.unwrap().status(), 200);
    terminate(&child).await;
    child.wait().await.unwrap();
    assert_eq!(std::fs::read(place.file("data/master.key")).unwrap(), key);
    let (code, out, error) = place.run(&["rotate-key"], "").await;
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("made   master key"), "{out}");
    assert_ne!(std::fs::read(place.file("data/master.key")).unwrap(), key);
    let (mut child, _) = place.serve().await;
    terminate(&child).await;
    child.wait().await.unwrap();
    std::fs::write(place.file("data/master.key"), key).unwrap();
    let (code, _, error) = place.run(&["serve"], "").await;
    assert_eq!(code, 1);
    assert!(error.contains("is not the key of this database"), "{error}");
}

#[cfg(feature = "crash-points")]
#[tokio::test]
async fn kill_9_at_every_point_of_a_rotation_leaves_one_key_that_fits() {
    for point in vmm_core::crash::rotation_points() {
        let place = Place::new();
        place.run(&["init"], "").await;
        let (key, next) = (place.file("data/master.key"), place.file("data/master.key.next"));
        let old = std::fs::read(&key).unwrap();
        let mut halted = place.program(&["rotate-key"]);
        let reached = place.file("reached");
        let mut halted = halted.env("VMM_CRASH_AT", &point).env("VMM_CRASH_REACHED", &reached).spawn().unwrap();
        let end = tokio::time::Instant::now() + PATIENCE;
        while !reached.exists() {
            assert!(tokio::time::Instant::now() < end, "{point} was not reached");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        halted.kill().await.unwrap();
        let (mut child, _) = place.serve().await;
        terminate(&child).await;
        assert_eq!(child.wait().await.unwrap().code(), Some(0), "{point}");
        let kept = std::fs::read(&key).unwrap();
        assert_eq!(kept == old, point.ends_with("written"), "{point}");
        assert!(kept == old || !next.exists(), "{point}");
        // The next one is as good as any, whatever is left.
        let (code, _, error) = place.run(&["rotate-key"], "").await;
        assert_eq!(code, 0, "{point}: {error}");
        assert!(std::fs::read(&key).unwrap() != kept && !next.exists(), "{point}");
        place.run(&["doctor"], "").await.1.lines().find(|line| line.starts_with("ok      admin")).unwrap();
    }
}

#[tokio::test]
async fn an_audit_log_is_verified_and_an_edited_row_is_named() {
    let place = Place::new();
    place.run(&["init"], "").await;
    let (code, out, error) = place.run(&["verify-audit"], "").await;
    assert_eq!(code, 0, "{error}");
    let newest = out.trim().rsplit(' ').next().unwrap();
    assert!(out.starts_with("ok     1 rows of the audit log fit") && newest.starts_with("1:"), "{out}");
    let kept = &newest[..14];
    assert_eq!(place.run(&["verify-audit", kept, newest], "").await.0, 0);
    let (code, out, _) = place.run(&["verify-audit", "1:000000000000"], "").await;
    assert!(code == 1 && out.contains("has changed since that hash was kept"), "{out}");
    let (code, out, _) = place.run(&["verify-audit", "2:000000000000"], "").await;
    assert!(code == 1 && out.contains("row 2 is not there"), "{out}");

    // The chain goes on under another master key.
    let (code, _, error) = place.run(&["rotate-key"], "").await;
    assert_eq!(code, 0, "{error}");
    let (code, out, _) = place.run(&["verify-audit", kept], "").await;
    assert!(code == 0 && out.starts_with("ok     2 rows"), "{out}");

    // One character of a text, where nothing but the chain can tell.
    let path = place.file("data/vmm.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(11).position(|window| window == b"user.create").unwrap();
    bytes[at] = b'U';
    std::fs::write(&path, bytes).unwrap();
    let (code, out, _) = place.run(&["verify-audit"], "").await;
    assert!(code == 1 && out.starts_with("wrong  row 1 of the audit log is the first that does not fit"), "{out}");
    let (_, out, _) = place.run(&["doctor"], "").await;
    assert!(out.contains("problem audit log: row 1 is the first that was tampered with"), "{out}");
}

#[tokio::test]
async fn the_program_leaves_no_core_file() {
    let place = Place::new();
    place.run(&["init"], "").await;
    let (mut child, _) = place.serve().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id().unwrap())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    terminate(&child).await;
    child.wait().await.unwrap();
}

#[tokio::test]
async fn a_directory_that_everybody_may_write_into_is_refused_with_the_command_that_mends_it() {
    let place = Place::new();
    place.run(&["init"], "").await;
    let data = place.file("data");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mends = format!("run: chmod o-w {}", data.display());
    for command in ["serve", "verify-audit", "init"] {
        let (code, _, error) = place.run(&[command], "").await;
        assert!(code == 1 && error.contains("mode 777") && error.contains(&mends), "{command}: {error}");
    }
    let (code, out, _) = place.run(&["doctor"], "").await;
    assert!(code == 1 && out.contains(&mends), "{out}");
}
