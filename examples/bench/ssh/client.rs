//! Our side as a program of its own: reads a task from its standard input and writes what it took of memory.

use std::io::Read;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::task::JoinSet;
use vmm_core::remote::libssh2::{Libssh2Config, Libssh2Exec};
use vmm_core::remote::tree::pack;
use vmm_core::remote::{
    Command, Credential, DEFAULT_TRANSFER_DEADLINE, Download, Endpoint, Exit, Login, Place, Progress, RemoteExec,
    TreeUpload, Upload,
};
use vmm_testkit::load;

use super::other::Other;

/// Does the task.
pub(crate) async fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("a task");
    let task = Task(serde_json::from_str(&text).expect("a task in JSON"));
    match task.text("what") {
        "run" => run(&task).await,
        "send" => send(&task).await,
        "receive" => receive(&task).await,
        "send-tree" => send_tree(&task).await,
        "other-send" => other(&task).await.send(task.text("local"), task.text("there")).await,
        "other-receive" => other(&task).await.receive(task.text("there"), task.text("local")).await,
        other => panic!("there is no task {other:?}"),
    }
    println!("{}", load::peak_memory(std::process::id()).expect("Linux tells"));
}

struct Task(Value);

impl Task {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().expect("a text of the task")
    }

    fn at_once(&self) -> usize {
        self.0["at_once"].as_u64().and_then(|number| number.try_into().ok()).unwrap_or(1)
    }

    fn remote(&self) -> Libssh2Exec {
        let mut config = Libssh2Config::default();
        config.sessions = self.at_once();
        config.sessions_of_a_machine = self.at_once();
        Libssh2Exec::new(&config)
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let addresses = self.0["addresses"].as_array().expect("addresses").iter();
        let address = |address: &Value| address.as_str().and_then(|text| text.parse::<SocketAddr>().ok());
        let endpoint = |value| Endpoint {
            address: address(value).expect("an address"),
            host_key: self.text("host_key").parse().expect("a key"),
        };
        addresses.map(endpoint).collect()
    }

    fn login(&self) -> Login {
        Login { user: self.text("user").into(), credential: Credential::PrivateKey(self.text("key").into()) }
    }

    fn place(&self, file: &str) -> Place {
        Place::new(self.text("directory"), file).expect("a place")
    }
}

/// One command on every host.
async fn run(task: &Task) {
    let (remote, login, command) = (task.remote(), task.login(), Command::new(task.text("command")));
    let mut calls = JoinSet::new();
    for endpoint in task.endpoints() {
        let (remote, login, command) = (remote.clone(), login.clone(), command.clone());
        calls.spawn(async move { remote.run(&endpoint, &login, &command).await });
    }
    while let Some(answer) = calls.join_next().await {
        let output = answer.expect("no panic").expect("the command runs");
        assert_eq!(output.exit, Exit::Code(0));
    }
}

async fn other(task: &Task) -> Other {
    Other::connect(&task.endpoints()[0], &task.login(), task.text("cipher") == "aes").await
}

async fn send(task: &Task) {
    let upload = Upload {
        place: task.place("sent"),
        mode: None,
        deadline: DEFAULT_TRANSFER_DEADLINE,
        progress: Progress::default(),
    };
    let source = tokio::fs::File::open(task.text("local")).await.expect("a file of our own");
    let endpoint = &task.endpoints()[0];
    task.remote().send(endpoint, &task.login(), &upload, Box::new(source)).await.expect("it is sent");
}

async fn receive(task: &Task) {
    let download = Download {
        place: task.place(task.text("file")),
        deadline: DEFAULT_TRANSFER_DEADLINE,
        progress: Progress::default(),
    };
    let sink = tokio::fs::File::create(task.text("local")).await.expect("a file of our own");
    let endpoint = &task.endpoints()[0];
    task.remote().receive(endpoint, &task.login(), &download, Box::new(sink)).await.expect("it is received");
}

/// A directory with everything in it.
async fn send_tree(task: &Task) {
    let upload = TreeUpload {
        place: task.place("sent"),
        replace: true,
        deadline: DEFAULT_TRANSFER_DEADLINE,
        progress: Progress::default(),
    };
    let (endpoint, archive) = (&task.endpoints()[0], pack(task.text("local").into()));
    task.remote().send_tree(endpoint, &task.login(), &upload, archive).await.expect("it is sent");
}
