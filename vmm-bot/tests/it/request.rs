//! Requests for machines, from the upload of a CSV to the machines' addresses.

use vmm_core::model::{Job, Request, RequestFilter, RequestState, Role, StepState};
use vmm_core::{Actor, Error, Kind, UserDraft};
use vmm_testkit::fake::telegram::{Event, Message, Person};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;
use vmm_testkit::workbook::xlsx;

use crate::app::App;
use crate::manual::shows;

const CSV: &[u8] = b"name,os,vcpu,memory,disk,count\nweb,debian:12,2,1GiB,2;5,2\ndb-1,debian:12,1,512,2,\n";

/// The newest request.
pub(crate) async fn newest(app: &App) -> Request {
    let requests = app.desk.vmm.requests(&app.desk.admin, &RequestFilter::default()).await.unwrap();
    requests.items.into_iter().next().unwrap()
}

/// Uploads the CSV and submits it; gives the card.
async fn submits(app: &App, person: &Person, csv: &[u8], caption: &str) -> (Message, Request) {
    person.uploads("machines.csv", csv, caption);
    let preview = person.sees("Press Submit to ask for these machines as request").await;
    person.presses(&preview, "Submit").answer().await;
    let card = person.sees_edit(&preview, "waits for an admin").await;
    let request = newest(app).await;
    app.desk.let_be_reached(&request);
    (card, request)
}

/// Another admin, bound to a chat.
async fn admin(app: &App, name: &str) -> Person {
    let draft =
        UserDraft { name: sample::user_name(name), password: PASSWORD.into(), chat_id: None, role: Role::Admin };
    let actor = Actor::from(&app.desk.vmm.create_user(&app.desk.admin, draft).await.unwrap());
    app.linked(name, &actor).await
}

#[tokio::test]
async fn machines_are_requested_approved_and_made() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    // What is done at once has no progress.
    app.desk.stop_worker().await;
    alice.uploads("machines.csv", CSV, "for the <shop>");
    let preview = alice.sees("2 rows are good in machines.csv").await;
    for words in [
        "for the <shop>",
        "web-1  2     1 GiB    2+5       debian:12",
        "3 machines: 5 vCPU, 2560 MiB memory, 16 GiB disk",
    ] {
        assert!(preview.text.contains(words), "{words:?} is missing in {}", preview.text);
    }
    assert_eq!(preview.labels(), ["Submit", "Discard"]);
    assert!(app.desk.vmm.requests(&app.desk.admin, &RequestFilter::default()).await.unwrap().is_empty());
    alice.presses(&preview, "Submit").answer().await;
    let card = alice.sees_edit(&preview, "waits for an admin").await;
    assert_eq!(card.labels(), ["Cancel the request"]);
    let request = newest(&app).await;
    assert_eq!((request.description.as_str(), request.spec.as_bytes()), ("for the <shop>", CSV));
    app.desk.let_be_reached(&request);

    let notice = root.sees("waits for an admin").await;
    for words in ["For alice", "for the <shop>", "db-1", "(0 taken)"] {
        assert!(notice.text.contains(words), "{words:?} is missing in {}", notice.text);
    }
    assert_eq!(notice.labels(), ["Approve", "Reject"]);
    root.presses(&notice, "Approve").answer().await;
    root.sees_edit(&notice, "was approved by root").await;

    alice.sees_edit(&card, "was approved by root").await;
    let progress = alice.sees("machines are ready").await;
    let of_root = root.sees("machines are ready").await;
    app.desk.start_worker();
    alice.sees_edit(&progress, "is done").await;
    let result = alice.sees("is done").await;
    for words in ["web-1  192.0.2.100  vmm", "db-1   192.0.2.102  vmm", "GET /vm/login?vm=web-1"] {
        assert!(result.text.contains(words), "{words:?} is missing in {}", result.text);
    }
    let file = alice.sees_document("-result.csv").await.document.unwrap();
    assert_eq!(file.name, format!("{}-result.csv", request.id));
    let csv = app.desk.vmm.request_result(&app.desk.user, &request.id).await.unwrap();
    assert_eq!(String::from_utf8(file.bytes).unwrap(), csv);
    root.sees_edit(&of_root, "is done").await;
    assert_eq!(app.audit("request.submit").await.len(), 1);
}

#[tokio::test]
async fn a_bad_csv_shows_every_problem_and_stores_nothing() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("bad.CSV", b"name,os,vcpu\nWeb,debian:12,1\nweb-2,beos,0\n", "");
    let verdict = alice.sees("3 problems in bad.CSV").await;
    let table = verdict.part("pre").unwrap();
    for (row, column) in [("2", "name"), ("3", "os"), ("3", "vcpu")] {
        let found = table.lines().any(|line| line.starts_with(&format!("{row}    {column} ")));
        assert!(found, "{row} {column} is missing in\n{table}");
    }
    assert!(verdict.labels().is_empty());
    let many: String = (0..150).map(|number| format!("Web{number},debian:12,1\n")).collect();
    alice.uploads("bad.csv", format!("name,os,vcpu\n{many}").as_bytes(), "");
    let file = alice.sees_document("problems.txt").await.document.unwrap();
    assert_eq!(String::from_utf8(file.bytes).unwrap().lines().count(), 101);
    alice.sees("150 problems").await;
    alice.uploads("latin.csv", b"name,os,description\nweb-1,debian:12,M\xfcller\n", "");
    alice.sees("the file is not text in UTF-8; save it as \"CSV UTF-8\"").await;
    alice.uploads("empty.tsv", b"", "");
    alice.sees("the file is empty").await;
    alice.uploads("machines.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "");
    alice.sees("save it as .xlsx").await;
    alice.uploads("large.csv", &vec![b'x'; (1 << 20) + 1], "");
    alice.sees("at most 1048576").await;
    assert!(app.desk.vmm.requests(&app.desk.admin, &RequestFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_discarded_is_not_submitted_and_what_is_large_is_a_file() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("many.csv", b"name,os,memory,disk,count\nweb,debian:12,512,2,200\n", "");
    let file = alice.sees_document("-plan.txt").await.document.unwrap();
    assert_eq!(String::from_utf8(file.bytes).unwrap().lines().count(), 201);
    let preview = alice.sees("200 machines").await;
    alice.presses(&preview, "Discard").answer().await;
    let discarded = alice.sees_edit(&preview, "Discarded").await;
    let press = alice.presses_data(&discarded, &preview.button("Submit").unwrap().data).answer().await;
    assert!(press.alert, "{press:?}");
    assert!(app.desk.vmm.requests(&app.desk.admin, &RequestFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_admins_one_wins_and_the_other_is_told() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    let admins = [app.linked("Root", &app.desk.admin).await, admin(&app, "carol").await];
    for round in 0..4 {
        let csv = format!("name,os,memory,disk\nweb-{round},debian:12,512,2\n");
        let (_, request) = submits(&app, &alice, csv.as_bytes(), "").await;
        let mut presses = Vec::new();
        for admin in &admins {
            presses.push((admin, admin.sees(&format!("{} waits", request.id)).await));
        }
        let presses: Vec<_> = presses.iter().map(|(admin, notice)| admin.presses(notice, "Approve")).collect();
        let mut late = Vec::new();
        for press in presses {
            late.extend(Some(press.answer().await).filter(|answer| answer.alert));
        }
        let winner = app.desk.settled(&request.id).await.decided_by.unwrap();
        assert_eq!(late.len(), 1, "round {round}");
        assert!(late[0].text.contains(&format!("by {winner}")), "{late:?}");
    }
    let done = app.audit("request.approve").await.into_iter().filter(|row| row.outcome.as_str() == "done");
    assert_eq!(done.count(), 4);
}

#[tokio::test]
async fn a_rejection_asks_why_and_tells_the_requester() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let carol = admin(&app, "carol").await;
    let (card, request) = submits(&app, &alice, CSV, "").await;
    let (notice, of_carol) = (root.sees("waits for an admin").await, carol.sees("waits for an admin").await);
    root.presses(&notice, "Reject").answer().await;
    root.sees("Why do you reject").await;
    root.says("no room <b>today</b>");
    root.sees("was rejected by root").await;
    alice.sees_edit(&card, "was rejected by root").await;
    let told = alice.sees("was rejected by root").await;
    assert!(told.text.contains("no room <b>today</b>"), "{}", told.text);
    let closed = carol.sees_edit(&of_carol, "was rejected by root").await;
    assert_eq!(closed.labels(), ["Show"]);
    // A quick hand has pressed before the card changed.
    let press = carol.presses_data(&closed, &of_carol.button("Approve").unwrap().data).answer().await;
    assert!(press.alert, "{press:?}");
    assert_eq!(app.desk.vmm.request(&app.desk.admin, &request.id).await.unwrap().state, RequestState::Rejected);
    root.says("and this is no reason any more");
    root.sees("do not understand").await;
}

#[tokio::test]
async fn a_requester_takes_a_request_back() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (card, _) = submits(&app, &alice, CSV, "").await;
    let notice = root.sees("waits for an admin").await;
    alice.presses(&card, "Cancel the request").answer().await;
    alice.sees_edit(&card, "was cancelled by alice").await;
    root.sees_edit(&notice, "was cancelled by alice").await;
    let (_, request) = submits(&app, &alice, CSV, "").await;
    app.desk.vmm.cancel_request(&app.desk.admin, &request.id).await.unwrap();
    alice.sees(&format!("{} was cancelled by root", request.id)).await;
    let sent = alice.unread();
    assert!(!sent.iter().any(|event| matches!(event, Event::Sent(_))), "{sent:?}");
}

#[tokio::test]
async fn a_changed_plan_comes_back_with_new_buttons() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    app.desk.stop_worker().await;
    submits(&app, &alice, b"name,os,memory,disk\nweb-1,debian,512,2\n", "").await;
    let notice = root.sees("waits for an admin").await;
    root.presses(&notice, "Approve").answer().await;
    root.sees_edit(&notice, "was approved by root").await;
    app.desk.hypervisor.change_host(|host| host.pool = "pool-2".to_owned());
    app.desk.start_worker();
    let again = root.sees("waits for an admin").await;
    assert!(again.text.contains("the plan changed after it was approved"), "{}", again.text);
    alice.sees("the plan changed after it was approved").await;
    app.desk.let_be_reached(&newest(&app).await);
    root.presses(&again, "Approve").answer().await;
    alice.sees("is done").await;
}

#[tokio::test]
async fn a_plan_that_does_not_fit_any_longer_comes_back_with_the_figures_in_a_message_of_its_own() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    app.desk.stop_worker().await;
    submits(&app, &alice, b"name,os,vcpu\nweb-1,debian,8\n", "").await;
    let notice = root.sees("waits for an admin").await;
    root.presses(&notice, "Approve").answer().await;
    root.sees_edit(&notice, "was approved by root").await;
    app.desk.hypervisor.change_host(|host| host.vcpus = 4);
    app.desk.start_worker();
    let again = root.sees("waits for an admin").await;
    assert!(again.text.contains("needs 8 processors; the host had 64 when it was planned and has 4"), "{}", again.text);
    alice.sees("no longer fit on the host").await;
    app.desk.hypervisor.change_host(|host| host.vcpus = 8);
    root.presses(&again, "Approve").answer().await;
    alice.sees("is done").await;
}

#[tokio::test]
async fn a_machine_that_fails_is_told_with_its_stage_and_reason() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    submits(&app, &alice, CSV, "").await;
    app.desk.hypervisor.fail_next("definitions.define", Error::conflict(Kind::Domain, "web", "on purpose"));
    let notice = root.sees("waits for an admin").await;
    root.presses(&notice, "Approve").answer().await;
    let told = alice.sees(" failed").await;
    let line = told.text.lines().find(|line| line.starts_with("• ")).unwrap();
    assert!(line.contains(": define-domain: ") && line.contains("on purpose"), "{}", told.text);
    assert_eq!(told.part("pre").unwrap().lines().count(), 3, "the others are there: {}", told.text);
    alice.sees_document("-result.csv").await;
}

#[tokio::test]
async fn requests_are_listed_with_buttons() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (_, request) = submits(&app, &alice, CSV, "the shop").await;
    root.sees("waits for an admin").await;
    alice.says("/request");
    alice.sees(&format!("{} waits for an admin, 3 machines", request.id)).await;
    let template = alice.sees_document("request.csv").await;
    let bytes = template.document.unwrap().bytes;
    alice.uploads("request.csv", &bytes, "");
    alice.sees("1 row is good").await;
    root.says("/requests");
    let list = root.sees("Open requests").await;
    root.presses(&list, request.id.as_str()).answer().await;
    let card = root.sees_edit(&list, "the shop").await;
    assert_eq!(card.labels(), ["Approve", "Reject", "Cancel the request"]);
    root.presses(&card, "Approve").answer().await;
    root.sees_edit(&card, "was approved by root").await;
    alice.sees("is done").await;
    alice.says(&format!("/request {}", request.id));
    assert_eq!(alice.sees("is done").await.labels(), ["Refresh"]);
    alice.says("/request r-unknown");
    alice.sees("there is no request").await;
    root.says("/requests");
    root.sees("There are no open requests").await;
}

/// The bot is away while machines are made, so that what it shows of that is always the same.
#[tokio::test]
async fn the_manual_shows_a_request() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (before_alice, before_root) = (alice.transcript(), root.transcript());
    app.desk.stop_worker().await;
    alice.says("/request");
    alice.sees_document("request.csv").await;
    alice.uploads("machines.csv", b"name,os,vcpu,memory\nWeb,debian:12,2,1GiB\ndb-1,beos,1,\n", "the shop");
    alice.sees("problems").await;
    alice.uploads("machines.csv", CSV, "the shop");
    let preview = alice.sees("Press Submit to ask for these machines as request").await;
    alice.presses(&preview, "Submit").answer().await;
    let card = alice.sees_edit(&preview, "waits for an admin").await;
    let notice = root.sees("waits for an admin").await;
    root.says("/requests");
    root.sees("Open requests").await;
    root.presses(&notice, "Approve").answer().await;
    root.sees_edit(&notice, "was approved by root").await;
    let of_root = root.sees("machines are ready").await;
    alice.sees_edit(&card, "was approved by root").await;
    let progress = alice.sees("machines are ready").await;
    app.stop().await;
    let request = newest(&app).await;
    for vm in &request.plan.vms {
        app.desk.hypervisor.set_addresses(vm.uuid, Vec::new());
    }
    app.desk.start_worker();
    app.desk
        .until("every machine waits for its address", async || {
            let waits = |job: &Job| {
                job.steps.iter().any(|step| step.name == "wait-for-address" && step.state == StepState::Acting)
            };
            app.desk.jobs(&request.id).await.iter().filter(|job| waits(job)).count() == 3
        })
        .await;
    app.start();
    alice.sees_edit(&progress, "wait for address").await;
    root.sees_edit(&of_root, "wait for address").await;
    app.stop().await;
    app.desk.let_be_reached(&request);
    app.desk.settled(&request.id).await;
    app.start();
    alice.sees_document("-result.csv").await;
    root.sees_edit(&of_root, "is done").await;
    let said = alice.transcript();
    shows("What the requester sees:", said.strip_prefix(&before_alice).unwrap());
    let said = root.transcript();
    shows("What an admin sees:", said.strip_prefix(&before_root).unwrap());
}

#[tokio::test]
async fn a_workbook_is_requested_as_a_csv_is() {
    let mut app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    app.desk.stop_worker().await;
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |cells: [&str; 2]| format!("<row>{}</row>", cells.map(cell).concat());
    alice.uploads("machines.xlsx", &xlsx(&(row(["name", "os"]) + &row(["web-1", "debian"]))), "");
    let preview = alice.sees("1 row is good in machines.xlsx").await;
    alice.presses(&preview, "Submit").answer().await;
    alice.sees_edit(&preview, "waits for an admin").await;
    assert_eq!(newest(&app).await.spec, "name,os\nweb-1,debian\n");
    alice.uploads("machines.ods", b"PK\x03\x04", "");
    alice.sees("I cannot read the file: the file is not a workbook").await;
}
