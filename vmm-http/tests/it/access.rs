//! The access matrix: every operation of the specification × every kind of actor, and what the audit log has of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vmm_core::host::DomainState;
use vmm_core::model::{AuditFilter, AuditId, AuditRecord, BotId, JobId, JobState, Outcome, RunId, Vm};
use vmm_core::repository::Repository;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::{FILE_LIMIT, PASSWORD};

use crate::adoption::HOST_KEY;
use crate::app::{App, SPEC, Who};
use crate::file::put;
use crate::second_factor;

/// The statuses that a row expects for nobody, a stranger, the responsible person and an admin. `OK` is whatever the
/// operation answers once it is allowed. Somebody whose login has expired or whose account is disabled is nobody.
type Expected = [u16; 4];
const OK: u16 = 0;

const EVERYBODY: Expected = [OK, OK, OK, OK];
const USERS: Expected = [401, OK, OK, OK];
const ADMINS: Expected = [401, 403, 403, OK];
const OWNERS: Expected = [401, 403, OK, OK];
/// A stranger does not even learn that it is there.
const SEEN_BY_OWNERS: Expected = [401, 404, OK, OK];
const DECIDED_BY_ADMINS: Expected = [401, 404, 403, OK];

/// In a row's place: the id of a login of alice's that was just made.
const NEW_SESSION: &str = "a new session";

/// In a row's place: a schedule of alice's script that was just made.
const NEW_SCHEDULE: &str = "a new schedule";

/// In a row's place: a group of a chat service that was just allowed.
const NEW_GROUP: &str = "a new group";
const GROUP: (BotId, i64) = (BotId(7), -5);

/// Operation, what fills its path and query, its body, and what is expected. In order: what removes stands last.
fn rows() -> Vec<(&'static str, &'static str, Option<Value>, Expected)> {
    let reject = json!({"reason": "no room"});
    let ssh = json!({"ssh": [{"command": "true", "user": "vmm", "password": "p"}]});
    let ssh_again = ssh.clone();
    let ssh_on_many = json!({"vms": ["web-1"], "ssh": ssh["ssh"]});
    let ft = json!({"ft": [{"file": "note", "directory": "/tmp", "user": "vmm", "password": "p"}]});
    let new_user = json!({"user": [{"name": "carol", "password": PASSWORD}]});
    let new_os = json!({"os": [{"name": "alpine", "version": "3", "iso": "/images/alpine.iso"}]});
    let new_script = json!({"script": [{"name": "new", "file": "new.sh", "command": "sh", "content": "true"}]});
    let run = json!({"run": [{"script": "deploy", "vm": ["web-1"], "user": "root", "password": "p"}]});
    let login = json!({"user": "root", "password": "p"});
    let schedule = json!({"schedule": [{"script": "deploy", "cron": "0 4 1 1 *", "vm": ["web-1"]}]});
    let request = json!({"request-vm": [{"id": "r1", "requester": "alice", "spec": SPEC}]});
    let adoption = json!({"vm": [{"domain": "old-1", "host_key": HOST_KEY, "login": "root"}]});
    let change = json!({"update-password": [{"user": "alice", "old-password": "wrong", "new-password": PASSWORD}]});
    vec![
        ("getLiveness", "", None, EVERYBODY),
        ("getReadiness", "", None, EVERYBODY),
        ("login", "", Some(json!({"name": "alice", "password": PASSWORD})), EVERYBODY),
        ("signInToConsole", "", Some(json!({"name": "alice", "password": PASSWORD})), EVERYBODY),
        ("getWebSession", "", None, USERS),
        ("listSessions", "", None, USERS),
        ("endSession", NEW_SESSION, None, SEEN_BY_OWNERS),
        ("getSecondFactor", "?user=alice", None, OWNERS),
        ("beginSecondFactor", "", Some(json!({"password": PASSWORD})), USERS),
        ("confirmSecondFactor", "", Some(json!({"code": "000000"})), USERS),
        ("giveSecondFactor", "", Some(json!({"code": "000000"})), USERS),
        ("removeSecondFactor", "?user=alice", None, OWNERS),
        ("createTokens", "", Some(json!({"token": [{"name": "ci"}]})), USERS),
        ("listTokens", "", None, USERS),
        ("deleteToken", "?name=ci", None, USERS),
        ("createLinkCode", "", None, USERS),
        ("deleteLink", "", None, USERS),
        ("listBotGroups", "", None, ADMINS),
        ("deleteBotGroup", NEW_GROUP, None, ADMINS),
        ("createUsers", "", Some(new_user), ADMINS),
        ("listUsers", "", None, ADMINS),
        ("getUser", "bob", None, ADMINS),
        ("updateUsers", "", Some(json!({"user": [{"name": "carol", "chat_id": 7}]})), ADMINS),
        ("createOses", "", Some(new_os), ADMINS),
        ("listOses", "", None, USERS),
        ("getOs", "1", None, USERS),
        ("updateOses", "", Some(json!({"os": [{"id": 1, "description": "stable"}]})), ADMINS),
        ("importOs", "?id=1", None, ADMINS),
        ("deleteOs", "?id=1", None, ADMINS),
        ("submitRequests", "", Some(request), OWNERS),
        ("previewRequest", "", Some(json!({"requester": "alice", "spec": SPEC})), OWNERS),
        ("readSpreadsheet", "", None, USERS),
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
        ("retryJob", "2", None, DECIDED_BY_ADMINS),
        ("closeJob", "2", None, DECIDED_BY_ADMINS),
        ("listVms", "", None, USERS),
        ("getVm", "web-1", None, USERS),
        ("updateVms", "", Some(json!({"vm": [{"name": "web-1", "description": "the shop"}]})), ADMINS),
        ("getVmLogin", "?vm=web-1", None, OWNERS),
        ("monitorVm", "?vm=web-1", None, USERS),
        ("runSshCommands", "?vm=web-1", Some(ssh), USERS),
        ("streamSshCommands", "?vm=web-1", Some(ssh_again), USERS),
        ("runSshCommandsOnMany", "", Some(ssh_on_many), USERS),
        ("getVmHostKey", "?vm=web-1", None, USERS),
        ("getVmDefinition", "?vm=web-1", None, USERS),
        ("acceptVmDefinition", "?vm=web-1", Some(json!({"digest": "0".repeat(64)})), ADMINS),
        ("reclaimVm", "?vm=web-1", None, ADMINS),
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
        ("transferFiles", "?direction=send&vm=web-1", Some(ft.clone()), USERS),
        ("streamFileTransfers", "?direction=send&vm=web-1", Some(ft), USERS),
        ("deleteFile", "note", None, USERS),
        ("getLimits", "", None, USERS),
        ("getMetrics", "", None, ADMINS),
        ("createScripts", "", Some(new_script), USERS),
        ("listScripts", "", None, USERS),
        ("getScript", "deploy", None, USERS),
        ("listScriptVersions", "?script=deploy", None, USERS),
        ("updateScripts", "", Some(json!({"script": [{"name": "deploy", "command": "bash"}]})), OWNERS),
        ("runScripts", "", Some(run), USERS),
        ("listRuns", "", None, USERS),
        ("getRun", "1", None, USERS),
        ("watchRun", "1", None, USERS),
        ("rerunScript", "1", Some(login), USERS),
        ("cancelRun", "1", None, OWNERS),
        ("createSchedules", "", Some(schedule), OWNERS),
        ("listSchedules", "", None, USERS),
        ("getSchedule", "1", None, USERS),
        ("updateSchedules", "", Some(json!({"schedule": [{"id": 1, "enabled": false}]})), OWNERS),
        ("deleteSchedule", NEW_SCHEDULE, None, OWNERS),
        ("acceptVmHostKey", "?vm=web-1", Some(json!({"host_key": HOST_KEY})), ADMINS),
        ("deleteScript", "?name=deploy", None, OWNERS),
        ("listAudit", "", None, ADMINS),
        ("deleteVm", "?name=web-2", None, ADMINS),
        ("deleteUser", "?name=carol", None, ADMINS),
        ("updatePassword", "", Some(change), OWNERS),
        ("revokeAccess", "?user=alice", None, OWNERS),
        ("signOutOfConsole", "", None, USERS),
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
    register_and_run(&app).await;
    let mut wrong = Vec::new();
    for (id, place, body, [nobody, stranger, owner, admin]) in rows() {
        for (who, expected) in Who::ALL.into_iter().zip([nobody, nobody, nobody, stranger, owner, admin]) {
            let (method, path) = route(&app, id, place).await;
            // The row before has ended the login.
            if matches!(id, "signOutOfConsole" | "logout") && matches!(who, Who::Bob | Who::Alice | Who::Root) {
                app.renew_token(who).await;
            }
            let answer = app.call(who, &method, &path, body.clone()).await;
            let refused = matches!(answer.status, 401 | 403 | 404);
            let right = if expected == OK { !refused && answer.status < 500 } else { answer.status == expected };
            if !right {
                wrong.push(format!("{id} as {who:?}: {} instead of {expected}: {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Method and path of a row.
async fn route(app: &App, id: &str, place: &str) -> (String, String) {
    let (_, method, path) = operations().into_iter().find(|(known, ..)| known == id).unwrap();
    let place = match place {
        NEW_SESSION => app.new_session().await,
        NEW_SCHEDULE => new_schedule(app).await,
        NEW_GROUP => {
            let (bot, chat) = GROUP;
            app.desk.vmm.allow_group(&app.desk.admin, bot, chat, "ops").await.unwrap();
            format!("?bot={bot}&chat={chat}")
        }
        place => place.to_owned(),
    };
    let path = if place.starts_with('?') { format!("{path}{place}") } else { filled(&path, &place) };
    (method, path)
}

/// The query of a schedule of alice's script that is made for it.
async fn new_schedule(app: &App) -> String {
    let schedule = json!({"schedule": [{"script": "deploy", "cron": "0 4 1 1 *", "vm": ["web-1"]}]});
    let made = app.post(Who::Alice, "/vm/script/schedule", schedule).await.ok();
    format!("?id={}", made["schedule"][0]["id"])
}

/// Calls of an admin that succeed or fail where the rows do not: operation, place and body.
async fn further_calls(app: &App) -> Vec<(&'static str, String, Option<Value>)> {
    let none = String::new;
    let request = |id: &str| json!({"request-vm": [{"id": id, "spec": format!("name,os\n{id},debian:12\n")}]});
    let mut hash = Value::Null;
    for id in ["p3", "p2", "p1"] {
        hash = app.post(Who::Root, "/request-vm", request(id)).await.ok()["request-vm"][0]["plan_hash"].take();
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("plan9.qcow2");
    std::fs::write(&image, vmm_testkit::image::empty_qcow2(1 << 30)).unwrap();
    let import = json!({"os": [{"name": "plan9", "version": "4", "qcow2": image}]});
    let import = app.post(Who::Root, "/db/os", import).await.ok()["os"][0]["job"].to_string();
    let unused = json!({"os": [{"name": "freebsd", "version": "14", "iso": "/images/freebsd.iso"}]});
    let unused = app.post(Who::Root, "/db/os", unused).await.ok()["os"][0]["id"].to_string();
    let again = json!({"os": [{"name": "debian", "version": "12", "iso": "/images/debian.iso"}]});
    let other = json!({"request-vm": [{"id": "p2", "spec": SPEC}]});
    let ssh = json!({"ssh": [{"command": "true", "user": "vmm", "password": "p"}]});
    let missing = json!({"ft": [{"file": "missing", "directory": "/tmp", "user": "vmm", "password": "p"}]});
    vec![
        ("login", none(), Some(json!({"name": "alice", "password": "not the password"}))),
        ("signInToConsole", none(), Some(json!({"name": "alice", "password": "not the password"}))),
        ("createTokens", none(), Some(json!({"token": [{"name": "twice"}, {"name": "twice"}]}))),
        ("createLinkCode", "?user=nowhere".to_owned(), None),
        ("deleteLink", "?user=nowhere".to_owned(), None),
        ("revokeAccess", "?user=nowhere".to_owned(), None),
        ("createUsers", none(), Some(json!({"user": [{"name": "alice", "password": PASSWORD}]}))),
        ("updateUsers", none(), Some(json!({"user": [{"name": "nowhere"}]}))),
        ("createOses", none(), Some(again)),
        ("updateOses", none(), Some(json!({"os": [{"id": 4711}]}))),
        ("updateVms", none(), Some(json!({"vm": [{"name": "nowhere"}]}))),
        ("adoptVms", none(), Some(json!({"vm": [{"domain": "nowhere", "host_key": HOST_KEY, "login": "root"}]}))),
        ("submitRequests", none(), Some(request("p4"))),
        ("submitRequests", none(), Some(other)),
        ("approveRequest", "p1".to_owned(), Some(json!({"plan_hash": hash}))),
        ("rejectRequest", "p2".to_owned(), Some(json!({"reason": "no room"}))),
        ("cancelRequest", "p3".to_owned(), None),
        ("cancelJob", import, None),
        ("retryJob", stuck_import(app, "plan10").await, None),
        ("closeJob", stuck_import(app, "plan11").await, None),
        ("streamSshCommands", "?vm=web-1".to_owned(), Some(ssh.clone())),
        ("runSshCommandsOnMany", none(), Some(json!({"vms": ["web-1"], "ssh": ssh["ssh"]}))),
        ("runSshCommands", "?vm=web-1".to_owned(), Some(ssh)),
        ("deleteFile", "missing".to_owned(), None),
        ("transferFiles", "?direction=send&vm=web-1".to_owned(), Some(missing.clone())),
        ("streamFileTransfers", "?direction=send&vm=web-1".to_owned(), Some(missing)),
        ("importOs", "?id=4711".to_owned(), None),
        ("deleteOs", format!("?id={unused}"), None),
        ("updatePassword", none(), Some(json!({"update-password": [{"user": "bob", "new-password": PASSWORD}]}))),
    ]
}

/// The import of an image that is stuck.
async fn stuck_import(app: &App, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.qcow2");
    std::fs::write(&image, vmm_testkit::image::empty_qcow2(1 << 30)).unwrap();
    let import = json!({"os": [{"name": name, "version": "4", "qcow2": image}]});
    let job = app.post(Who::Root, "/db/os", import).await.ok()["os"][0]["job"].as_i64().unwrap();
    app.desk.repository.jobs().finish(JobId(job), JobState::Stuck, Some("no room".to_owned())).await.unwrap();
    job.to_string()
}

/// The same for disks and definitions, each on a machine of its own, since jobs stay open here.
async fn disk_calls(app: &App, vaults: &[Vm]) -> Vec<(&'static str, String, Option<Value>)> {
    let data = async |vm: &Vm| app.desk.repository.disks().of_vm(vm.id).await.unwrap()[1].id;
    let add = json!({"disk": [{"vm": vaults[0].name.as_str(), "disk_size": 1}]});
    let grow = json!({"disk": [{"id": data(&vaults[1]).await.0, "disk_size": 2}]});
    let (changed, untagged) = (&vaults[3], &vaults[4]);
    app.desk.hypervisor.change_definition(changed.uuid, |spec| spec.memory = 1024);
    app.desk.hypervisor.untag(untagged.uuid);
    let seen = app.desk.vmm.vm_definition(&app.desk.admin, &changed.name).await.unwrap().seen;
    let accept = json!({"digest": seen.facts.digest().to_string()});
    vec![
        ("acceptVmDefinition", format!("?vm={}", changed.name), Some(accept)),
        ("reclaimVm", format!("?vm={}", untagged.name), None),
        ("addDisks", String::new(), Some(add)),
        ("growDisks", String::new(), Some(grow)),
        ("deleteDisk", format!("?id={}", data(&vaults[2]).await), None),
    ]
}

/// A second factor from its confirmation to its end.
async fn second_factor_calls(app: &App) -> Vec<(&'static str, String, Option<Value>)> {
    let authenticator = second_factor::begin(app, Who::Root).await;
    let code = |steps_from_now| Some(second_factor::code(&authenticator, steps_from_now));
    vec![
        ("confirmSecondFactor", String::new(), code(0)),
        ("giveSecondFactor", String::new(), code(1)),
        ("beginSecondFactor", String::new(), Some(json!({"password": PASSWORD}))),
        ("removeSecondFactor", String::new(), None),
    ]
}

/// The same for scripts. Run 1 of `deploy` is interrupted and can be repeated, which hangs and can be cancelled.
async fn script_calls(app: &App) -> Vec<(&'static str, String, Option<Value>)> {
    let vms = app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap();
    let address = vms.iter().find(|vm| vm.name.as_str() == "web-1").and_then(|vm| vm.ip).unwrap();
    app.desk.remote.answer((address, 22).into(), "deploy.sh", Answer::hangs());
    register_and_run(app).await;
    app.desk.repository.runs().interrupt(RunId(1)).await.unwrap();
    let login = json!({"user": "root", "password": "p"});
    vec![
        ("rerunScript", "1".to_owned(), Some(login)),
        ("cancelRun", "2".to_owned(), None),
        ("updateScripts", String::new(), Some(json!({"script": [{"name": "nowhere"}]}))),
        ("runScripts", String::new(), Some(json!({"run": [{"script": "nowhere"}]}))),
        ("createSchedules", String::new(), Some(json!({"schedule": [{"script": "nowhere", "cron": "0 4 1 1 *"}]}))),
        ("updateSchedules", String::new(), Some(json!({"schedule": [{"id": 4711, "enabled": true}]}))),
    ]
}

/// A script `deploy` of alice's, and her run of it on `web-1`.
async fn register_and_run(app: &App) {
    let script = json!({"script": [{
        "name": "deploy", "file": "deploy.sh", "command": "sh", "content": "true", "user": "root", "password": "p",
    }]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let run = json!({"run": [{"script": "deploy", "vm": ["web-1"]}]});
    app.post(Who::Alice, "/vm/script/run", run).await.ok();
}

/// The same place of something that is not there; `None` if the operation is about no one thing.
fn nowhere(place: &str) -> Option<String> {
    let other = |value: &str| if value.parse::<i64>().is_ok() { "4711" } else { "nowhere" };
    match place.split_once('=') {
        Some((name, value)) => Some(format!("{name}={}", other(value))),
        None if place == NEW_SESSION => Some("4711".to_owned()),
        None if place == NEW_SCHEDULE => Some("?id=4711".to_owned()),
        None if place == NEW_GROUP => Some(format!("?bot={}&chat=-4711", GROUP.0)),
        None if place.is_empty() => None,
        None => Some(other(place).to_owned()),
    }
}

#[tokio::test]
async fn every_changing_operation_leaves_one_finished_audit_row_however_it_ends() {
    let mut app = App::new().await;
    let vaults = app.desk.provision("r0", "name,os,memory,disk,count\nvault,debian:12,512,2;1,5\n").await;
    for vault in &vaults {
        app.desk.hypervisor.set_state(vault.uuid, DomainState::Off);
    }
    app.provision().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap();
    app.desk.remote.answer((vms[0].ip.unwrap(), 22).into(), "true", Answer::code(0));
    app.desk.hypervisor.add_foreign("old-1");
    // What is asked for then stays so.
    app.desk.stop_worker().await;

    let mut changing: BTreeSet<_> =
        operations().into_iter().filter(|(_, method, _)| method != "GET").map(|(id, ..)| id).collect();
    // They have a body, and change nothing.
    changing.remove("previewRequest");
    changing.remove("readSpreadsheet");
    let mut calls = Vec::new();
    for (id, place, body, _) in rows().into_iter().filter(|(id, ..)| changing.contains(*id)) {
        for who in [Who::Bob, Who::Alice, Who::Root] {
            calls.push((who, id, place.to_owned(), body.clone()));
        }
        if let Some(nowhere) = nowhere(place) {
            calls.push((Who::Root, id, nowhere, body));
        }
    }
    // What deletes stands last in the rows; the further calls need what is deleted.
    let mut further = further_calls(&app).await;
    further.extend(script_calls(&app).await);
    further.extend(disk_calls(&app, &vaults).await);
    // Codes count for half a minute, so these come first.
    further.splice(0..0, second_factor_calls(&app).await);
    let further = further.into_iter().map(|(id, place, body)| (Who::Root, id, place, body));
    let (mut done, mut failed, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (who, id, place, body) in further.chain(calls) {
        let (method, path) = route(&app, id, &place).await;
        app.renew_token(who).await;
        let before = last_row(&app).await;
        let answer = app.call(who, &method, &path, body).await;
        let rows = rows_since(&app, before).await;
        let expected = match answer.status {
            200..300 => Outcome::Done,
            403 => Outcome::Denied,
            _ => Outcome::Failed,
        };
        // Nothing was tried, or the same was there before.
        let nothing = answer.status == 422 || answer.text.contains("\"created\":false");
        let ended: Vec<_> = rows.iter().filter(|row| row.outcome != Outcome::Started).collect();
        let right = match (ended.as_slice(), rows.len()) {
            ([], 0) => nothing,
            ([row], 1) => row.outcome == expected && row.finishes.is_none(),
            ([row], 2) => row.outcome == expected && row.finishes == Some(rows[0].id),
            // A batch leaves one for each item that it came to.
            ([first, second], 2) => first.outcome == Outcome::Done && second.outcome == expected,
            _ => false,
        };
        if !right {
            wrong.push(format!("{id} {place} as {who:?} answered {} and left {rows:?}", answer.status));
        }
        for row in ended {
            match row.outcome {
                Outcome::Done => done.insert(id.to_owned()),
                Outcome::Failed => failed.insert(id.to_owned()),
                Outcome::Started | Outcome::Denied => false,
            };
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let untested: Vec<_> = changing.iter().filter(|id| !done.contains(*id)).collect();
    assert!(untested.is_empty(), "add calls to further_calls in which these succeed: {untested:?}");
    // One's own login is always there to end.
    failed.extend(["logout", "signOutOfConsole"].map(str::to_owned));
    app.renew_token(Who::Root).await;
    let before = last_row(&app).await;
    let too_large = vec![0; usize::try_from(FILE_LIMIT).unwrap() + 1];
    put(&app, Who::Root, "note", &too_large).await.assert_problem(413);
    let rows = rows_since(&app, before).await;
    assert!(matches!(rows.as_slice(), [row] if row.outcome == Outcome::Failed), "{rows:?}");
    failed.insert("putFile".to_owned());
    // What fails on a machine is a part of the answer.
    let before = last_row(&app).await;
    app.desk.remote.unreachable((vms[0].ip.unwrap(), 22).into());
    let ssh = json!([{"command": "true", "user": "vmm", "password": "p"}]);
    app.post(Who::Root, "/vm/ssh/many", json!({"vms": [vms[0].name.as_str()], "ssh": ssh})).await.ok();
    let rows = rows_since(&app, before).await;
    assert!(matches!(rows.as_slice(), [_, row] if row.outcome == Outcome::Failed), "{rows:?}");
    failed.insert("runSshCommandsOnMany".to_owned());
    let untested: Vec<_> = changing.iter().filter(|id| !failed.contains(*id)).collect();
    assert!(untested.is_empty(), "add calls to further_calls in which these fail: {untested:?}");
}

async fn last_row(app: &App) -> Option<AuditId> {
    let filter = AuditFilter { limit: Some(1), ..AuditFilter::default() };
    app.desk.repository.audit().list(&filter).await.unwrap().first().map(|row| row.id)
}

/// Oldest first.
async fn rows_since(app: &App, last: Option<AuditId>) -> Vec<AuditRecord> {
    let mut rows = app.desk.repository.audit().list(&AuditFilter::default()).await.unwrap();
    rows.retain(|row| Some(row.id) > last);
    rows.reverse();
    rows
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
