use std::time::Duration;

use serde_json::{Value, json};
use vmm_core::host::Hypervisor;
use vmm_core::remote::Exit;
use vmm_testkit::fake::remote::Answer;

use crate::app::{App, Who};

pub(crate) fn commands(lines: &[&str]) -> Value {
    let command = |line: &&str| json!({"command": line, "user": "vm-user", "password": "s3cretP4ss", "timeout": 1});
    json!({"ssh": lines.iter().map(command).collect::<Vec<_>>()})
}

#[tokio::test]
async fn commands_answer_in_order_and_a_non_zero_exit_is_a_result() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "echo hello ssh", Answer::stdout("hello ssh\n"));
    app.desk.remote.answer(address, "false", Answer::code(1).with_stderr("no\n"));
    app.desk.remote.answer(address, "kill -9 $$", Answer::stdout("").with_exit(Exit::Signal("KILL".to_owned())));
    let body = commands(&["echo hello ssh", "false", "kill -9 $$"]);
    let answer = app.post(Who::Bob, "/vm/ssh?vm=web-1", body).await.ok();
    let [hello, no, killed] = [&answer["ssh"][0], &answer["ssh"][1], &answer["ssh"][2]];
    assert_eq!((&hello["exit_code"], &hello["stdout"]), (&json!(0), &json!("hello ssh\n")));
    assert_eq!((&hello["stdout_truncated"], hello["duration_ms"].is_u64()), (&json!(false), true));
    assert_eq!((&no["exit_code"], &no["stderr"]), (&json!(1), &json!("no\n")));
    assert_eq!((&killed["signal"], killed.get("exit_code")), (&json!("KILL"), None));
}

#[tokio::test]
async fn a_command_that_hangs_ends_in_time_and_the_rest_is_not_tried() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "true", Answer::code(0));
    app.desk.remote.answer(address, "sleep", Answer::stdout("").taking(Duration::from_secs(3600)));
    let answer = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true", "sleep", "true"])).await.ok();
    assert_eq!(answer["ssh"].as_array().unwrap().len(), 3);
    assert_eq!(answer["ssh"][1]["error"]["type"], "urn:vmm:problem:timeout");
    assert!(answer["ssh"][2]["error"]["detail"].as_str().unwrap().contains("not tried"));
}

#[tokio::test]
async fn what_came_before_a_command_was_given_up_is_in_its_result() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "count", Answer::stdout("one\n").taking(Duration::from_secs(3600)));
    let left = Answer::stdout("started\n").with_stderr("beside\n").with_exit(Exit::Code(5)).leaving_a_process();
    app.desk.remote.answer(address, "daemon", left);
    let result = async |line| app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&[line])).await.ok()["ssh"][0].clone();
    let count = result("count").await;
    assert_eq!((&count["stdout"], count.get("exit_code")), (&json!("one\n"), None));
    assert_eq!(count["error"]["type"], "urn:vmm:problem:timeout");
    assert!(count["error"]["detail"].as_str().unwrap().contains("its processes were killed"), "{count}");
    let daemon = result("daemon").await;
    assert_eq!((&daemon["exit_code"], &daemon["stderr"]), (&json!(5), &json!("beside\n")));
    assert!(daemon["error"]["detail"].as_str().unwrap().contains("in the background still runs"), "{daemon}");
}

#[tokio::test]
async fn a_command_that_may_have_run_is_never_told_to_be_repeated() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "reboot", Answer::stdout("going down\n").losing_the_connection());
    let answer = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["reboot", "true"])).await;
    assert!(answer.status == 200 && answer.header("retry-after").is_empty(), "{}", answer.text);
    let reboot = &answer.body["ssh"][0];
    assert_eq!(
        (&reboot["stdout"], reboot.get("exit_code"), reboot.get("signal")),
        (&json!("going down\n"), None, None)
    );
    assert_eq!(reboot["error"]["type"], "urn:vmm:problem:end-unknown");
    let detail = reboot["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("may have run") && !detail.contains("try again"), "{detail}");
    assert!(answer.body["ssh"][1]["error"]["detail"].as_str().unwrap().contains("not tried"));

    // One that did not begin may be repeated.
    app.desk.remote.unreachable(address);
    let answer = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["reboot"])).await;
    answer.assert_problem(503);
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
}

#[tokio::test]
async fn a_refused_login_is_not_an_unauthenticated_call() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.refuse_logins(address);
    let answer = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true"])).await;
    answer.assert_problem(422);
    assert_eq!(answer.body["type"], "urn:vmm:problem:login-refused");
    assert!(!answer.text.contains("s3cretP4ss"));
}

#[tokio::test]
async fn a_machine_that_is_off_is_to_be_started_first() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "true", Answer::code(0));
    app.post(Who::Alice, "/vm/power?vm=web-1", json!({"action": "stop"})).await.ok();
    let answer = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true"])).await;
    answer.assert_problem(409);
    assert!(answer.text.contains("is off; start it first"), "{}", answer.text);
    assert_eq!(app.desk.remote.calls().iter().filter(|call| call.line.as_deref() == Some("true")).count(), 0);

    // Who started it by other means need not wait until vmm has seen that.
    let vm = app.desk.vmm.vm(&app.desk.admin, &vmm_testkit::sample::vm_name("web-1")).await.unwrap().0;
    app.desk.hypervisor.domains().start(vm.uuid).await.unwrap();
    app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true"])).await.ok();
}

#[tokio::test]
async fn a_wrong_machine_or_item_is_named() {
    let app = App::new().await;
    app.post(Who::Alice, "/vm/ssh?vm=nowhere", commands(&["true"])).await.assert_problem(404);
    assert_eq!(app.post(Who::Alice, "/vm/ssh?vm=-rf", commands(&["true"])).await.problem_fields(), ["vm"]);
    assert_eq!(app.post(Who::Alice, "/vm/ssh", commands(&["true"])).await.problem_fields(), ["vm"]);
    let nul = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true", "a\0b"])).await;
    assert_eq!(nul.problem_fields(), ["ssh[1].command"]);
    assert_eq!(app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&[])).await.problem_fields(), ["ssh"]);
}
