use serde_json::json;

use crate::app::{App, Who};

#[tokio::test]
async fn an_entry_is_added_with_the_job_that_imports_its_image() {
    let app = App::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alpine.qcow2");
    std::fs::write(&path, vmm_testkit::image::empty_qcow2(1 << 30)).unwrap();
    let entry = json!({"os": [{"name": "alpine", "version": "3", "qcow2": path, "description": "small"}]});
    let made = app.post(Who::Root, "/db/os", entry).await.ok()["os"][0].take();
    assert_eq!((&made["ready"], &made["login"]), (&json!(false), &json!("vmm")));
    let job = format!("/job/{}", made["job"]);
    app.desk.until("the import ends", async || app.get(Who::Root, &job).await.body["state"] == "done").await;
    assert_eq!(app.get(Who::Root, &job).await.ok()["percent"], 100);
    let listed = app.get(Who::Alice, "/db/os").await.ok();
    assert_eq!((&listed["os"][0]["name"], &listed["os"][0]["ready"]), (&json!("alpine"), &json!(true)));
    let delete = format!("/db/os?id={}", made["id"]);
    assert_eq!(app.call(Who::Root, "DELETE", &delete, None).await.status, 204);
}

#[tokio::test]
async fn an_image_that_is_none_is_refused() {
    let app = App::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not.qcow2");
    std::fs::write(&path, b"#!/bin/sh\n").unwrap();
    let entry = json!({"os": [{"name": "alpine", "version": "3", "qcow2": path}]});
    let answer = app.post(Who::Root, "/db/os", entry).await;
    assert_eq!(answer.problem_fields(), ["os[0].qcow2"]);
    assert_eq!(app.get(Who::Root, "/db/os").await.ok()["os"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_entry_is_changed_for_machines_made_later() {
    let app = App::new().await;
    app.provision().await;
    let change = json!({"os": [{"id": 1, "description": "stable", "login": "admin"}]});
    let changed = app.call(Who::Root, "PUT", "/db/os", Some(change)).await.ok()["os"][0].take();
    assert_eq!((&changed["description"], &changed["login"]), (&json!("stable"), &json!("admin")));
    assert_eq!(app.get(Who::Bob, "/db/os/1").await.ok(), changed);
    assert_ne!(app.get(Who::Bob, "/db/vm/web-1").await.ok()["login"], "admin");
    let name = json!({"os": [{"id": 1, "name": "ubuntu"}]});
    assert_eq!(app.call(Who::Root, "PUT", "/db/os", Some(name)).await.problem_fields(), ["os[0].name"]);
    app.get(Who::Bob, "/db/os/4711").await.assert_problem(404);
}
