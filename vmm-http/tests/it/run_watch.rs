//! Runs of scripts, watched.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_core::model::{RunEnd, RunId, VmFilter};
use vmm_core::repository::Repository;
use vmm_testkit::fake::remote::Answer;

use crate::app::{App, Who};
use crate::stream::Stream;

/// A desk with `web-1` and `web-2`, a script of alice's that hangs on the second, and her run of it.
async fn run() -> (App, Vec<SocketAddr>) {
    let app = App::new().await;
    app.provision().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap();
    let addresses: Vec<_> = vms.iter().map(|vm| SocketAddr::new(vm.ip.unwrap(), 22)).collect();
    app.desk.remote.answer(addresses[0], "up.sh", Answer::stdout("up 3 days\n"));
    app.desk.remote.answer(addresses[1], "up.sh", Answer::hangs());
    let script = json!({"script": [{
        "name": "up", "file": "up.sh", "content": "uptime\n", "command": "sh", "vm": ["web-1", "web-2"],
        "user": "root", "password": "canary-stored",
    }]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let run = json!({"run": [{"script": "up", "arguments": ["-p"]}]});
    assert_eq!(app.post(Who::Alice, "/vm/script/run", run).await.status, 202);
    (app, addresses)
}

/// The events until one that has what is looked for.
async fn until(stream: &mut Stream, found: impl Fn(&str, &Value) -> bool) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    loop {
        let event = stream.next().await.expect("it goes on");
        let last = found(&event.0, &event.1);
        events.push(event);
        if last {
            return events;
        }
    }
}

#[tokio::test]
async fn a_run_is_watched_from_its_present_state_to_its_end() {
    let (app, _) = run().await;
    let mut stream = Stream::open(&app, Who::Alice, "/vm/script/run/1/events", None).await;
    let (name, first) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &first["machines"], &first["arguments"]), ("run", &json!(2), &json!(["-p"])));
    assert!(first.get("vm").is_none(), "{first}");
    let done = |name: &str, data: &Value| name == "vm" && data["state"] == "done";
    let web1 = until(&mut stream, done).await.pop().unwrap().1;
    assert_eq!((&web1["vm"], &web1["exit_code"], &web1["stdout"]), (&json!("web-1"), &json!(0), &json!("up 3 days\n")));
    app.desk
        .until("web-2 is begun", async || {
            app.get(Who::Root, "/vm/script/run/1").await.ok()["vm"][1]["state"] == "running"
        })
        .await;
    // As another process on the same records would.
    app.desk.repository.runs().finish(RunId(1), 1, RunEnd::Failed("no room".to_owned().into())).await.unwrap();
    let failed = |name: &str, data: &Value| name == "vm" && data["state"] == "failed";
    let events = until(&mut stream, failed).await;
    assert_eq!(
        (&events.last().unwrap().1["vm"], &events.last().unwrap().1["error"]),
        (&json!("web-2"), &json!("no room"))
    );
    let run = events.iter().rev().find(|(name, _)| name == "run").unwrap();
    assert_eq!((&run.1["state"], &run.1["ended"]), (&json!("failed"), &json!(2)));
    assert_eq!(stream.next().await, None);
    // Each machine is told once in each of its states.
    assert!(!events.iter().any(|(name, data)| name == "vm" && data["vm"] == "web-1"), "{events:?}");
}

#[tokio::test]
async fn others_see_how_it_goes_and_not_what_goes_in_and_comes_out() {
    let (app, _) = run().await;
    let mut stream = Stream::open(&app, Who::Bob, "/vm/script/run/1/events", None).await;
    let done = |name: &str, data: &Value| name == "vm" && data["state"] == "done";
    for (name, data) in until(&mut stream, done).await {
        assert!(data.get("arguments").is_none() && data.get("stdout").is_none(), "{name}: {data}");
    }
    app.get(Who::Bob, "/vm/script/run/4711/events").await.assert_problem(404);
}
