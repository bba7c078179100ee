//! Files to and from machines, followed on their way.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_core::remote::Place;

use crate::app::{App, Who};
use crate::stream::{PATIENCE, Stream};

const SIZE: usize = 300_000;

fn item(file: &str, timeout: u32) -> Value {
    json!({"file": file, "directory": "/tmp", "user": "vm-user", "password": "s3cretP4ss", "timeout": timeout})
}

/// A desk with machines, and a file `a` of alice's area.
async fn desk() -> (App, Vec<String>, Vec<SocketAddr>) {
    let app = App::new().await;
    app.provision().await;
    let content = vec![7; SIZE];
    app.send_bytes(Who::Alice, "PUT", "/files/a", "application/octet-stream", content).await.ok();
    let vms = app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap().items;
    let names = vms.iter().map(|vm| vm.name.to_string()).collect();
    (app, names, vms.iter().map(|vm| SocketAddr::new(vm.ip.unwrap(), 22)).collect())
}

async fn open(app: &App, path: &str, items: Value) -> Stream {
    Stream::open(app, Who::Alice, path, Some(json!({"ft": items}))).await
}

/// The events to the end, but for those of the progress.
async fn rest(mut stream: Stream) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        if event.0 != "progress" {
            events.push(event);
        }
    }
    events
}

#[tokio::test]
async fn each_item_tells_how_far_it_is_and_how_it_ended() {
    let (app, names, addresses) = desk().await;
    app.desk.remote.stall_transfers(addresses[1], 65_536);
    let mut there = item("a", 5);
    there["vm"] = json!(names[0]);
    let mut stalled = item("a", 1);
    stalled["vm"] = json!(names[1]);
    let mut stream = open(&app, "/vm/ft/stream?send", json!([there.clone(), stalled, there])).await;
    let (name, done) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &done["item"], &done["vm"]), ("result", &json!(0), &json!(names[0])));
    assert_eq!((&done["bytes"], done["sha256"].is_string()), (&json!(SIZE), true));
    let progress = json!({"item": 1, "file": "a", "bytes": 65_536, "total": SIZE});
    assert_eq!(stream.next().await.unwrap(), ("progress".to_owned(), progress));
    let (name, problem) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["item"], problem.get("vm")), ("problem", &json!(1), None));
    assert_eq!(problem["error"]["type"], "urn:vmm:problem:timeout");
    assert_eq!(stream.next().await, None, "what is behind it is not tried");
}

#[tokio::test]
async fn what_is_received_has_its_total_too() {
    let (app, names, addresses) = desk().await;
    let place = Place::new("/tmp", "b").unwrap();
    app.desk.remote.put_file(addresses[0], &place, vec![7; SIZE]);
    app.desk.remote.stall_transfers(addresses[0], 10);
    let mut stream = open(&app, &format!("/vm/ft/stream?receive&vm={}", names[0]), json!([item("b", 1)])).await;
    let progress = json!({"item": 0, "file": "b", "bytes": 10, "total": SIZE});
    assert_eq!(stream.next().await.unwrap(), ("progress".to_owned(), progress));
    assert_eq!(rest(stream).await.len(), 1);
}

#[tokio::test]
async fn many_machines_count_together_and_each_is_told_of() {
    let (app, names, addresses) = desk().await;
    app.desk.remote.stall_transfers(addresses[0], 65_536);
    let mut many = item("a", 1);
    many["vms"] = json!(names);
    let mut stream = open(&app, "/vm/ft/stream?send", json!([many])).await;
    let (name, progress) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &progress["total"]), ("progress", &json!(SIZE * names.len())));
    assert_eq!(progress["bytes"], json!(65_536 + SIZE * (names.len() - 1)));
    let ended = rest(stream).await;
    let told: Vec<_> =
        ended.iter().map(|(name, data)| (name.as_str(), data["vm"].as_str().unwrap().to_owned())).collect();
    let ended = |(index, vm): (usize, &String)| (if index == 0 { "problem" } else { "result" }, vm.clone());
    assert_eq!(told, names.iter().enumerate().map(ended).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_goes_wrong_at_once_has_its_status() {
    let (app, names, _) = desk().await;
    let path = format!("/vm/ft/stream?direction=send&vm={}", names[0]);
    let missing = app.post(Who::Alice, &path, json!({"ft": [item("missing", 1)]})).await;
    missing.assert_problem(404);
    assert_eq!(missing.body["item"], 0);
    let wrong = app.post(Who::Alice, "/vm/ft/stream?direction=send", json!({"ft": [item("a", 1)]})).await;
    assert_eq!(wrong.problem_fields(), ["ft[0].vm"]);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_what_is_carried() {
    let (app, names, addresses) = desk().await;
    app.desk.remote.stall_transfers(addresses[0], 10);
    let mut stream = open(&app, &format!("/vm/ft/stream?send&vm={}", names[0]), json!([item("a", 3600)])).await;
    assert_eq!(stream.next().await.unwrap().0, "progress");
    drop(stream);
    let ended = async {
        loop {
            let audit = app.get(Who::Root, "/audit?action=vm.transfer&outcome=failed").await.ok();
            if let Some(row) = audit["audit"].as_array().unwrap().first() {
                return row["detail"].to_string();
            }
        }
    };
    let detail = tokio::time::timeout(PATIENCE, ended).await.expect("it ends with its client");
    assert!(detail.contains("stopped waiting"), "{detail}");
}
