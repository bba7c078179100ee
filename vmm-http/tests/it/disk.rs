use serde_json::{Value, json};
use vmm_core::host::Hypervisor;
use vmm_core::model::VolumeName;
use vmm_core::{Error, Part};

use crate::app::{Answer, App, Who};

/// A desk with two machines, of which `web-1` is off.
async fn desk() -> App {
    let app = App::new().await;
    app.provision().await;
    switch(&app, "stop").await.ok();
    app
}

async fn switch(app: &App, action: &str) -> Answer {
    app.post(Who::Root, "/vm/power?vm=web-1", json!({"action": action})).await
}

fn more(size: u32) -> Value {
    json!({"disk": [{"vm": "web-1", "disk_size": size}]})
}

fn growth(id: &Value, size: u32) -> Value {
    json!({"disk": [{"id": id, "disk_size": size}]})
}

/// The job's end, once it has come.
async fn ended(app: &App, job: &Value) -> Value {
    let path = format!("/job/{job}");
    let over = ["done", "failed", "cancelled", "stuck"];
    app.desk
        .until("the job ends", async || over.contains(&app.get(Who::Root, &path).await.body["state"].as_str().unwrap()))
        .await;
    app.get(Who::Root, &path).await.ok()
}

async fn disks(app: &App, query: &str) -> Vec<Value> {
    app.get(Who::Bob, &format!("/db/disk{query}")).await.ok()["disk"].as_array().unwrap().clone()
}

/// Adds a disk and waits until it is there.
async fn added(app: &App, size: u32) -> Value {
    let disk = app.post(Who::Alice, "/db/disk", more(size)).await.ok()["disk"][0].take();
    assert_eq!(ended(app, &disk["job"]).await["state"], "done");
    disk
}

async fn capacity(app: &App, volume: &Value) -> Option<u64> {
    let name = VolumeName::new(volume.as_str().unwrap()).unwrap();
    let volumes = app.desk.hypervisor.volumes().list().await.unwrap();
    volumes.iter().find(|volume| volume.name == name).map(|volume| volume.capacity)
}

/// The devices that the machine has while it runs.
async fn devices(app: &App) -> usize {
    switch(app, "start").await.ok();
    let figures = app.get(Who::Bob, "/vm/monitor?vm=web-1").await.ok();
    switch(app, "stop").await.ok();
    figures["disks"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_disk_is_added_grown_and_deleted() {
    let app = desk().await;
    assert_eq!(devices(&app).await, 1);
    let disk = added(&app, 5).await;
    assert_eq!((&disk["vm"], &disk["role"], &disk["disk_size"]), (&json!("web-1"), &json!("data"), &json!(5)));
    assert_eq!((capacity(&app, &disk["volume"]).await, devices(&app).await), (Some(5 << 30), 2));

    let grown = app.call(Who::Alice, "UPDATE", "/db/disk", Some(growth(&disk["id"], 8))).await.ok();
    assert_eq!(grown["disk"][0]["grow_to"], 8);
    assert_eq!(ended(&app, &grown["disk"][0]["job"]).await["state"], "done");
    let seen = app.get(Who::Bob, &format!("/db/disk/{}", disk["id"])).await.ok();
    assert_eq!((&seen["disk_size"], &seen["grow_to"]), (&json!(8), &Value::Null));
    assert!(seen["disk_path"].as_str().unwrap().ends_with(disk["volume"].as_str().unwrap()));
    assert_eq!(capacity(&app, &disk["volume"]).await, Some(8 << 30));

    let path = format!("/db/disk?id={}", disk["id"]);
    let deleted = app.call(Who::Root, "DELETE", &path, None).await;
    assert_eq!(deleted.status, 202);
    assert_eq!(ended(&app, &deleted.body["job"]).await["state"], "done");
    assert_eq!((capacity(&app, &disk["volume"]).await, devices(&app).await), (None, 1));
    app.get(Who::Bob, &format!("/db/disk/{}", disk["id"])).await.assert_problem(404);
    let audit = app.get(Who::Root, "/audit").await;
    for action in ["disk.create", "disk.grow", "disk.delete"] {
        assert_eq!(audit.text.matches(action).count(), 1, "{action}");
    }
}

#[tokio::test]
async fn disks_are_listed_page_by_page() {
    let app = desk().await;
    for size in 1..=3 {
        added(&app, size).await;
    }
    assert_eq!(disks(&app, "").await.len(), 5);
    assert_eq!(disks(&app, "?vm=web-1").await.len(), 4);
    assert_eq!(disks(&app, "?vm=nobody").await.len(), 0);
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = app.get(Who::Bob, &format!("/db/disk{query}")).await.ok();
        let disks = page["disk"].as_array().unwrap();
        assert!(!disks.is_empty() && disks.len() <= 2);
        seen.extend(disks.iter().map(|disk| disk["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    assert!(seen.len() == 5 && seen.is_sorted(), "{seen:?}");
    for (query, field) in [("?limit=0", "limit"), ("?limit=1001", "limit"), ("?after=7", "after"), ("?vm=-", "vm")] {
        assert_eq!(app.get(Who::Bob, &format!("/db/disk{query}")).await.problem_fields(), [field]);
    }
}

#[tokio::test]
async fn what_a_disk_cannot_be_is_told() {
    let app = desk().await;
    let system = disks(&app, "?vm=web-1").await.remove(0);
    let put = async |size| app.call(Who::Root, "PUT", "/db/disk", Some(growth(&system["id"], size))).await;
    for size in [1, 10] {
        let answer = put(size).await;
        assert_eq!(answer.problem_fields(), ["disk[0].disk_size"]);
        assert!(answer.text.contains("never shrinks"), "{}", answer.text);
    }
    for size in [0, 65_537] {
        assert_eq!(app.post(Who::Root, "/db/disk", more(size)).await.problem_fields(), ["disk[0].disk_size"]);
    }
    app.desk.hypervisor.change_host(|host| host.pool_available = 3 << 30);
    assert_eq!(app.post(Who::Root, "/db/disk", more(4)).await.problem_fields(), ["disk[0].disk_size"]);
    assert_eq!(put(14).await.problem_fields(), ["disk[0].disk_size"]);
    let delete = format!("/db/disk?id={}", system["id"]);
    app.call(Who::Root, "DELETE", &delete, None).await.assert_problem(409);
    app.post(Who::Root, "/db/disk", json!({"disk": [{"vm": "web-9", "disk_size": 1}]})).await.assert_problem(404);
    app.call(Who::Root, "PUT", "/db/disk", Some(growth(&json!(99), 5))).await.assert_problem(404);
    assert_eq!(disks(&app, "?vm=web-1").await, [system]);
}

#[tokio::test]
async fn the_disks_of_a_machine_that_runs_or_is_gone_are_left_alone() {
    let app = desk().await;
    let disk = added(&app, 1).await;
    let (grow, delete) = (growth(&disk["id"], 2), format!("/db/disk?id={}", disk["id"]));
    let refused = async || {
        for answer in [
            app.post(Who::Root, "/db/disk", more(1)).await,
            app.call(Who::Root, "PUT", "/db/disk", Some(grow.clone())).await,
            app.call(Who::Root, "DELETE", &delete, None).await,
        ] {
            answer.assert_problem(409);
        }
    };
    switch(&app, "start").await.ok();
    refused().await;
    let vm = app.get(Who::Root, "/vm/monitor?vm=web-1").await.ok()["vm"]["uuid"].as_str().unwrap().parse().unwrap();
    app.desk.hypervisor.remove_behind_back(vm);
    refused().await;
}

#[tokio::test]
async fn while_a_job_works_on_a_machine_nothing_else_does() {
    let mut app = desk().await;
    let disk = added(&app, 1).await;
    app.desk.stop_worker().await;
    let waiting = app.post(Who::Alice, "/db/disk", more(1)).await.ok()["disk"][0]["job"].take();
    let busy = async |other: &str| {
        for answer in [
            app.post(Who::Root, "/db/disk", more(1)).await,
            app.call(Who::Root, "PUT", "/db/disk", Some(growth(&disk["id"], 2))).await,
            app.call(Who::Root, "DELETE", &format!("/db/disk?id={}", disk["id"]), None).await,
            app.call(Who::Root, "DELETE", "/db/vm?name=web-1", None).await,
            switch(&app, "start").await,
        ] {
            answer.assert_problem(409);
            assert!(answer.text.contains(other), "{}", answer.text);
        }
    };
    busy("add-disk").await;
    assert_eq!(app.get(Who::Alice, &format!("/job/{waiting}")).await.ok()["state"], "queued");
    app.get(Who::Bob, &format!("/job/{waiting}")).await.assert_problem(404);
    app.desk.start_worker();
    assert_eq!(ended(&app, &waiting).await["state"], "done");
    app.desk.stop_worker().await;
    app.call(Who::Root, "DELETE", "/db/vm?name=web-1", None).await.ok();
    app.post(Who::Root, "/db/disk", more(1)).await.assert_problem(409);
    switch(&app, "start").await.assert_problem(409);
}

#[tokio::test]
async fn a_disk_that_could_not_be_added_leaves_nothing() {
    for (method, nth) in [("volumes.create", 1), ("definitions.attach_disk", 1), ("domains.by_id", 2)] {
        let app = desk().await;
        app.desk.hypervisor.fail_nth(method, nth, Error::internal("a fault of the test", method));
        let disk = app.post(Who::Alice, "/db/disk", more(1)).await.ok()["disk"][0].take();
        let job = ended(&app, &disk["job"]).await;
        assert_eq!(job["state"], "failed", "{method}: {job}");
        assert_eq!((disks(&app, "?vm=web-1").await.len(), capacity(&app, &disk["volume"]).await), (1, None));
        assert_eq!(devices(&app).await, 1);
        assert_eq!(added(&app, 1).await["volume"], disk["volume"]);
    }
}

#[tokio::test]
async fn a_disk_that_could_not_grow_is_as_large_as_its_volume() {
    let app = desk().await;
    let disk = added(&app, 1).await;
    app.desk.hypervisor.fail_next("volumes.resize", Error::internal("a fault of the test", "resize"));
    let grow = app.call(Who::Root, "PUT", "/db/disk", Some(growth(&disk["id"], 3))).await.ok();
    let job = ended(&app, &grow["disk"][0]["job"]).await;
    assert_eq!(
        (&job["state"], job["error"].as_str().unwrap().contains("a fault of the test")),
        (&json!("failed"), true)
    );
    let seen = disks(&app, "?vm=web-1").await.remove(1);
    assert_eq!((&seen["disk_size"], &seen["grow_to"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn a_removal_of_a_disk_that_got_stuck_goes_on_when_it_is_asked_for_again() {
    let app = desk().await;
    let disk = added(&app, 1).await;
    let path = format!("/db/disk?id={}", disk["id"]);
    app.desk.hypervisor.fail_next("volumes.delete", Error::internal("a fault of the test", "delete"));
    let job = app.call(Who::Root, "DELETE", &path, None).await.ok();
    assert_eq!(ended(&app, &job["job"]).await["state"], "stuck");
    app.desk.hypervisor.fail_next("volumes.delete", Error::unavailable(Part::Hypervisor, "connection reset"));
    let job = app.call(Who::Root, "DELETE", &path, None).await.ok();
    assert_eq!(ended(&app, &job["job"]).await["state"], "done");
    assert_eq!((capacity(&app, &disk["volume"]).await, devices(&app).await), (None, 1));
}
