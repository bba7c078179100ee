use serde_json::{Value, json};

use crate::app::{App, Who};

fn names(list: &Value) -> Vec<&str> {
    list["vm"].as_array().unwrap().iter().map(|vm| vm["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn machines_are_listed_by_what_they_are() {
    let app = App::new().await;
    app.provision().await;
    app.desk.submit("r2", "name,os,group_name\ndb-1,debian,data\n").await;
    for (query, expected) in [
        ("", vec!["web-1", "web-2", "db-1"]),
        ("?status=on", vec!["web-1", "web-2"]),
        ("?status=request", vec!["db-1"]),
        ("?group_name=data", vec!["db-1"]),
        ("?request=r1", vec!["web-1", "web-2"]),
        ("?user=alice&status=on", vec!["web-1", "web-2"]),
        ("?user=bob", vec![]),
    ] {
        assert_eq!(names(&app.get(Who::Bob, &format!("/db/vm{query}")).await.ok()), expected, "{query}");
    }
    let all = app.get(Who::Bob, "/db/vm").await;
    assert!(!all.text.contains("password") && all.text.contains("\"user\":\"alice\""));
}

#[tokio::test]
async fn the_responsible_person_sees_the_login_and_that_is_recorded() {
    let app = App::new().await;
    app.provision().await;
    let login = app.get(Who::Alice, "/vm/login?vm=web-1").await.ok();
    assert!(login["password"].as_str().unwrap().len() >= 16);
    let audit = app.get(Who::Root, "/audit?action=vm.login&user=alice").await;
    assert!(audit.text.contains("vm web-1") && !audit.text.contains(login["password"].as_str().unwrap()));
}

#[tokio::test]
async fn power_is_switched_and_seen() {
    let app = App::new().await;
    app.provision().await;
    let stop = app.post(Who::Alice, "/vm/power?vm=web-1", json!({"action": "stop"})).await;
    assert_eq!((stop.status, &stop.body), (200, &json!({"status": "off"})), "{}", stop.text);
    assert_eq!(names(&app.get(Who::Alice, "/db/vm?status=off").await.ok()), ["web-1"]);
    let unknown = app.post(Who::Alice, "/vm/power?vm=web-1", json!({"action": "explode"})).await;
    assert_eq!(unknown.problem_fields(), ["action"]);
    app.post(Who::Alice, "/vm/power?vm=web-1", json!({"action": "start"})).await.ok();
    assert_eq!(names(&app.get(Who::Alice, "/db/vm?status=on").await.ok()), ["web-1", "web-2"]);
}

#[tokio::test]
async fn a_machine_is_deleted_by_a_job() {
    let app = App::new().await;
    app.provision().await;
    let answer = app.call(Who::Root, "DELETE", "/db/vm?name=web-1", None).await;
    assert_eq!(answer.status, 202);
    let job = format!("/job/{}", answer.body["job"]);
    app.desk.until("the machine is gone", async || app.get(Who::Root, &job).await.body["state"] == "done").await;
    assert_eq!(names(&app.get(Who::Alice, "/db/vm").await.ok()), ["web-2"]);
    app.call(Who::Root, "DELETE", "/db/vm?name=web-1", None).await.assert_problem(404);
}

#[tokio::test]
async fn a_record_is_changed_and_the_machine_is_not() {
    let app = App::new().await;
    app.provision().await;
    let change = |item: Value| json!({"vm": [item]});
    let update = async |item| app.call(Who::Root, "PUT", "/db/vm", Some(change(item))).await;
    let calls = app.desk.hypervisor.calls("definitions.define");
    update(json!({"name": "web-1", "user": "bob", "group_name": "shop"})).await.ok();
    let seen = app.get(Who::Alice, "/db/vm/web-1").await.ok();
    assert_eq!((&seen["user"], &seen["group_name"]), (&json!("bob"), &json!("shop")));
    assert_eq!((&seen["disk"][0]["role"], seen["disk"].as_array().unwrap().len()), (&json!("system"), 1));
    assert_eq!(app.get(Who::Bob, "/vm/login?vm=web-1").await.status, 200);
    app.get(Who::Alice, "/vm/login?vm=web-1").await.assert_problem(403);
    let cleared = update(json!({"name": "web-1", "group_name": null, "description": "the shop"})).await.ok();
    assert!(cleared["vm"][0].get("group_name").is_none() && cleared["vm"][0]["description"] == "the shop");
    assert_eq!(app.desk.hypervisor.calls("definitions.define"), calls);
    assert_eq!(update(json!({"name": "web-1", "user": "zoe"})).await.problem_fields(), ["vm[0].user"]);
    assert_eq!(update(json!({"name": "web-1", "vcpu": 8})).await.problem_fields(), ["vm[0].vcpu"]);
    assert_eq!(update(json!({"name": "web-1", "description": "a\u{7}"})).await.problem_fields(), ["vm[0].description"]);
    update(json!({"name": "web-9", "user": "bob"})).await.assert_problem(404);
}
