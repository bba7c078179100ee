//! Lists come in pages, whose order does not change while somebody reads them.

use serde_json::{Value, json};
use vmm_core::host::DomainState;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

/// The names on every page of a list, read with so many items at once.
async fn pages(app: &App, who: Who, path: &str, key: &str, name: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = app.get(who, &format!("{path}{separator}limit={limit}{after}")).await.ok();
        pages.push(answer[key].as_array().unwrap().iter().map(|item| item[name].clone()).collect());
        match answer.get("next") {
            Some(next) => after = format!("&after={}", next.as_str().unwrap()),
            None => return pages,
        }
    }
}

async fn desk() -> App {
    let app = App::new().await;
    let spec = "name,os,group_name,count\nweb,debian:12,web,5\n";
    app.desk.provision("r1", spec).await;
    app.desk.submit("r2", "name,os,group_name\ndb-1,debian,data\n").await;
    app.desk.submit("r3", "name,os,group_name\ndb-2,debian,data\n").await;
    let users: Vec<_> = ["Zoe", "adam", "bert"].map(|name| json!({"name": name, "password": PASSWORD})).into();
    app.post(Who::Root, "/db/user", json!({"user": users})).await.ok();
    app
}

#[tokio::test]
async fn the_pages_of_a_list_together_are_the_list() {
    let app = desk().await;
    app.desk.import("alpine", "3").await;
    app.desk.import("debian", "13").await;
    for (path, key, name) in [
        ("/db/user", "user", "name"),
        ("/db/user?role=user&disabled=false&name_prefix=b", "user", "name"),
        ("/db/os", "os", "id"),
        ("/db/os?name=debian", "os", "id"),
        ("/db/vm", "vm", "name"),
        ("/db/vm?status=on", "vm", "name"),
        ("/db/vm?user=alice&group_name=data&status=request&os=1&name_prefix=db", "vm", "name"),
        ("/request-vm", "request-vm", "id"),
        ("/request-vm?requester=alice&state=pending", "request-vm", "id"),
        ("/audit", "audit", "id"),
        ("/audit?action=user.create&outcome=done", "audit", "id"),
    ] {
        let whole = pages(&app, Who::Root, path, key, name, 1000).await.concat();
        assert!(!whole.is_empty(), "{path}");
        for limit in 1..=3 {
            let pages = pages(&app, Who::Root, path, key, name, limit).await;
            assert_eq!(pages.concat(), whole, "{path}");
            assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit), "{path}: {pages:?}");
            assert!(pages.last().is_some_and(|page| !page.is_empty()), "{path}: an empty page");
        }
    }
}

#[tokio::test]
async fn a_filter_on_the_status_sees_what_the_host_says_now_on_every_page() {
    let app = desk().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap();
    for vm in vms.iter().filter(|vm| ["web-2", "web-4", "web-5"].contains(&vm.name.as_str())) {
        app.desk.hypervisor.set_state(vm.uuid, DomainState::Off);
    }
    let on = async || pages(&app, Who::Bob, "/db/vm?status=on", "vm", "name", 1).await.concat();
    app.desk.until("the host is asked again", async || on().await == ["web-1", "web-3"]).await;
    let off = pages(&app, Who::Bob, "/db/vm?status=off", "vm", "name", 2).await;
    assert_eq!(off, [vec!["web-2", "web-4"], vec!["web-5"]]);
}

#[tokio::test]
async fn many_who_list_at_once_cost_the_host_one_call() {
    let app = desk().await;
    let all = pages(&app, Who::Bob, "/db/vm", "vm", "name", 1000).await;
    let before = app.desk.hypervisor.calls("domains.list");
    for _ in 0..50 {
        assert_eq!(pages(&app, Who::Bob, "/db/vm", "vm", "name", 1000).await, all);
    }
    let calls = app.desk.hypervisor.calls("domains.list") - before;
    assert!(calls < 50, "the host was asked {calls} times");
}

#[tokio::test]
async fn users_page_through_their_own_requests_alone() {
    let app = desk().await;
    app.post(Who::Bob, "/request-vm", json!({"request-vm": [{"id": "b1", "spec": "name,os\nx,debian\n"}]})).await.ok();
    let ids = async |who, path: &str| pages(&app, who, path, "request-vm", "id", 1).await.concat();
    assert_eq!(ids(Who::Bob, "/request-vm").await, ["b1"]);
    assert_eq!(ids(Who::Bob, "/request-vm?requester=BOB").await, ["b1"]);
    assert_eq!(ids(Who::Bob, "/request-vm?requester=alice").await, [Value::Null; 0]);
    assert_eq!(ids(Who::Root, "/request-vm?requester=alice").await, ["r3", "r2", "r1"]);
    assert_eq!(ids(Who::Root, "/request-vm").await, ["b1", "r3", "r2", "r1"]);
}

#[tokio::test]
async fn a_cursor_that_is_none_or_of_another_list_is_refused() {
    let app = desk().await;
    let next = app.get(Who::Root, "/db/vm?limit=1").await.ok()["next"].as_str().unwrap().to_owned();
    for (path, fields) in [
        (format!("/db/user?after={next}"), ["after"]),
        ("/db/vm?after=12".to_owned(), ["after"]),
        ("/db/vm?after=".to_owned(), ["after"]),
        (format!("/db/vm?after={next}%20"), ["after"]),
        (format!("/db/vm?after={}", "A".repeat(513)), ["after"]),
        ("/db/vm?limit=0".to_owned(), ["limit"]),
        ("/db/vm?limit=1001".to_owned(), ["limit"]),
        ("/db/vm?name_prefix=%25".to_owned(), ["name_prefix"]),
        ("/db/vm?os=debian".to_owned(), ["os"]),
    ] {
        assert_eq!(app.get(Who::Root, &path).await.problem_fields(), fields, "{path}");
    }
}
