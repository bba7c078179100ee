//! A program run as a child, and what it took.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The resources that a program used, its child processes included.
#[derive(Clone, Debug, Default)]
pub(super) struct Took {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) output: String,
}

/// A program, with its arguments.
pub(super) struct Program {
    words: Vec<String>,
    environment: Vec<(&'static str, String)>,
    input: String,
}

impl Program {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { words: vec![name.into()], environment: Vec::new(), input: String::new() }
    }

    /// This program's other face, which reads its task.
    pub(super) fn client(task: &Value) -> Self {
        let own = std::env::current_exe().expect("this program's file");
        Self { input: task.to_string(), ..Self::new(own.display().to_string()).words(["ssh-client"]) }
    }

    pub(super) fn words<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(super) fn reading(self, input: impl Into<String>) -> Self {
        Self { input: input.into(), ..self }
    }

    /// Runs it to its end, beside the runtime.
    pub(super) async fn run(self) -> Took {
        tokio::task::spawn_blocking(move || self.run_here()).await.expect("a program that runs")
    }

    fn run_here(self) -> Took {
        // The shell reckons in what its child has waited for, which one's own `getrusage` would mix with other
        // children.
        let mut child = Command::new("bash")
            .args(["-c", "TIMEFORMAT='%R %U %S'; { time \"$@\" 2>&3; } 3>&1", "bench"])
            .args(&self.words)
            .env("LC_ALL", "C.UTF-8")
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash is there");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = self.input;
        // A program may end without reading all of it.
        let feed = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let ended = child.wait_with_output().expect("it ends");
        let _ = feed.join();
        let output = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{} failed: {output}", self.words.join(" "));
        let times = String::from_utf8_lossy(&ended.stderr).into_owned();
        let seconds = |at| {
            let word = times.split_whitespace().nth(at).and_then(|word| word.parse().ok());
            Duration::from_secs_f64(word.expect("a time in seconds"))
        };
        Took { wall: seconds(0), cpu: seconds(1) + seconds(2), output }
    }
}

/// Returns whether a peer is installed; if it is not, prints which package is missing.
pub(super) fn installed(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| is_file(&folder, program.as_ref()));
    if !found {
        println!("  NO PEER: `{program}` is missing; `make bench-packages` or `apt-get install {package}` installs it");
    }
    found
}

fn is_file(folder: &Path, program: &OsStr) -> bool {
    folder.join(program).is_file()
}
