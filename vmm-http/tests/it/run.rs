use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_core::model::VmFilter;
use vmm_core::remote::Exit;
use vmm_testkit::fake::remote::Answer;

use crate::app::{App, Who};

const TEXT: &str = "uptime\n";

/// A desk with two machines, and a script of alice's with a stored login.
async fn desk() -> (App, Vec<SocketAddr>) {
    let app = App::new().await;
    app.provision().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap();
    let addresses: Vec<_> = vms.iter().map(|vm| SocketAddr::new(vm.ip.unwrap(), 22)).collect();
    for address in &addresses {
        app.desk.remote.answer(*address, "up.sh", Answer::stdout("up 3 days\n"));
    }
    let script = json!({"script": [{
        "name": "up", "file": "up.sh", "content": TEXT, "command": "sh -e", "vm": ["web-1", "web-2"],
        "user": "stored", "password": "canary-stored",
    }]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    (app, addresses)
}

/// Returns the input that a machine gets for the script without arguments.
fn input() -> Vec<u8> {
    format!("{TEXT}set -- \"$@\" './up.sh'").into_bytes()
}

async fn start(app: &App, who: Who, run: Value) -> String {
    let answer = app.post(who, "/vm/script/run", json!({"run": [run]})).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert!(!answer.text.contains("canary"));
    format!("/vm/script/run/{}", answer.body["run"][0]["id"])
}

/// The run once it has ended.
async fn ended(app: &App, path: &str) -> Value {
    let open = |run: &Value| matches!(run["state"].as_str().unwrap(), "queued" | "running");
    app.desk.until("the run ends", async || !open(&app.get(Who::Root, path).await.ok())).await;
    app.get(Who::Root, path).await.ok()
}

fn scripts_seen(app: &App) -> Vec<(SocketAddr, String, Vec<u8>)> {
    let calls = app.desk.remote.calls().into_iter();
    let scripts = calls.filter(|call| call.line.as_ref().is_some_and(|line| line.contains(".sh")));
    scripts.map(|call| (call.address, call.user, call.input)).collect()
}

#[tokio::test]
async fn a_run_tells_what_happened_on_each_machine() {
    let (app, addresses) = desk().await;
    app.desk.remote.answer(addresses[1], "up.sh", Answer::code(3).with_stderr("no\n"));
    let path = start(&app, Who::Alice, json!({"script": "up"})).await;
    let run = ended(&app, &path).await;
    assert_eq!((&run["state"], &run["script"], &run["started_by"]), (&json!("done"), &json!("up"), &json!("alice")));
    assert_eq!((&run["machines"], &run["ended"], &run["user"]), (&json!(2), &json!(2), &json!("stored")));
    let [web1, web2] = [&run["vm"][0], &run["vm"][1]];
    assert_eq!((&web1["vm"], &web1["exit_code"], &web1["stdout"]), (&json!("web-1"), &json!(0), &json!("up 3 days\n")));
    assert_eq!((&web1["stdout_bytes"], web1["duration_ms"].is_u64()), (&json!(10), true));
    assert_eq!((&web2["state"], &web2["exit_code"], &web2["stderr"]), (&json!("done"), &json!(3), &json!("no\n")));
    let mut seen = scripts_seen(&app);
    seen.sort();
    let mut expected: Vec<_> = addresses.iter().map(|at| (*at, "stored".to_owned(), input())).collect();
    expected.sort();
    assert_eq!(seen, expected);
    let script = app.get(Who::Bob, "/vm/script/up").await.ok();
    assert_eq!(run["sha256"], script["sha256"]);
}

#[tokio::test]
async fn a_stored_login_is_for_its_owner_and_admins_and_a_given_one_for_anybody() {
    let (app, _) = desk().await;
    let refused = app.post(Who::Bob, "/vm/script/run", json!({"run": [{"script": "up"}]})).await;
    refused.assert_problem(403);
    assert!(refused.text.contains("give one of your own"), "{}", refused.text);
    assert_eq!(app.get(Who::Bob, "/vm/script/run").await.ok(), json!({"run": []}));
    let own = json!({"script": "up", "vm": ["web-2"], "user": "bob", "password": "canary-bob"});
    for (who, run) in [(Who::Root, json!({"script": "UP"})), (Who::Bob, own)] {
        let path = start(&app, who, run).await;
        assert_eq!(ended(&app, &path).await["state"], "done");
    }
    let users: Vec<_> = scripts_seen(&app).into_iter().map(|(_, user, _)| user).collect();
    assert_eq!(users, ["stored", "stored", "bob"]);
}

#[tokio::test]
async fn everybody_sees_a_run_and_who_started_it_what_it_wrote() {
    let (app, _) = desk().await;
    let own = json!({"script": "up", "user": "bob", "password": "canary-bob"});
    let path = start(&app, Who::Bob, own).await;
    ended(&app, &path).await;
    for (who, sees) in [(Who::Alice, false), (Who::Bob, true), (Who::Root, true)] {
        let answer = app.get(who, &path).await;
        assert_eq!(answer.text.contains("up 3 days"), sees, "{who:?}");
        assert_eq!(
            (&answer.body["vm"][0]["exit_code"], answer.body["vm"][0].get("stderr").is_some()),
            (&json!(0), sees)
        );
    }
    app.post(Who::Alice, &format!("{path}/cancel"), Value::Null).await.assert_problem(403);
    app.get(Who::Bob, "/vm/script/run/4711").await.assert_problem(404);
}

#[tokio::test]
async fn one_machine_that_cannot_be_reached_stops_no_other_and_can_be_run_again() {
    let (app, addresses) = desk().await;
    app.desk.remote.refuse_logins(addresses[0]);
    let path = start(&app, Who::Alice, json!({"script": "up", "timeout": 5})).await;
    let run = ended(&app, &path).await;
    assert_eq!(
        (&run["state"], &run["vm"][0]["state"], &run["vm"][1]["state"]),
        (&json!("failed"), &json!("failed"), &json!("done"))
    );
    assert!(run["vm"][0]["error"].as_str().unwrap().contains("refused the login"), "{run}");

    // Run again it is the text that failed, not the one that the script has by now.
    let change = json!({"script": [{"name": "up", "content": "reboot\n"}]});
    app.call(Who::Alice, "PUT", "/vm/script", Some(change)).await.ok();
    app.desk.remote.machine(
        addresses[0],
        app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap()[0].host_key.clone(),
    );
    app.desk.remote.answer(addresses[0], "up.sh", Answer::stdout("up 1 min\n"));
    app.post(Who::Bob, &format!("{path}/rerun"), json!({})).await.assert_problem(403);
    let again = app.post(Who::Alice, &format!("{path}/rerun"), json!({})).await;
    assert_eq!(again.status, 202, "{}", again.text);
    let again = ended(&app, &format!("/vm/script/run/{}", again.body["id"])).await;
    assert_eq!((&again["rerun_of"], &again["sha256"], &again["timeout"]), (&run["id"], &run["sha256"], &json!(5)));
    assert_eq!((&again["machines"], &again["vm"][0]["stdout"]), (&json!(1), &json!("up 1 min\n")));
    let nothing = app.post(Who::Alice, &format!("/vm/script/run/{}/rerun", again["id"]), json!({})).await;
    nothing.assert_problem(409);
    assert_eq!(scripts_seen(&app).iter().filter(|(.., sent)| *sent == input()).count(), 2);
}

#[tokio::test]
async fn a_cancelled_run_ends_and_can_be_seen() {
    let (app, addresses) = desk().await;
    app.desk.remote.answer(addresses[0], "up.sh", Answer::hangs());
    let path = start(&app, Who::Alice, json!({"script": "up"})).await;
    let other_is_done = async || app.get(Who::Alice, &path).await.body["ended"] == 1;
    app.desk.until("the other machine ends", other_is_done).await;
    app.post(Who::Alice, &format!("{path}/rerun"), json!({})).await.assert_problem(409);
    app.call(Who::Bob, "POST", &format!("{path}/cancel"), None).await.assert_problem(403);
    let cancel = app.call(Who::Alice, "POST", &format!("{path}/cancel"), None).await;
    assert_eq!((cancel.status, &cancel.body["cancel"]), (202, &json!(true)));
    let run = ended(&app, &path).await;
    assert_eq!(
        (&run["state"], &run["vm"][0]["state"], &run["vm"][1]["state"]),
        (&json!("cancelled"), &json!("cancelled"), &json!("done"))
    );
    app.call(Who::Alice, "POST", &format!("{path}/cancel"), None).await.assert_problem(409);
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_script_and_state() {
    let (app, addresses) = desk().await;
    app.desk.remote.answer(addresses[1], "up.sh", Answer::stdout("").with_exit(Exit::Signal("KILL".to_owned())));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let path = start(&app, Who::Alice, json!({"script": "up", "vm": ["web-2"]})).await;
        let run = ended(&app, &path).await;
        assert_eq!((&run["vm"][0]["signal"], run["vm"][0].get("exit_code")), (&json!("KILL"), None));
        ids.insert(0, run["id"].clone());
    }
    let listed =
        |answer: &Value| answer["run"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect::<Vec<_>>();
    let first = app.get(Who::Bob, "/vm/script/run?script=up&state=done&limit=2").await.ok();
    assert_eq!(listed(&first), ids[..2]);
    let rest = format!("/vm/script/run?limit=2&after={}", first["next"].as_str().unwrap());
    let rest = app.get(Who::Bob, &rest).await.ok();
    assert_eq!((listed(&rest), rest.get("next")), (ids[2..].to_vec(), None));
    for empty in ["script=other", "state=failed"] {
        assert_eq!(listed(&app.get(Who::Bob, &format!("/vm/script/run?{empty}")).await.ok()), Vec::<Value>::new());
    }
    for wrong in ["script=a/b", "state=gone", "limit=0", "after=x"] {
        let field = wrong.split('=').next().unwrap();
        assert_eq!(app.get(Who::Bob, &format!("/vm/script/run?{wrong}")).await.problem_fields(), [field]);
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_named_and_nothing_begins() {
    let (app, _) = desk().await;
    app.desk.submit("r2", "name,os,group_name\ndb-1,debian,data\n").await;
    for (run, field) in [
        (json!({"script": "up", "vm": ["nowhere"]}), "vm"),
        (json!({"script": "up", "vm": ["@nobody"]}), "vm"),
        (json!({"script": "up", "vm": ["db-1"]}), "vm"),
        (json!({"script": "up", "vm": ["@data"]}), "vm"),
        (json!({"script": "up", "vm": ["web 1"]}), "vm"),
        (json!({"script": "up", "vm": []}), "vm"),
        (json!({"script": "up", "user": "root"}), "password"),
        (json!({"script": "up", "user": "", "password": "p"}), "user"),
        (json!({"script": "up", "timeout": 0}), "timeout"),
        (json!({"script": "a/b"}), "script"),
        (json!({"script": "up", "content": "x"}), "content"),
    ] {
        let answer = app.post(Who::Alice, "/vm/script/run", json!({"run": [run]})).await;
        assert_eq!(answer.problem_fields(), [format!("run[0].{field}")], "{}", answer.text);
    }
    app.post(Who::Alice, "/vm/script/run", json!({"run": [{"script": "other"}]})).await.assert_problem(404);
    assert_eq!(app.get(Who::Alice, "/vm/script/run").await.ok(), json!({"run": []}));
    assert!(scripts_seen(&app).is_empty());
}

#[tokio::test]
async fn arguments_go_with_a_run_and_its_repeats_and_are_seen_by_who_started_it() {
    let (app, addresses) = desk().await;
    app.desk.remote.refuse_logins(addresses[0]);
    let arguments = json!(["canary's", "", "a\nb ünï\u{1b}"]);
    let answer =
        app.post(Who::Alice, "/vm/script/run", json!({"run": [{"script": "up", "arguments": arguments}]})).await.ok();
    let path = format!("/vm/script/run/{}", answer["run"][0]["id"]);
    assert_eq!(answer["run"][0]["arguments"], arguments);
    ended(&app, &path).await;
    for (who, sees) in [(Who::Bob, false), (Who::Alice, true), (Who::Root, true)] {
        for path in [&path, "/vm/script/run"] {
            let answer = app.get(who, path).await;
            assert_eq!((answer.text.contains("canary"), answer.status), (sees, 200), "{who:?}: {}", answer.text);
        }
    }
    let again = app.post(Who::Alice, &format!("{path}/rerun"), json!({})).await.ok();
    assert_eq!(again["arguments"], arguments);
    let seen = scripts_seen(&app);
    let with_arguments = seen.iter().filter(|(.., input)| input.ends_with(b" 'a\nb \xc3\xbcn\xc3\xaf\x1b'")).count();
    assert_eq!(with_arguments, 1, "the other machine refused the login");
    for bad in [json!(["a\u{0}"]), json!(vec!["x"; 65]), json!(["x".repeat(4097)]), json!("x"), json!([7])] {
        let answer = app.post(Who::Alice, "/vm/script/run", json!({"run": [{"script": "up", "arguments": bad}]})).await;
        assert!(answer.problem_fields()[0].starts_with("run[0].arguments"), "{}", answer.text);
    }
}

#[tokio::test]
async fn only_what_failed_is_run_again_or_also_what_ended_with_another_code_than_0() {
    let (app, addresses) = desk().await;
    app.desk.remote.answer(addresses[1], "up.sh", Answer::code(3));
    let path = start(&app, Who::Alice, json!({"script": "up", "at_once": 1})).await;
    assert_eq!(ended(&app, &path).await["at_once"], 1);
    let rerun = format!("{path}/rerun");
    for body in [json!({}), json!({"only": "failed"})] {
        app.post(Who::Alice, &rerun, body).await.assert_problem(409);
    }
    let again = app.post(Who::Alice, &rerun, json!({"only": "nonzero", "at_once": 64})).await.ok();
    assert_eq!((&again["machines"], &again["at_once"]), (&json!(1), &json!(64)));
    let again = ended(&app, &format!("/vm/script/run/{}", again["id"])).await;
    assert_eq!((&again["vm"][0]["vm"], &again["vm"][0]["exit_code"]), (&json!("web-2"), &json!(3)));
    for (field, bad) in [("only", json!("all")), ("at_once", json!(0)), ("at_once", json!(65))] {
        assert_eq!(app.post(Who::Alice, &rerun, json!({(field): bad})).await.problem_fields(), [field]);
    }
}

#[tokio::test]
async fn an_earlier_version_runs_as_it_was() {
    let (app, _) = desk().await;
    let change = json!({"script": [{"name": "up", "content": "reboot\n", "command": "bash", "file": "re.sh"}]});
    app.call(Who::Alice, "PUT", "/vm/script", Some(change)).await.ok();
    let path = start(&app, Who::Alice, json!({"script": "up", "version": 1, "vm": ["web-1"]})).await;
    let run = ended(&app, &path).await;
    assert_eq!((&run["version"], &run["command"], &run["file"]), (&json!(1), &json!("sh -e"), &json!("up.sh")));
    assert_eq!(scripts_seen(&app).into_iter().map(|(.., sent)| sent).collect::<Vec<_>>(), [input()]);
    app.post(Who::Alice, "/vm/script/run", json!({"run": [{"script": "up", "version": 3}]})).await.assert_problem(404);
}

#[tokio::test]
async fn a_script_that_may_have_run_is_unknown_and_keeps_what_came() {
    let (app, addresses) = desk().await;
    app.desk.remote.answer(addresses[0], "up.sh", Answer::stdout("going down\n").losing_the_connection());
    app.desk.remote.answer(addresses[1], "up.sh", Answer::stdout("Welcome\n").in_its_place());
    let path = start(&app, Who::Alice, json!({"script": "up"})).await;
    let run = ended(&app, &path).await;
    let [lost, elsewhere] = [&run["vm"][0], &run["vm"][1]];
    assert_eq!(
        (&run["state"], &lost["state"], &elsewhere["state"]),
        (&json!("unknown"), &json!("unknown"), &json!("failed"))
    );
    assert_eq!((&lost["stdout"], lost.get("exit_code")), (&json!("going down\n"), None));
    assert!(lost["error"].as_str().unwrap().contains("may have run"), "{lost}");
    assert_eq!((&elsewhere["stdout"], elsewhere.get("exit_code")), (&json!("Welcome\n"), None));
    assert!(elsewhere["error"].as_str().unwrap().starts_with("this account does not run scripts"), "{elsewhere}");

    // It is repeated only where that is asked for.
    for (only, vm) in [("failed", "web-2"), ("unknown", "web-1")] {
        let again = app.post(Who::Alice, &format!("{path}/rerun"), json!({"only": only})).await;
        let again = ended(&app, &format!("/vm/script/run/{}", again.body["id"])).await;
        assert_eq!((&again["machines"], &again["vm"][0]["vm"]), (&json!(1), &json!(vm)), "{only}");
    }
}
