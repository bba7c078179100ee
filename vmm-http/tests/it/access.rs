//! Who may do what: every operation of the specification × every kind of actor.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vmm_testkit::fixture::PASSWORD;

use crate::adoption::HOST_KEY;
use crate::app::{App, SPEC, Who};

/// What a row expects of nobody, a stranger, the responsible person and an admin. `OK` is whatever the operation
/// answers once it is allowed.
type Expected = [u16; 4];
const OK: u16 = 0;

const EVERYBODY: Expected = [OK, OK, OK, OK];
const USERS: Expected = [401, OK, OK, OK];
const ADMINS: Expected = [401, 403, 403, OK];
const OWNERS: Expected = [401, 403, OK, OK];
/// A stranger does not even learn that it is there.
const SEEN_BY_OWNERS: Expected = [401, 404, OK, OK];
const DECIDED_BY_ADMINS: Expected = [401, 404, 403, OK];

/// Operation, what fills its path and query, its body, and what is expected. In order: what removes stands last.
fn rows() -> Vec<(&'static str, &'static str, Option<Value>, Expected)> {
    let reject = json!({"reason": "no room"});
    let ssh = json!({"ssh": [{"command": "true", "user": "vmm", "password": "p"}]});
    let ft = json!({"ft": [{"file": "note", "directory": "/tmp", "user": "vmm", "password": "p"}]});
    let new_user = json!({"user": [{"name": "carol", "password": PASSWORD}]});
    let new_os = json!({"os": [{"name": "alpine", "version": "3", "qcow2": "/nowhere.qcow2"}]});
    let new_script = json!({"script": [{"name": "new", "file": "new.sh", "command": "sh", "content": "true"}]});
    let run = json!({"run": [{"script": "deploy", "vm": ["web-1"], "user": "root", "password": "p"}]});
    let login = json!({"user": "root", "password": "p"});
    let request = json!({"request-vm": [{"id": "r1", "requester": "alice", "spec": SPEC}]});
    let adoption = json!({"vm": [{"domain": "old-1", "host_key": HOST_KEY, "login": "root"}]});
    let change = json!({"update-password": [{"user": "alice", "old-password": "wrong", "new-password": PASSWORD}]});
    vec![
        ("getLiveness", "", None, EVERYBODY),
        ("getReadiness", "", None, EVERYBODY),
        ("login", "", Some(json!({"name": "alice", "password": PASSWORD})), EVERYBODY),
        ("createUsers", "", Some(new_user), ADMINS),
        ("listUsers", "", None, ADMINS),
        ("getUser", "bob", None, ADMINS),
        ("updateUsers", "", Some(json!({"user": [{"name": "carol", "chat_id": 7}]})), ADMINS),
        ("createOses", "", Some(new_os), ADMINS),
        ("listOses", "", None, USERS),
        ("getOs", "1", None, USERS),
        ("updateOses", "", Some(json!({"os": [{"id": 1, "description": "stable"}]})), ADMINS),
        ("deleteOs", "?id=1", None, ADMINS),
        ("submitRequests", "", Some(request), OWNERS),
        ("listRequests", "", None, USERS),
        ("getRequest", "r1", None, SEEN_BY_OWNERS),
        ("listRequestJobs", "r1", None, SEEN_BY_OWNERS),
        ("getRequestSpec", "r1", None, SEEN_BY_OWNERS),
        ("getRequestResult", "r1", None, SEEN_BY_OWNERS),
        ("getRequestTemplate", "", None, USERS),
        ("approveRequest", "r1", Some(json!({"plan_hash": "0".repeat(64)})), DECIDED_BY_ADMINS),
        ("rejectRequest", "r1", Some(reject), DECIDED_BY_ADMINS),
        ("cancelRequest", "r1", None, SEEN_BY_OWNERS),
        ("listJobs", "", None, USERS),
        ("watchJob", "2", None, SEEN_BY_OWNERS),
        ("getJob", "2", None, SEEN_BY_OWNERS),
        ("cancelJob", "2", None, SEEN_BY_OWNERS),
        ("listVms", "", None, USERS),
        ("getVm", "web-1", None, USERS),
        ("updateVms", "", Some(json!({"vm": [{"name": "web-1", "description": "the shop"}]})), ADMINS),
        ("getVmLogin", "?vm=web-1", None, OWNERS),
        ("monitorVm", "?vm=web-1", None, USERS),
        ("runSshCommands", "?vm=web-1", Some(ssh), USERS),
        ("powerVm", "?vm=web-1", Some(json!({"action": "start"})), OWNERS),
        ("listDisks", "", None, USERS),
        ("getDisk", "1", None, USERS),
        ("addDisks", "", Some(json!({"disk": [{"vm": "web-1", "disk_size": 1}]})), OWNERS),
        ("growDisks", "", Some(json!({"disk": [{"id": 1, "disk_size": 1}]})), OWNERS),
        ("deleteDisk", "?id=1", None, ADMINS),
        ("listAdoptableDomains", "", None, ADMINS),
        ("adoptVms", "", Some(adoption), ADMINS),
        ("putFile", "note", None, USERS),
        ("getFile", "note", None, USERS),
        ("listFiles", "", None, USERS),
        ("transferFiles", "?direction=send&vm=web-1", Some(ft), USERS),
        ("deleteFile", "note", None, USERS),
        ("createScripts", "", Some(new_script), USERS),
        ("listScripts", "", None, USERS),
        ("getScript", "deploy", None, USERS),
        ("updateScripts", "", Some(json!({"script": [{"name": "deploy", "command": "bash"}]})), OWNERS),
        ("runScripts", "", Some(run), USERS),
        ("listRuns", "", None, USERS),
        ("getRun", "1", None, USERS),
        ("rerunScript", "1", Some(login), USERS),
        ("cancelRun", "1", None, OWNERS),
        ("deleteScript", "?name=new", None, ADMINS),
        ("listAudit", "", None, ADMINS),
        ("deleteVm", "?name=web-2", None, ADMINS),
        ("deleteUser", "?name=carol", None, ADMINS),
        ("updatePassword", "", Some(change), OWNERS),
        ("logout", "", None, USERS),
    ]
}

fn operations() -> Vec<(String, String, String)> {
    let spec: Value = serde_json::from_str(&vmm_http::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            operations.push((id.to_owned(), method.to_uppercase(), path.clone()));
        }
    }
    operations
}

/// A path with its one parameter filled in.
fn filled(path: &str, value: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { value } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let specified: BTreeSet<_> = operations().into_iter().map(|(id, ..)| id).collect();
    let tested: BTreeSet<_> = rows().into_iter().map(|(id, ..)| id.to_owned()).collect();
    assert_eq!(specified, tested);
}

#[tokio::test]
async fn every_operation_refuses_whom_it_must_and_nobody_else() {
    let app = App::new().await;
    app.provision().await;
    app.desk.hypervisor.add_foreign("old-1");
    let script = json!({"script": [{
        "name": "deploy", "file": "deploy.sh", "command": "sh", "content": "true", "user": "root", "password": "p",
    }]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let run = json!({"run": [{"script": "deploy", "vm": ["web-1"]}]});
    app.post(Who::Alice, "/vm/script/run", run).await.ok();
    let operations = operations();
    let mut wrong = Vec::new();
    for (id, place, body, expected) in rows() {
        let (_, method, path) = operations.iter().find(|(known, ..)| known == id).unwrap();
        let path = if place.starts_with('?') { format!("{path}{place}") } else { filled(path, place) };
        for (who, expected) in Who::ALL.into_iter().zip(expected) {
            let answer = app.call(who, method, &path, body.clone()).await;
            let refused = matches!(answer.status, 401 | 403 | 404);
            let right = if expected == OK { !refused && answer.status < 500 } else { answer.status == expected };
            if !right {
                wrong.push(format!("{id} as {who:?}: {} instead of {expected}: {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_user_cannot_become_an_admin() {
    let app = App::new().await;
    let change = json!({"update-password": [{
        "user": "alice", "old-password": PASSWORD, "new-password": "another long one", "role": "admin",
    }]});
    let answer = app.call(Who::Alice, "PUT", "/config/update-password", Some(change)).await;
    assert_eq!(answer.problem_fields(), ["update-password[0].role"]);
    assert_eq!(app.login(Who::Alice, PASSWORD).await.ok()["user"]["role"], "user");
}
