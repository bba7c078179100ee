use serde_json::json;
use vmm_core::host::Hypervisor;
use vmm_core::{Error, Part};

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
async fn an_image_that_is_missing_is_shown_imported_again_and_removed_with_its_entry() {
    let app = App::new().await;
    let volume = app.desk.hypervisor.volumes().list().await.unwrap().remove(0).name;
    app.desk.hypervisor.remove_volume_behind_back(&volume);
    let shown = app.get(Who::Alice, "/db/os/1").await.ok();
    assert_eq!(shown["ready"], false);
    assert!(shown["problem"].as_str().unwrap().contains("missing from the pool"), "{shown}");
    app.post(Who::Alice, "/db/os/import?id=1", json!({})).await.assert_problem(403);

    let started = app.call(Who::Root, "POST", "/db/os/import?id=1", None).await.ok();
    let job = format!("/job/{}", started["job"]);
    app.desk.until("the import ends", async || app.get(Who::Root, &job).await.body["state"] == "done").await;
    let shown = app.get(Who::Alice, "/db/os/1").await.ok();
    assert_eq!((&shown["ready"], &shown["problem"]), (&json!(true), &json!(null)));

    assert_eq!(app.call(Who::Root, "DELETE", "/db/os?id=1", None).await.status, 204);
    assert!(app.desk.hypervisor.volumes().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_image_whose_entry_is_removed_while_the_host_is_away_goes_with_the_next_start() {
    let mut app = App::new().await;
    app.desk.hypervisor.fail_next("volumes.delete", Error::unavailable(Part::Hypervisor, "away"));
    assert_eq!(app.call(Who::Root, "DELETE", "/db/os?id=1", None).await.status, 204);
    assert_eq!(app.desk.hypervisor.volumes().list().await.unwrap().len(), 1);
    app.desk.stop_worker().await;
    app.desk.start_worker();
    app.desk.until("the image is gone", async || app.desk.hypervisor.volumes().list().await.unwrap().is_empty()).await;
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
async fn an_image_outside_its_directories_gets_one_answer_whatever_is_there() {
    let app = App::new().await;
    let outside = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::write(outside.path().join("real.qcow2"), vmm_testkit::image::empty_qcow2(1 << 30)).unwrap();
    std::fs::write(outside.path().join("raw.img"), vec![0; 4096]).unwrap();
    let mut answers = Vec::new();
    for path in ["real.qcow2", "raw.img", "missing.qcow2", "../../etc/shadow"].map(|name| outside.path().join(name)) {
        let entry = json!({"os": [{"name": "alpine", "version": "3", "qcow2": path}]});
        let answer = app.post(Who::Root, "/db/os", entry).await;
        assert_eq!(answer.problem_fields(), ["os[0].qcow2"]);
        answers.push(answer.body["problems"][0]["reason"].as_str().unwrap().to_owned());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.contains("image_dirs")), "{answers:#?}");
}

#[tokio::test]
async fn where_the_server_has_its_images_is_for_admins() {
    let app = App::new().await;
    for path in ["/db/os", "/db/os/1"] {
        let shown = app.get(Who::Root, path).await.ok().to_string();
        assert!(shown.contains("debian-12.qcow2"), "{shown}");
        let hidden = app.get(Who::Alice, path).await.ok().to_string();
        assert!(hidden.contains("debian") && !hidden.contains("qcow2"), "{hidden}");
    }
}

#[tokio::test]
async fn an_image_is_imported_from_the_files_of_who_adds_it() {
    let app = App::new().await;
    let image = vmm_testkit::image::empty_qcow2(1 << 30);
    for who in [Who::Root, Who::Alice] {
        app.send_bytes(who, "PUT", "/files/alpine.qcow2", "application/octet-stream", image.clone()).await.ok();
    }
    let entry = |source: &str| json!({"os": [{"name": "alpine", "version": "3", "qcow2": source}]});
    for wrong in ["file:missing.qcow2", "file:alice/alpine.qcow2", "file:", "file:a/b/c"] {
        let answer = app.post(Who::Root, "/db/os", entry(wrong)).await;
        assert_eq!(answer.problem_fields(), ["os[0].qcow2"], "{wrong}");
    }
    let made = app.post(Who::Root, "/db/os", entry("file:alpine.qcow2")).await.ok()["os"][0].take();
    assert_eq!(made["qcow2"], "file:root/alpine.qcow2");
    let job = format!("/job/{}", made["job"]);
    app.desk.until("the import ends", async || app.get(Who::Root, &job).await.body["state"] == "done").await;
    assert_eq!(app.get(Who::Alice, &format!("/db/os/{}", made["id"])).await.ok()["ready"], true);

    let again = format!("/db/os/import?id={}", made["id"]);
    assert_eq!(app.call(Who::Root, "DELETE", "/files/alpine.qcow2", None).await.status, 204);
    let answer = app.call(Who::Root, "POST", &again, None).await;
    assert!(answer.status == 422 && answer.body.to_string().contains("upload it"), "{answer:?}");
}

#[tokio::test]
async fn an_entry_is_changed_for_machines_made_later() {
    let app = App::new().await;
    app.provision().await;
    let change = json!({"os": [{"id": 1, "description": "stable", "login": "admin"}]});
    let changed = app.call(Who::Root, "PUT", "/db/os", Some(change)).await.ok()["os"][0].take();
    assert_eq!((&changed["description"], &changed["login"]), (&json!("stable"), &json!("admin")));
    assert_eq!(app.get(Who::Root, "/db/os/1").await.ok(), changed);
    assert_ne!(app.get(Who::Bob, "/db/vm/web-1").await.ok()["login"], "admin");
    let name = json!({"os": [{"id": 1, "name": "ubuntu"}]});
    assert_eq!(app.call(Who::Root, "PUT", "/db/os", Some(name)).await.problem_fields(), ["os[0].name"]);
    app.get(Who::Bob, "/db/os/4711").await.assert_problem(404);
}
