//! Files to and from machines.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_core::remote::Place;
use vmm_testkit::contract::remote::{Tree, archive};
use vmm_testkit::sample::sha256;

use crate::app::{App, Who};

const OCTETS: &str = "application/octet-stream";

fn place(file: &str) -> Place {
    Place::new("/tmp", file).unwrap()
}

fn item(file: &str) -> Value {
    json!({"file": file, "directory": "/tmp", "user": "vm-user", "password": "s3cretP4ss", "timeout": 5})
}

fn items(files: &[&str]) -> Value {
    json!({"ft": files.iter().map(|file| item(file)).collect::<Vec<_>>()})
}

async fn machine() -> (App, SocketAddr) {
    let app = App::new().await;
    let address = app.machine().await;
    (app, address)
}

async fn put(app: &App, name: &str, bytes: &[u8]) {
    app.send_bytes(Who::Alice, "PUT", &format!("/files/{name}"), OCTETS, bytes.to_vec()).await.ok();
}

#[tokio::test]
async fn files_go_from_the_area_to_a_machine_and_back() {
    let (app, address) = machine().await;
    let (one, other) = (vec![1; 2_000_000], b"other".to_vec());
    put(&app, "one", &one).await;
    put(&app, "other", &other).await;
    let sent = app.post(Who::Alice, "/vm/ft?direction=send&vm=web-1", items(&["one", "other"])).await.ok();
    for (index, (file, content)) in [("one", &one), ("other", &other)].into_iter().enumerate() {
        let result = &sent["ft"][index];
        assert_eq!((&result["vm"], &result["file"]), (&json!("web-1"), &json!(file)));
        assert_eq!((&result["bytes"], &result["sha256"]), (&json!(content.len()), &json!(sha256(content))));
        assert!(result["duration_ms"].is_u64());
        assert!(app.desk.remote.file(address, &place(file)).unwrap().0 == *content);
    }
    app.desk.remote.put_file(address, &place("other"), b"changed".to_vec());
    let received = app.post(Who::Bob, "/vm/ft?direction=receive&vm=web-1", items(&["other"])).await.ok();
    assert_eq!(received["ft"][0]["sha256"], sha256(b"changed"));
    assert_eq!(app.get(Who::Bob, "/files/other").await.text, "changed");
    assert_eq!(app.get(Who::Alice, "/files/other").await.text, "other");
}

#[tokio::test]
async fn the_documented_forms_are_accepted() {
    let (app, address) = machine().await;
    put(&app, "a", b"content").await;
    let mut in_item = item("a");
    in_item["vm"] = "web-1".into();
    for path in ["/vm/ft?send", "/vm/ft?{send}", "/vm/ft?send&vm=web-1", "/vm/ft?direction=send"] {
        app.desk.remote.machine(
            address,
            app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap().items[0].host_key.clone(),
        );
        app.post(Who::Alice, path, json!({"ft": [in_item]})).await.ok();
        assert_eq!(app.desk.remote.file(address, &place("a")).unwrap().0, b"content", "{path}");
    }
    app.post(Who::Alice, "/vm/ft?receive", json!({"ft": [in_item]})).await.ok();
    app.call(Who::Alice, "UPDATE", "/vm/ft?receive", Some(json!({"ft": [in_item]}))).await.assert_problem(405);
}

#[tokio::test]
async fn a_machine_is_named_once_and_a_wrong_item_is_named() {
    let (app, _) = machine().await;
    put(&app, "a", b"content").await;
    let fields = async |path: &str, body: Value| app.post(Who::Alice, path, body).await.problem_fields();
    assert_eq!(fields("/vm/ft?send", items(&["a"])).await, ["ft[0].vm"]);
    let mut other = item("a");
    other["vm"] = "web-2".into();
    assert_eq!(fields("/vm/ft?send&vm=web-1", json!({"ft": [item("a"), other]})).await, ["ft[1].vm"]);
    assert_eq!(fields("/vm/ft?vm=web-1", items(&["a"])).await, ["direction"]);
    assert_eq!(fields("/vm/ft?direction=sideways&vm=web-1", items(&["a"])).await, ["direction"]);
    assert_eq!(fields("/vm/ft?send&vm=-rf", items(&["a"])).await, ["vm"]);
    assert_eq!(fields("/vm/ft?send&vm=web-1", items(&["a/b", ".."])).await, ["ft[0].file", "ft[1].file"]);
    let mut nul = item("a");
    nul["directory"] = "/tmp\0".into();
    assert_eq!(fields("/vm/ft?send&vm=web-1", json!({"ft": [nul]})).await, ["ft[0].directory"]);
    let mut nul = item("a");
    nul["password"] = "a\0b".into();
    assert_eq!(fields("/vm/ft?send&vm=web-1", json!({"ft": [nul]})).await, ["ft[0].password"]);
    let mut missing = item("a");
    missing["directory"] = "/missing".into();
    assert_eq!(fields("/vm/ft?send&vm=web-1", json!({"ft": [missing]})).await, ["ft[0].directory"]);
    assert_eq!(fields("/vm/ft?receive&vm=web-1", items(&["not-there"])).await, ["ft[0].file"]);
    app.post(Who::Alice, "/vm/ft?send&vm=web-1", items(&["not-mine"])).await.assert_problem(404);
    app.post(Who::Alice, "/vm/ft?send&vm=nowhere", items(&["a"])).await.assert_problem(404);
    let later = app.post(Who::Alice, "/vm/ft?send&vm=web-1", items(&["a", "not-mine"])).await;
    later.assert_problem(404);
    assert_eq!(later.body["item"], 1);
}

#[tokio::test]
async fn content_can_be_the_answer_and_a_problem_can_too() {
    let (app, address) = machine().await;
    let token = app.token(Who::Bob).await;
    let receive = async |file: &str| {
        let accept = [("accept", OCTETS)];
        app.send_with(&accept, token.as_deref(), "POST", "/vm/ft?receive&vm=web-1", Some(items(&[file]))).await
    };
    for size in [0, 5, 3_000_000] {
        app.desk.remote.put_file(address, &place("it's a file"), vec![7; size]);
        let answer = receive("it's a file").await;
        assert_eq!((answer.status, answer.header("content-type"), answer.bytes.len()), (200, OCTETS, size));
        assert_eq!(answer.header("content-disposition"), "attachment; filename*=UTF-8''it%27s%20a%20file");
        assert!(answer.bytes.iter().all(|byte| *byte == 7));
    }
    assert_eq!(receive("not-there").await.problem_fields(), ["ft[0].file"]);
    assert_eq!(app.get(Who::Bob, "/files").await.ok(), json!({"file": []}));
    let accept = [("accept", OCTETS)];
    let two =
        app.send_with(&accept, token.as_deref(), "POST", "/vm/ft?receive&vm=web-1", Some(items(&["a", "b"]))).await;
    assert_eq!(two.problem_fields(), ["ft"]);
}

#[tokio::test]
async fn content_that_breaks_off_on_the_way_is_not_taken_for_the_whole() {
    let (app, address) = machine().await;
    app.desk.remote.put_file(address, &place("a"), vec![7; 3_000_000]);
    app.desk.remote.break_transfers(address, 1_000_000);
    let token = app.token(Who::Bob).await.unwrap();
    let request = reqwest::Client::new()
        .post(format!("http://{}/vm/ft?receive&vm=web-1", app.address))
        .bearer_auth(token)
        .header("accept", OCTETS)
        .json(&items(&["a"]));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err(), "the answer has no end");
}

fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(
            format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n").bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--limit--\r\n");
    body
}

#[tokio::test]
async fn content_can_come_in_the_same_request() {
    let (app, address) = machine().await;
    let send = async |path: &str, body: Vec<u8>| {
        app.send_bytes(Who::Bob, "POST", path, "multipart/form-data; boundary=limit", body).await
    };
    let (json, content) = (items(&["a"]).to_string(), vec![9; 3_000_000]);
    let path = "/vm/ft?send&vm=web-1";
    let sent = send(path, multipart(&[("ft", json.as_bytes()), ("file", &content)])).await.ok();
    assert_eq!(sent["ft"][0]["sha256"], sha256(&content));
    assert!(app.desk.remote.file(address, &place("a")).unwrap().0 == content);
    assert_eq!(app.get(Who::Bob, "/files").await.ok(), json!({"file": []}));

    for parts in [
        vec![("file", &content[..]), ("ft", json.as_bytes())],
        vec![("ft", json.as_bytes())],
        vec![("ft", &b"no JSON"[..]), ("file", b"x")],
        vec![],
    ] {
        send(path, multipart(&parts)).await.assert_problem(400);
    }
    let wrong = multipart(&[("ft", br#"{"ft": [{"file": "a"}]}"#), ("file", b"x")]);
    assert_eq!(send(path, wrong).await.problem_fields().len(), 3);
    let both = multipart(&[("ft", items(&["a", "b"]).to_string().as_bytes()), ("file", b"x")]);
    assert_eq!(send(path, both).await.problem_fields(), ["ft"]);
    let back = multipart(&[("ft", json.as_bytes()), ("file", b"x")]);
    assert_eq!(send("/vm/ft?receive&vm=web-1", back).await.problem_fields(), ["direction"]);
    let mut cut = multipart(&[("ft", json.as_bytes()), ("file", &content)]);
    cut.truncate(1_000_000);
    let answer = send(path, cut).await;
    assert!(answer.status >= 400, "{}", answer.text);
    assert!(app.desk.remote.file(address, &place("a")).unwrap().0 == content, "what was there stays");
}

#[tokio::test]
async fn a_transfer_is_in_the_audit_log_and_its_password_is_not() {
    let (app, _) = machine().await;
    put(&app, "a", b"content").await;
    app.post(Who::Alice, "/vm/ft?send&vm=web-1", items(&["a"])).await.ok();
    let audit = app.get(Who::Root, "/audit?action=vm.transfer").await;
    let rows = audit.body["audit"].as_array().unwrap();
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!((outcomes, &rows[0]["target"]), (vec!["done", "started"], &json!("vm web-1")));
    assert!(rows[1]["detail"].as_str().unwrap().contains("/tmp/a"));
    assert!(!audit.text.contains("s3cretP4ss"));
}

fn tree_item(name: &str) -> Value {
    let mut item = item(name);
    item["tree"] = true.into();
    item
}

fn sample() -> Tree {
    Tree::from([
        (b"etc".to_vec(), (None, 0o755)),
        (b"etc/it's a file\n".to_vec(), (Some(b"one".to_vec()), 0o600)),
        (b"run".to_vec(), (Some(vec![7; 300_000]), 0o755)),
    ])
}

#[tokio::test]
async fn a_directory_goes_as_an_archive_through_the_area() {
    let (app, _) = machine().await;
    put(&app, "site.tar", &archive(&sample())).await;
    let path = "/vm/ft?send&vm=web-1";
    let sent = app.post(Who::Alice, path, json!({"ft": [tree_item("site")]})).await.ok();
    let (result, tree) = (&sent["ft"][0], &sent["ft"][0]["tree"]);
    assert_eq!((&result["file"], &result["bytes"]), (&json!("site"), &json!(300_003)));
    assert_eq!((&tree["files"], &tree["directories"], &tree["skipped"]), (&json!(2), &json!(1), &json!([])));
    app.post(Who::Alice, path, json!({"ft": [tree_item("site")]})).await.assert_problem(409);
    let mut again = tree_item("site");
    again["replace"] = true.into();
    app.post(Who::Alice, path, json!({"ft": [again]})).await.ok();
    app.post(Who::Bob, "/vm/ft?receive&vm=web-1", json!({"ft": [tree_item("site")]})).await.ok();
    assert!(vmm_testkit::contract::remote::tree(&app.get(Who::Bob, "/files/site.tar").await.bytes) == sample());

    put(&app, "evil.tar", b"no archive").await;
    let evil = app.post(Who::Alice, path, json!({"ft": [tree_item("evil")]})).await;
    assert_eq!(evil.problem_fields(), ["ft[0].file"]);
    // Where nothing would be kept anyway, it says what happens.
    let mut file = item("site.tar");
    file["replace"] = true.into();
    app.post(Who::Alice, path, json!({"ft": [file]})).await.ok();
    let mut received = tree_item("site");
    received["replace"] = true.into();
    app.post(Who::Bob, "/vm/ft?receive&vm=web-1", json!({"ft": [received]})).await.ok();
    app.post(Who::Alice, path, json!({"ft": [tree_item("not-mine")]})).await.assert_problem(404);
}

#[tokio::test]
async fn a_directory_goes_straight_as_an_archive() {
    let (app, _) = machine().await;
    let item = json!({"ft": [tree_item("site")]});
    let parts = multipart(&[("ft", item.to_string().as_bytes()), ("file", &archive(&sample()))]);
    let sent = app.send_bytes(Who::Bob, "POST", "/vm/ft?send&vm=web-1", "multipart/form-data; boundary=limit", parts);
    assert_eq!(sent.await.ok()["ft"][0]["tree"]["files"], 2);
    let token = app.token(Who::Bob).await;
    let accept = [("accept", "application/x-tar")];
    let back = app.send_with(&accept, token.as_deref(), "POST", "/vm/ft?receive&vm=web-1", Some(item)).await;
    assert_eq!((back.status, back.header("content-type")), (200, "application/x-tar"));
    assert_eq!(back.header("content-disposition"), "attachment; filename*=UTF-8''site.tar");
    assert!(vmm_testkit::contract::remote::tree(&back.bytes) == sample());
}

#[tokio::test]
async fn one_file_goes_to_many_machines_and_what_fails_on_one_stops_no_other() {
    let (app, _) = machine().await;
    put(&app, "a", b"content").await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap().items;
    let names: Vec<_> = vms.iter().map(|vm| vm.name.to_string()).collect();
    let at = |index: usize| SocketAddr::new(vms[index].ip.unwrap(), 22);
    assert!(names.len() >= 2, "{names:?}");
    app.desk.remote.refuse_logins(at(0));
    let mut to_many = item("a");
    to_many["vms"] = json!(names);
    let sent = app.post(Who::Alice, "/vm/ft?send", json!({"ft": [to_many]})).await.ok();
    assert_eq!((&sent["failed"][0]["vm"], &sent["failed"][0]["file"]), (&json!(names[0]), &json!("a")));
    assert!(sent["failed"][0]["problem"]["detail"].as_str().unwrap().contains("refused"), "{sent}");
    let done: Vec<_> = sent["ft"].as_array().unwrap().iter().map(|result| result["vm"].clone()).collect();
    assert_eq!(json!(done), json!(names[1..]));
    assert_eq!(app.desk.remote.file(at(1), &place("a")).unwrap().0, b"content");
    let audit = app.get(Who::Root, "/audit?action=vm.transfer").await;
    let ended = audit.body["audit"].as_array().unwrap().iter().filter(|row| row["outcome"] != "started").count();
    assert_eq!(ended, names.len(), "one for each machine");

    let fields = async |vms: Value, path: &str| {
        let mut item = item("a");
        item["vms"] = vms;
        app.post(Who::Alice, path, json!({"ft": [item]})).await.problem_fields()
    };
    assert_eq!(fields(json!([names[1], "nowhere"]), "/vm/ft?send").await, ["ft[0].vms"]);
    assert_eq!(fields(json!(["@nobody"]), "/vm/ft?send").await, ["ft[0].vms"]);
    assert_eq!(fields(json!([names[1]]), "/vm/ft?send&vm=web-1").await, ["ft[0].vms"]);
    assert_eq!(fields(json!([names[1]]), "/vm/ft?receive").await, ["ft[0].vms"]);
}
