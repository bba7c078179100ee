//! The program `vmm-http` as a process of its own on a real libvirt, and a client to ask it.
//!
//! Tests call the methods that panic. A program for people calls their namesakes that begin with `try_`.

mod answer;

use std::net::SocketAddr;
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

pub use answer::{Answer, Trouble};

use answer::trouble;

use crate::lab::Lab;

/// The password of the first admin, whose name is `admin`.
pub const PASSWORD: &str = "correct horse battery";
/// The time that the program may take to start, or to stop.
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

impl Served {
    /// Sets a desk up with `init`, starts the program and logs in.
    ///
    /// # Panics
    /// When the program does not do what it should.
    pub async fn new(program: impl Into<PathBuf>, lab: &Lab) -> Self {
        let mut served = Self::try_new(program, lab).unwrap_or_else(|trouble| panic!("{trouble}"));
        served.try_set_up().await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", served.log()));
        served
    }

    /// Makes the place for a desk, which nothing is in before [`try_set_up`](Self::try_set_up).
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn try_new(program: impl Into<PathBuf>, lab: &Lab) -> Result<Self, Trouble> {
        Ok(Self {
            program: program.into(),
            lab: lab.clone(),
            folder: tempfile::tempdir().map_err(trouble("a temporary directory cannot be made"))?,
            variables: Vec::new(),
            process: None,
            address: String::new(),
            token: String::new(),
            client: reqwest::Client::new(),
        })
    }

    /// Returns the desk with these variables beside its settings.
    #[must_use]
    pub fn with_variables(self, variables: &[(&str, &str)]) -> Self {
        Self { variables: owned(variables), ..self }
    }

    /// Sets the desk up with `init`, starts the program and logs in.
    ///
    /// # Errors
    /// When the program does not do what it should.
    pub async fn try_set_up(&mut self) -> Result<(), Trouble> {
        self.initialise().await?;
        self.try_start().await
    }

    /// A directory for a test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the program's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts the program with these variables beside its settings, and logs in.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&mut self, variables: &[(&str, &str)]) {
        self.variables = owned(variables);
        self.try_start().await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", self.log()));
    }

    async fn try_start(&mut self) -> Result<(), Trouble> {
        let starts = || format!("{} cannot be started", self.program.display());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"));
        let mut process = self
            .command("serve")
            .stdout(Stdio::piped())
            .stderr(log.map_err(trouble("a log file cannot be made"))?)
            .kill_on_drop(true)
            .spawn()
            .map_err(trouble(starts()))?;
        let out = process.stdout.take().ok_or_else(|| Trouble(starts()))?;
        let line = timeout(PATIENCE, BufReader::new(out).lines().next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            return Err(Trouble(format!("{} serve did not come up", self.program.display())));
        };
        line.rsplit(' ').next().unwrap_or_default().clone_into(&mut self.address);
        self.process = Some(process);
        let session = self.try_post("/session", &json!({ "name": "admin", "password": PASSWORD })).await?;
        session["token"].as_str().unwrap_or_default().clone_into(&mut self.token);
        Ok(())
    }

    /// Returns whether the program was started and signed in to.
    pub fn is_up(&self) -> bool {
        self.process.is_some() && !self.token.is_empty()
    }

    /// Returns the address at which the program listens, while it runs.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.rsplit('/').next()?.parse().ok()
    }

    /// Returns the token of the admin's login.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the id of the program's process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref()?.id()
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
        assert!(self.process.is_some(), "the program runs");
        self.try_stop().await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", self.log()));
    }

    /// Stops the program as a service manager does, if it runs.
    ///
    /// # Errors
    /// When it does not end in time, or with another code than 0.
    pub async fn try_stop(&mut self) -> Result<(), Trouble> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let pid = process.id().ok_or_else(|| Trouble("the server ended by itself".to_owned()))?.to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        sent.map_err(trouble("the server cannot be told to stop"))?;
        let status = timeout(PATIENCE, process.wait()).await.map_err(trouble("the server did not stop in time"))?;
        let status = status.map_err(trouble("the server's end cannot be seen"))?;
        if status.success() { Ok(()) } else { Err(Trouble(format!("the server ended with {status}"))) }
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

    /// Asks for something that should be there.
    ///
    /// # Errors
    /// When no answer comes, or one that is an error.
    pub async fn try_get(&self, path: &str) -> Result<Value, Trouble> {
        self.try_send(self.client.get(format!("{}{path}", self.address))).await?.ok(path)
    }

    /// Sends what should be taken.
    ///
    /// # Errors
    /// When no answer comes, or one that is an error.
    pub async fn try_post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.try_send(self.client.post(format!("{}{path}", self.address)).json(body)).await?.ok(path)
    }

    /// Adds an image to the catalog and waits until machines can be made from it.
    ///
    /// # Panics
    /// When it is not imported in time.
    pub async fn import(&self, name: &str, image: &Path) {
        self.try_import(name, image).await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", self.log()));
    }

    /// Adds an image to the catalog and waits until machines can be made from it.
    ///
    /// # Errors
    /// When it is not imported in time.
    pub async fn try_import(&self, name: &str, image: &Path) -> Result<(), Trouble> {
        let os = json!({ "os": [{ "name": name, "version": "12", "qcow2": image }] });
        let created = self.try_post("/db/os", &os).await?;
        self.done(&created["os"][0]["job"], PATIENCE * 5).await
    }

    /// Waits until a job has ended, and gives it.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn job(&self, id: i64, patience: Duration) -> Value {
        self.until(&format!("/job/{id}"), patience, ended).await
    }

    /// Waits until a job is done.
    async fn done(&self, job: &Value, patience: Duration) -> Result<(), Trouble> {
        let job = self.try_until(&format!("/job/{job}"), patience, ended).await?;
        if job["state"] == "done" {
            return Ok(());
        }
        let [title, state, error] = ["title", "state", "error"].map(|key| job[key].as_str().unwrap_or_default());
        Err(Trouble(format!("the job for {title} is {state}: {error}")))
    }

    /// Waits until what a path shows is as wanted, and gives it.
    ///
    /// # Panics
    /// When that takes too long, with what was seen last.
    pub async fn until(&self, path: &str, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        self.try_until(path, patience, wanted).await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", self.log()))
    }

    /// Waits until what a path shows is as wanted, and gives it.
    ///
    /// # Errors
    /// When that takes too long, with what was seen last.
    pub async fn try_until(
        &self,
        path: &str,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Trouble> {
        let end = Instant::now() + patience;
        loop {
            let body = self.try_get(path).await?;
            if wanted(&body) {
                return Ok(body);
            }
            if Instant::now() > end {
                return Err(Trouble(format!("timed out after {} s at {path}: {body}", patience.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Removes every machine of the desk and waits until they are gone.
    ///
    /// # Panics
    /// When one cannot be removed.
    pub async fn delete_all(&self) {
        self.try_delete_all().await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", self.log()));
    }

    /// Removes every machine of the desk and waits until they are gone.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub async fn try_delete_all(&self) -> Result<(), Trouble> {
        let vms = self.try_get("/db/vm").await?;
        let mut jobs = Vec::new();
        for vm in vms["vm"].as_array().into_iter().flatten() {
            let path = format!("/db/vm?name={}", vm["name"].as_str().unwrap_or_default());
            let started = self.try_send(self.client.delete(format!("{}{path}", self.address))).await?.ok(&path)?;
            jobs.push(started["job"].clone());
        }
        for job in jobs {
            self.done(&job, PATIENCE).await?;
        }
        Ok(())
    }

    async fn initialise(&self) -> Result<(), Trouble> {
        let runs = || format!("{} init cannot be run", self.program.display());
        let mut init = self
            .command("init")
            .arg("--password-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(trouble(runs()))?;
        let mut input = init.stdin.take().ok_or_else(|| Trouble(runs()))?;
        input.write_all(format!("{PASSWORD}\n").as_bytes()).await.map_err(trouble(runs()))?;
        drop(input);
        let status = init.wait().await.map_err(trouble(runs()))?;
        if status.success() {
            Ok(())
        } else {
            Err(Trouble(format!("{} init ended with {status}", self.program.display())))
        }
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
            // The images of the lab and of tests are anywhere.
            .env("VMM_IMAGE_DIRS", "/")
            .env("VMM_LIBVIRT_URI", &self.lab.uri)
            .env("VMM_POOL", &self.lab.pool)
            .env("VMM_NETWORK", &self.lab.network)
            .env("VMM_VIRT_TYPE", "qemu")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap_or_else(|trouble| panic!("{trouble}\n{}", self.log()))
    }

    async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Answer, Trouble> {
        let silent = || "the server does not answer";
        let answer = request.bearer_auth(&self.token).send().await.map_err(trouble(silent()))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(trouble(silent()))?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Returns whether a job has come to an end.
fn ended(job: &Value) -> bool {
    ["done", "failed", "cancelled", "stuck", "closed"].contains(&job["state"].as_str().unwrap_or_default())
}
