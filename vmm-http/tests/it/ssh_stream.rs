//! Commands on machines, followed while they run.

use std::time::Duration;

use serde_json::{Value, json};
use vmm_core::model::{AuditFilter, Outcome};
use vmm_core::repository::Repository;
use vmm_testkit::fake::remote::Answer;

use crate::app::{App, Who};
use crate::ssh::commands;
use crate::stream::{PATIENCE, Stream};

async fn open(app: &App, body: Value) -> Stream {
    Stream::open(app, Who::Alice, "/vm/ssh/stream?web-1", Some(body)).await
}

#[tokio::test]
async fn output_is_told_as_it_comes_and_each_command_ends_with_its_result() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "greet", Answer::stdout("gr\u{fc}\u{df}e\n").with_stderr([0xff]));
    app.desk.remote.answer(address, "false", Answer::code(1));
    app.desk.remote.answer(address, "hang", Answer::hangs());
    let mut stream = open(&app, commands(&["greet", "false", "hang", "greet"])).await;
    let output = |stream: &str, text: &str| json!({"command": 0, "stream": stream, "text": text});
    assert_eq!(stream.next().await.unwrap(), ("output".to_owned(), output("stdout", "gr\u{fc}\u{df}e\n")));
    assert_eq!(stream.next().await.unwrap(), ("output".to_owned(), output("stderr", "\u{fffd}")));
    for (command, code) in [(0, 0), (1, 1)] {
        let (name, end) = stream.next().await.unwrap();
        assert_eq!((name.as_str(), &end["command"], &end["exit_code"]), ("result", &json!(command), &json!(code)));
        assert!(end["duration_ms"].is_u64() && end["stdout_truncated"] == json!(false), "{end}");
    }
    let (name, problem) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["command"]), ("problem", &json!(2)));
    assert_eq!(problem["error"]["type"], "urn:vmm:problem:timeout");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn what_goes_wrong_at_once_has_its_status() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.refuse_logins(address);
    let answer = app.post(Who::Alice, "/vm/ssh/stream?vm=web-1", commands(&["true"])).await;
    answer.assert_problem(422);
    assert_eq!(answer.body["type"], "urn:vmm:problem:login-refused");
    app.post(Who::Alice, "/vm/ssh/stream?vm=nowhere", commands(&["true"])).await.assert_problem(404);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_commands_and_that_is_recorded() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "talk", Answer::stdout("begun").taking(Duration::from_secs(3600)));
    let mut patient = commands(&["talk"]);
    patient["ssh"][0]["timeout"] = json!(3600);
    let mut stream = open(&app, patient).await;
    assert_eq!(stream.next().await.unwrap().1["text"], "begun");
    drop(stream);
    ends_with_its_client(&app).await;
}

#[tokio::test]
async fn so_does_one_that_waits_for_the_whole_answer() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "sleep", Answer::hangs());
    let mut patient = commands(&["sleep"]);
    patient["ssh"][0]["timeout"] = json!(3600);
    let request = reqwest::Client::new()
        .post(format!("http://{}/vm/ssh?vm=web-1", app.address))
        .bearer_auth(app.token(Who::Alice).await.unwrap())
        .json(&patient);
    let call = tokio::spawn(request.send());
    while !app.desk.remote.calls().iter().any(|call| call.line.as_deref() == Some("sleep")) {
        tokio::task::yield_now().await;
    }
    call.abort();
    ends_with_its_client(&app).await;
}

/// Waits until the audit log says that nobody waited for the end of the commands.
async fn ends_with_its_client(app: &App) {
    let filter = AuditFilter { outcome: Some(Outcome::Failed), ..AuditFilter::default() };
    let recorded = async {
        loop {
            let rows = app.desk.repository.audit().list(&filter).await.unwrap();
            if let Some(row) = rows.into_iter().find(|row| row.action == "vm.ssh") {
                return row.detail;
            }
            tokio::task::yield_now().await;
        }
    };
    let detail = tokio::time::timeout(PATIENCE, recorded).await.expect("it ends with its client");
    assert!(detail.contains("stopped waiting"), "{detail}");
}

#[tokio::test]
async fn a_lost_connection_is_the_problem_of_the_command_that_may_have_run() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "reboot", Answer::stdout("down").losing_the_connection());
    let mut stream = open(&app, commands(&["reboot"])).await;
    assert_eq!(stream.next().await.unwrap().1["text"], "down");
    let (name, problem) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["command"], problem.get("exit_code")), ("problem", &json!(0), None));
    assert_eq!(problem["error"]["type"], "urn:vmm:problem:end-unknown");
    assert_eq!(stream.next().await, None);
}
