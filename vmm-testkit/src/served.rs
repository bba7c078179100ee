//! The program `vmm-http` as a process of its own on a real libvirt, and a client to ask it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};
use vmm_core::model::DeskId;
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;

use crate::lab::Lab;

/// The password of the first admin, whose name is `admin`.
pub const PASSWORD: &str = "correct horse battery";
/// How long the program may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A desk that is served by the program, with its files in a temporary directory.
///
/// Dropping it kills the program. Machines that it made stay; [`delete_all`](Self::delete_all) removes them.
pub struct Served {
    program: PathBuf,
    lab: Lab,
    folder: TempDir,
    variables: Vec<(String, String)>,
    process: Option<Child>,
    address: String,
    token: String,
    client: reqwest::Client,
}

/// An answer: its status and its JSON, or its text as a JSON string.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Served {
    /// Sets a desk up with `init`, starts the program and logs in.
    ///
    /// # Panics
    /// When the program does not do what it should.
    pub async fn new(program: impl Into<PathBuf>, lab: &Lab) -> Self {
        let mut served = Self {
            program: program.into(),
            lab: lab.clone(),
            folder: tempfile::tempdir().expect("a temporary directory"),
            variables: Vec::new(),
            process: None,
            address: String::new(),
            token: String::new(),
            client: reqwest::Client::new(),
        };
        served.initialise().await.expect("vmm-http init");
        served.start(&[]).await;
        served
    }

    /// A directory for a test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the program has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts the program with these variables beside its settings, and logs in.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&mut self, variables: &[(&str, &str)]) {
        self.variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"));
        let mut process = self
            .command("serve")
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"))
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let out = process.stdout.take().expect("a pipe");
        let line = timeout(PATIENCE, BufReader::new(out).lines().next_line()).await;
        let Ok(Ok(Some(line))) = line else { panic!("the program did not come up:\n{}", self.log()) };
        self.address = line.rsplit(' ').next().unwrap_or_default().to_owned();
        self.process = Some(process);
        let credentials = json!({ "name": "admin", "password": PASSWORD });
        let session = self.post("/session", &credentials).await.expect_ok();
        self.token = session["token"].as_str().expect("a token").to_owned();
    }

    /// Kills the program with SIGKILL and waits until it is gone.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("the program runs");
        process.kill().await.expect("SIGKILL");
    }

    /// Stops the program as a service manager does, and expects that it ends well.
    ///
    /// # Panics
    /// When it does not end in time, or with another code than 0.
    pub async fn stop(&mut self) {
        let mut process = self.process.take().expect("the program runs");
        let pid = process.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill is there");
        assert!(sent.success());
        let status = timeout(PATIENCE, process.wait()).await.expect("it stops in time").expect("a status");
        assert!(status.success(), "it ended with {status}:\n{}", self.log());
    }

    /// The desk's id.
    ///
    /// # Panics
    /// When its database cannot be opened.
    pub async fn desk(&self) -> DeskId {
        SqliteRepository::open(self.folder.path().join("vmm.db")).await.expect("the desk's database").desk()
    }

    /// Asks, and takes whatever answer comes.
    ///
    /// # Panics
    /// When none comes.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(format!("{}{path}", self.address))).await
    }

    /// Sends, and takes whatever answer comes.
    ///
    /// # Panics
    /// When none comes.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.client.post(format!("{}{path}", self.address)).json(body)).await
    }

    /// Changes, and takes whatever answer comes.
    ///
    /// # Panics
    /// When none comes.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.client.put(format!("{}{path}", self.address)).json(body)).await
    }

    /// Deletes, and takes whatever answer comes.
    ///
    /// # Panics
    /// When none comes.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.client.delete(format!("{}{path}", self.address))).await
    }

    /// Adds an image to the catalog and waits until machines can be made from it.
    ///
    /// # Panics
    /// When it is not imported in time.
    pub async fn import(&self, name: &str, image: &Path) {
        let os = json!({ "os": [{ "name": name, "version": "12", "qcow2": image }] });
        let created = self.post("/db/os", &os).await.expect_ok();
        let job = created["os"][0]["job"].as_i64().expect("an import job");
        let ended = self.job(job, PATIENCE * 5).await;
        assert_eq!(ended["state"], "done", "{ended}");
    }

    /// Waits until a job has ended, and gives it.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn job(&self, id: i64, patience: Duration) -> Value {
        self.until(&format!("/job/{id}"), patience, |job| {
            ["done", "failed", "cancelled", "stuck"].contains(&job["state"].as_str().unwrap_or_default())
        })
        .await
    }

    /// Waits until what a path shows is as wanted, and gives it.
    ///
    /// # Panics
    /// When that takes too long, with what was seen last.
    pub async fn until(&self, path: &str, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + patience;
        loop {
            let body = self.get(path).await.expect_ok();
            if wanted(&body) {
                return body;
            }
            assert!(Instant::now() < end, "timed out at {path}: {body}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Removes every machine of the desk and waits until they are gone.
    ///
    /// # Panics
    /// When one cannot be removed.
    pub async fn delete_all(&self) {
        let vms = self.get("/db/vm").await.expect_ok();
        let mut jobs = Vec::new();
        for vm in vms["vm"].as_array().into_iter().flatten() {
            let name = vm["name"].as_str().expect("a name");
            let started = self.delete(&format!("/db/vm?name={name}")).await.expect_ok();
            jobs.push(started["job"].as_i64().expect("a job"));
        }
        for job in jobs {
            let ended = self.job(job, PATIENCE).await;
            assert_eq!(ended["state"], "done", "{ended}");
        }
    }

    async fn initialise(&self) -> io::Result<()> {
        let mut init =
            self.command("init").arg("--password-stdin").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        init.stdin.take().expect("a pipe").write_all(format!("{PASSWORD}\n").as_bytes()).await?;
        let status = init.wait().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
    }

    fn command(&self, subcommand: &str) -> Command {
        let file = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.program);
        command
            .arg(subcommand)
            .env("VMM_LISTEN", "127.0.0.1:0")
            .env("VMM_DATABASE", file("vmm.db"))
            .env("VMM_MASTER_KEY", file("master.key"))
            .env("VMM_FILES", file("files"))
            .env("VMM_LIBVIRT_URI", &self.lab.uri)
            .env("VMM_POOL", &self.lab.pool)
            .env("VMM_NETWORK", &self.lab.network)
            .env("VMM_VIRT_TYPE", "qemu")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.bearer_auth(&self.token).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("no answer: {error}\n{}", self.log()));
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }
}

impl Answer {
    /// The body of an answer that is no error.
    ///
    /// # Panics
    /// When it is one.
    #[track_caller]
    pub fn expect_ok(self) -> Value {
        assert!((200..300).contains(&self.status), "status {}: {}", self.status, self.body);
        self.body
    }
}
