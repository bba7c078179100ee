use serde_json::{Value, json};

use crate::app::{App, Who};
use crate::file::put;

const TEXT: &str = "#!/bin/sh\necho \"ünïcode\" '\\'\n";

fn script(name: &str) -> Value {
    json!({
        "name": name, "file": "deploy.sh", "content": TEXT, "command": "sh -e", "vm": ["web-1", "@web"],
        "user": "deployer", "password": "canary-script",
    })
}

fn names(list: &Value) -> Vec<&str> {
    list["script"].as_array().unwrap().iter().map(|script| script["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_script_reads_as_it_was_registered_and_its_password_never() {
    let app = App::new().await;
    let made = app.post(Who::Alice, "/vm/script", json!({"script": [script("Deploy web")]})).await;
    let read = app.get(Who::Bob, "/vm/script/Deploy%20web").await;
    let listed = app.get(Who::Bob, "/vm/script").await;
    for answer in [&made, &read, &listed] {
        assert!(!answer.text.contains("canary-script") && !answer.text.contains("password"), "{}", answer.text);
    }
    let read = read.ok();
    assert_eq!((&read["content"], &read["size"]), (&json!(TEXT), &json!(TEXT.len())));
    let sha256 = "6e50cfe25be226bf";
    assert!(read["sha256"].as_str().unwrap().starts_with(sha256), "{}", read["sha256"]);
    assert_eq!((&read["owner"], &read["user"]), (&json!("alice"), &json!("deployer")));
    assert_eq!((&read["command"], &read["file"]), (&json!("sh -e"), &json!("deploy.sh")));
    assert_eq!(read["vm"], json!(["web-1", "@web"]));
    assert_eq!(made.ok()["script"][0], listed.ok()["script"][0]);
    app.get(Who::Bob, "/vm/script/nothing").await.assert_problem(404);
}

#[tokio::test]
async fn a_script_from_another_editor_is_mended_or_refused_and_that_is_said() {
    let app = App::new().await;
    let register = async |name: &str, content: Option<&str>| {
        let script = json!({"name": name, "file": format!("{name}.sh"), "command": "sh", "content": content});
        app.post(Who::Alice, "/vm/script", json!({"script": [script]})).await
    };
    let said =
        json!(["The byte order mark at its beginning was removed.", "2 line ends were changed from CRLF to LF."]);
    let windows = "\u{feff}#!/bin/sh\r\ncd /tmp\r\n";
    assert_eq!(register("mended", Some(windows)).await.ok()["script"][0]["mended"], said);
    let kept = app.get(Who::Alice, "/vm/script/mended").await.ok();
    assert_eq!((&kept["content"], &kept["mended"]), (&json!("#!/bin/sh\ncd /tmp\n"), &json!(null)));
    let change = json!({"script": [{"name": "mended", "content": "one\r\n"}]});
    let changed = app.call(Who::Alice, "PUT", "/vm/script", Some(change)).await.ok();
    assert_eq!(changed["script"][0]["mended"], json!(["1 line end was changed from CRLF to LF."]));
    assert_eq!(register("plain", Some("echo\n")).await.ok()["script"][0]["mended"], json!(null));
    let refused = register("mac", Some("one\rtwo\r")).await;
    assert_eq!(refused.problem_fields(), ["script[0].content"], "{}", refused.text);

    put(&app, Who::Alice, "area.sh", windows.as_bytes()).await;
    assert_eq!(register("area", None).await.ok()["script"][0]["mended"], said);
    put(&app, Who::Alice, "latin.sh", b"printf \"caf\xe9\"\n").await;
    let refused = register("latin", None).await;
    assert_eq!(refused.problem_fields(), ["script[0].file"], "{}", refused.text);
    assert!(refused.text.contains("byte e9 in line 1"), "{}", refused.text);
}

#[tokio::test]
async fn a_change_leaves_what_it_does_not_name() {
    let app = App::new().await;
    app.post(Who::Alice, "/vm/script", json!({"script": [script("deploy")]})).await.ok();
    let before = app.get(Who::Alice, "/vm/script/deploy").await.ok();
    for (method, change) in [
        ("PUT", json!({"content": "echo two\n"})),
        ("UPDATE", json!({"command": "bash"})),
        ("UPDATE", json!({"user": "root"})),
        ("PUT", json!({"password": "canary-other"})),
        ("PUT", json!({"vm": []})),
    ] {
        let mut item = change;
        item["name"] = "deploy".into();
        let answer = app.call(Who::Alice, method, "/vm/script", Some(json!({"script": [item]}))).await;
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        answer.ok();
    }
    let after = app.get(Who::Alice, "/vm/script/deploy").await.ok();
    assert_eq!((&after["content"], &after["command"]), (&json!("echo two\n"), &json!("bash")));
    assert_eq!((&after["user"], &after["vm"], &after["file"]), (&json!("root"), &json!([]), &before["file"]));
    assert_ne!(after["sha256"], before["sha256"]);
    let change = json!({"script": [{"name": "deploy", "content": "echo hacked\n"}]});
    app.call(Who::Bob, "PUT", "/vm/script", Some(change.clone())).await.assert_problem(403);
    app.call(Who::Root, "PUT", "/vm/script", Some(change)).await.ok();
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_registered() {
    let app = App::new().await;
    let wrong = |field: &str, value: Value| {
        let mut item = script("deploy");
        item[field] = value;
        json!({"script": [script("first"), item]})
    };
    for (field, value) in [
        ("name", json!("run")),
        ("name", json!("a/b")),
        ("file", json!("../x")),
        ("file", json!("-x")),
        ("command", json!("sh; reboot")),
        ("command", json!("")),
        ("content", json!("")),
        ("content", json!("x".repeat((256 << 10) + 1))),
        ("content", json!("a\0b")),
        ("vm", json!(["web 1"])),
        ("owner", json!("root")),
    ] {
        let answer = app.post(Who::Alice, "/vm/script", wrong(field, value)).await;
        assert_eq!(answer.problem_fields(), [format!("script[1].{field}")], "{}", answer.text);
    }
    assert_eq!(app.get(Who::Alice, "/vm/script").await.ok(), json!({"script": []}));
    for (remove, missing) in [("content", "content"), ("password", "password"), ("user", "user")] {
        let mut item = script("deploy");
        item.as_object_mut().unwrap().remove(remove);
        let answer = app.post(Who::Alice, "/vm/script", json!({"script": [item]})).await;
        assert_eq!(answer.problem_fields(), [format!("script[0].{missing}")], "{}", answer.text);
        assert!(answer.text.contains("is missing"), "{}", answer.text);
    }
}

#[tokio::test]
async fn without_a_text_the_one_in_the_callers_file_area_is_registered() {
    let app = App::new().await;
    let mut item = script("deploy");
    item.as_object_mut().unwrap().remove("content");
    let item = json!({"script": [item]});
    put(&app, Who::Bob, "deploy.sh", TEXT.as_bytes()).await.ok();
    assert_eq!(
        app.post(Who::Alice, "/vm/script", item.clone()).await.problem_fields(),
        ["script[0].content"],
        "another's"
    );
    for wrong in [&b"\xff"[..], b"a\0b", b"", &[b'x'; (256 << 10) + 1]] {
        put(&app, Who::Alice, "deploy.sh", wrong).await.ok();
        assert_eq!(app.post(Who::Alice, "/vm/script", item.clone()).await.problem_fields(), ["script[0].file"]);
    }
    put(&app, Who::Alice, "deploy.sh", TEXT.as_bytes()).await.ok();
    app.post(Who::Alice, "/vm/script", item).await.ok();
    assert_eq!(app.get(Who::Alice, "/vm/script/deploy").await.ok()["content"], TEXT);
}

#[tokio::test]
async fn scripts_are_listed_a_page_at_a_time() {
    let app = App::new().await;
    let batch: Vec<_> = ["d", "b", "a x", "e", "c"].map(script).to_vec();
    app.post(Who::Alice, "/vm/script", json!({"script": batch})).await.ok();
    let (mut path, mut pages) = ("/vm/script?limit=2".to_owned(), Vec::new());
    loop {
        let page = app.get(Who::Bob, &path).await.ok();
        pages.push(names(&page).join(","));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/vm/script?limit=2&after={next}");
    }
    assert_eq!(pages, ["a x,b", "c,d", "e"]);
    for query in ["limit=0", "limit=1001", "after=7", "after=%00"] {
        let field = query.split('=').next().unwrap();
        assert_eq!(app.get(Who::Bob, &format!("/vm/script?{query}")).await.problem_fields(), [field]);
    }
}

#[tokio::test]
async fn a_script_without_runs_is_deleted_by_its_owner_and_admins_in_every_documented_form() {
    let app = App::new().await;
    for query in
        ["name=my%20script", "my%20script", "{my%20script}", "%7Bmy%20script%7D", "my+script", "name={my+script}"]
    {
        app.post(Who::Alice, "/vm/script", json!({"script": [script("my script")]})).await.ok();
        let path = format!("/vm/script?{query}");
        app.call(Who::Bob, "DELETE", &path, None).await.assert_problem(403);
        for who in [Who::Root, Who::Alice] {
            let answer = app.call(who, "DELETE", &path, None).await;
            assert_eq!(answer.status, 204, "{query}: {}", answer.text);
            app.call(who, "DELETE", &path, None).await.assert_problem(404);
            app.post(Who::Alice, "/vm/script", json!({"script": [script("my script")]})).await.ok();
        }
        app.call(Who::Root, "DELETE", &path, None).await;
    }
}

#[tokio::test]
async fn earlier_versions_are_listed_shown_and_brought_back() {
    let app = App::new().await;
    app.post(Who::Alice, "/vm/script", json!({"script": [script("deploy")]})).await.ok();
    let first = app.get(Who::Bob, "/vm/script/deploy").await.ok();
    let change = async |who, change: Value| {
        let mut item = change;
        item["name"] = "deploy".into();
        app.call(who, "PUT", "/vm/script", Some(json!({"script": [item]}))).await
    };
    change(Who::Alice, json!({"content": "echo two\n"})).await.ok();
    change(Who::Root, json!({"command": "bash", "content": "echo three\n"})).await.ok();
    let list = app.get(Who::Bob, "/vm/script/version?script=deploy").await.ok();
    let told: Vec<_> = list["version"].as_array().unwrap().iter().map(|v| (&v["version"], &v["changed_by"])).collect();
    assert_eq!(told, [(&json!(3), &json!("root")), (&json!(2), &json!("alice")), (&json!(1), &json!("alice"))]);
    assert_eq!(list["version"][2]["sha256"], first["sha256"]);
    let second = app.get(Who::Bob, "/vm/script/deploy?version=2").await.ok();
    assert_eq!((&second["content"], &second["command"]), (&json!("echo two\n"), &json!("sh -e")));
    let missing = app.get(Who::Bob, "/vm/script/deploy?version=4").await;
    missing.assert_problem(404);
    assert!(missing.text.contains("version") && missing.text.contains("4 of deploy"), "{}", missing.text);
    assert_eq!(app.get(Who::Bob, "/vm/script/deploy?version=0").await.problem_fields(), ["version"]);
    app.get(Who::Bob, "/vm/script/version?script=nothing").await.assert_problem(404);

    change(Who::Bob, json!({"version": 1})).await.assert_problem(403);
    change(Who::Alice, json!({"version": 9})).await.assert_problem(404);
    let back = change(Who::Alice, json!({"version": 1})).await.ok();
    assert_eq!((&back["script"][0]["version"], &back["script"][0]["sha256"]), (&json!(4), &first["sha256"]));
    assert_eq!(app.get(Who::Bob, "/vm/script/deploy").await.ok()["content"], TEXT);
}
