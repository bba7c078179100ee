use serde_json::{Value, json};
use vmm_testkit::workbook::xlsx;

use crate::app::{App, SPEC, Who};

fn request(id: &str, spec: &str) -> Value {
    json!({"request-vm": [{"id": id, "description": "for the shop", "spec": spec}]})
}

#[tokio::test]
async fn a_request_shows_its_plan_row_by_row() {
    let app = App::new().await;
    let made = app.post(Who::Alice, "/request-vm", request("r1", SPEC)).await.ok()["request-vm"][0].take();
    assert_eq!(
        (&made["created"], &made["state"], &made["requester"]),
        (&json!(true), &json!("pending"), &json!("alice"))
    );
    assert_eq!(
        (&made["totals"]["vms"], &made["totals"]["vcpu"], &made["totals"]["memory"]),
        (&json!(2), &json!(3), &json!(1536))
    );
    assert_eq!(made["plan_hash"].as_str().unwrap().len(), 64);
    let row = &made["rows"][1];
    assert_eq!((&row["row"], &row["name"], &row["verdict"]), (&json!(3), &json!("web-2"), &json!("ok")));
    assert_eq!((&row["os"], &row["disks"][0]["role"]), (&json!("debian:12"), &json!("system")));
    assert!(row["host_key"].as_str().unwrap().starts_with("SHA256:"));
    let again = app.get(Who::Alice, "/request-vm/r1").await.ok();
    assert_eq!((&again["plan_hash"], &again["spec"]), (&made["plan_hash"], &json!(SPEC)));
}

#[tokio::test]
async fn ten_mistakes_are_told_at_once_and_nothing_is_recorded() {
    let app = App::new().await;
    let spec = "name,hostname,vcpu,memory,os,disk,ip,count\n\
                Bad_Name,,1,512,debian,,,\n\
                b,-x-,1,512,debian,,,\n\
                c,,zero,512,debian,,,\n\
                d,,1,lots,debian,,,\n\
                e,,1,512,plan9,,,\n\
                f,,1,512,debian,0,,\n\
                g,,1,512,debian,,999.1.1.1,\n\
                h,,1,512,debian,,,many\n\
                i,,0,512,debian,,,\n\
                i,,1,512,debian,,,\n";
    let answer = app.post(Who::Alice, "/request-vm", request("r1", spec)).await;
    let fields = answer.problem_fields();
    for expected in
        ["2:name", "3:hostname", "4:vcpu", "5:memory", "6:os", "7:disk", "8:ip", "9:count", "10:vcpu", "11:name"]
    {
        assert!(fields.iter().any(|field| field == expected), "{expected} is missing in {fields:?}");
    }
    assert_eq!(answer.body["item"], 0);
    app.get(Who::Alice, "/request-vm/r1").await.assert_problem(404);
    assert_eq!(app.get(Who::Root, "/db/vm").await.ok()["vm"], json!([]));
}

#[tokio::test]
async fn the_same_request_twice_is_one_and_another_of_its_id_is_a_conflict() {
    let app = App::new().await;
    let first = app.post(Who::Alice, "/request-vm", request("r1", SPEC)).await.ok();
    let second = app.post(Who::Alice, "/request-vm", request("r1", SPEC)).await.ok();
    assert_eq!(
        (&first["request-vm"][0]["created"], &second["request-vm"][0]["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first["request-vm"][0]["plan_hash"], second["request-vm"][0]["plan_hash"]);
    let other = SPEC.replace("web-2", "web-3");
    app.post(Who::Alice, "/request-vm", request("r1", &other)).await.assert_problem(409);
    assert_eq!(app.get(Who::Root, "/request-vm").await.ok()["request-vm"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_says_which_of_its_requests_failed() {
    let app = App::new().await;
    let batch = json!({"request-vm": [
        {"id": "r1", "spec": SPEC},
        {"id": "r2", "spec": "name,os\ndb-1,plan9\n"},
        {"id": "r3", "spec": "name,os\ndb-2,debian\n"},
    ]});
    let answer = app.post(Who::Alice, "/request-vm", batch).await;
    assert_eq!(answer.problem_fields(), ["2:os"]);
    assert_eq!(answer.body["item"], 1);
    app.get(Who::Alice, "/request-vm/r1").await.ok();
    app.get(Who::Alice, "/request-vm/r3").await.assert_problem(404);
}

#[tokio::test]
async fn from_the_csv_to_the_result() {
    let app = App::new().await;
    let request = app.desk.submit("r1", SPEC).await;
    let approval = json!({"plan_hash": request.plan_hash.to_string()});
    assert_eq!(app.post(Who::Root, "/request-vm/r1/approve", approval).await.ok()["decided_by"], "root");
    app.desk
        .until("the request is done", async || app.get(Who::Alice, "/request-vm/r1").await.body["state"] == "done")
        .await;
    let jobs = app.get(Who::Alice, "/request-vm/r1/jobs").await.ok();
    let jobs = jobs["job"].as_array().unwrap();
    assert_eq!(jobs.len(), 3);
    assert!(jobs.iter().all(|job| job["percent"] == 100 && job["state"] == "done"));
    let result = app.get(Who::Alice, "/request-vm/r1/result").await;
    assert_eq!(result.header("content-type"), "text/csv");
    let lines: Vec<_> = result.text.lines().collect();
    assert_eq!(lines[0], "name,hostname,group_name,ip,login,vcpu,memory,os,status");
    assert!(lines[1].starts_with("web-1,web-1,,192.0.2.") && lines[1].ends_with(",1,512,debian:12,on"), "{}", lines[1]);
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn the_template_plans_well_and_goes_on_doing_so() {
    let app = App::new().await;
    app.desk.hypervisor.add_foreign("web-1");
    for (id, name) in [("r1", "web-2"), ("r2", "web-3")] {
        let template = app.get(Who::Alice, "/request-vm/template").await;
        assert_eq!((template.status, template.header("content-type")), (200, "text/csv"));
        let header = "name,hostname,group_name,vcpu,memory,os,disk,ip,count,description";
        assert_eq!(template.text.lines().next(), Some(header));
        let made = app.post(Who::Alice, "/request-vm", request(id, &template.text)).await.ok();
        let row = &made["request-vm"][0]["rows"][0];
        assert_eq!((&row["name"], &row["verdict"]), (&json!(name), &json!("ok")));
    }
}

#[tokio::test]
async fn the_submitted_csv_comes_back_and_runs_nothing_in_a_spreadsheet() {
    let app = App::new().await;
    let spec = "name;os;description\nweb-1;debian;\"=cmd|' /C calc'!A0\"\nweb-2;debian;a, b\n";
    app.post(Who::Alice, "/request-vm", request("r1", spec)).await.ok();
    let csv = app.get(Who::Alice, "/request-vm/r1/spec").await;
    assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv"));
    assert_eq!(csv.text, "name,os,description\nweb-1,debian,'=cmd|' /C calc'!A0\nweb-2,debian,\"a, b\"\n");
    assert_eq!(app.get(Who::Alice, "/request-vm/r1").await.ok()["spec"], spec);
    let named = app.post(Who::Alice, "/request-vm", request("template", SPEC)).await;
    assert_eq!(named.problem_fields(), ["request-vm[0].id"]);
}

#[tokio::test]
async fn an_approval_names_the_plan_and_is_given_once() {
    let app = App::new().await;
    let request = app.desk.submit("r1", SPEC).await;
    let path = "/request-vm/r1/approve";
    let other = json!({"plan_hash": "0".repeat(64)});
    app.post(Who::Root, path, other).await.assert_problem(409);
    let malformed = app.post(Who::Root, path, json!({"plan_hash": "latest"})).await;
    assert_eq!(malformed.problem_fields(), ["plan_hash"]);
    let approval = json!({"plan_hash": request.plan_hash.to_string()});
    let (one, two) = tokio::join!(app.post(Who::Root, path, approval.clone()), app.post(Who::Root, path, approval));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn what_is_rejected_or_cancelled_stays_so() {
    let app = App::new().await;
    let rejected = app.desk.submit("r1", SPEC).await;
    let answer = app.post(Who::Root, "/request-vm/r1/reject", json!({"reason": "no room"})).await.ok();
    assert_eq!((&answer["state"], &answer["reason"]), (&json!("rejected"), &json!("no room")));
    let cancelled = app.desk.submit("r2", SPEC).await;
    assert_eq!(app.post(Who::Alice, "/request-vm/r2/cancel", json!({})).await.ok()["state"], "cancelled");
    for request in [rejected, cancelled] {
        let path = format!("/request-vm/{}/approve", request.id);
        let approval = json!({"plan_hash": request.plan_hash.to_string()});
        app.post(Who::Root, &path, approval).await.assert_problem(409);
    }
    let listed = app.get(Who::Alice, "/request-vm?state=cancelled").await.ok();
    assert_eq!(listed["request-vm"].as_array().unwrap().len(), 1);
    assert!(app.get(Who::Alice, "/request-vm/r1/result").await.text.ends_with(",rejected\n"));
}

/// A table of a mebibyte that is wrong in every cell, in five shapes.
fn wrong_tables() -> [(&'static str, String); 5] {
    let filled = |head: &str, row: &str| {
        let mut text = head.to_owned();
        while text.len() + row.len() <= 1 << 20 {
            text.push_str(row);
        }
        text
    };
    [
        ("rows", filled("name,os\n", "A,B\n")),
        ("columns", filled("name,os,", "A,")),
        ("quotes", filled("name,os\n", "\"\"\"A\"\"\",\"\"\"\n")),
        ("one cell", filled("name,os\nA,", "\"B")),
        ("counts", filled("name,os,count\n", "a,o,9999\n")),
    ]
}

#[tokio::test]
async fn a_mebibyte_that_is_wrong_in_every_cell_gives_a_small_answer_and_a_small_audit_row() {
    let app = App::new().await;
    for (shape, spec) in wrong_tables() {
        for spec in [spec.clone(), spec.chars().take(100_000).collect()] {
            let answer = app.post(Who::Alice, "/request-vm", request("r1", &spec)).await;
            answer.assert_problem(422);
            assert!(answer.text.len() <= 64 << 10, "{shape}: {} bytes", answer.text.len());
            let problems = answer.body["problems"].as_array().unwrap();
            assert!(!problems.is_empty() && problems.len() <= 100, "{shape}: {}", problems.len());
            assert!(answer.body["problems_total"].as_u64().unwrap() >= problems.len() as u64, "{shape}");
            let audit = app.get(Who::Root, "/audit?limit=1").await.ok();
            let row = audit["audit"][0].to_string();
            assert!(row.contains("request.submit") && row.len() <= 2 << 10, "{shape}: {} bytes", row.len());
            assert!(audit["audit"][0]["detail"].as_str().unwrap().len() <= 1024, "{shape}");
        }
    }
}

#[tokio::test]
async fn machines_of_counts_are_counted_before_any_is_made() {
    let app = App::new().await;
    let spec = format!("name,os,count\n{}", "a,debian,999\n".repeat(30));
    let answer = app.post(Who::Alice, "/request-vm", request("r1", &spec)).await;
    answer.assert_problem(422);
    let first = &answer.body["problems"][0];
    assert_eq!((&first["row"], &first["column"]), (&json!(3), &json!("count")), "{}", answer.text);
    assert!(first["reason"].as_str().unwrap().contains("more than 1000 machines"), "{first}");
    assert_eq!((answer.body["problems"].as_array().unwrap().len(), &answer.body["problems_total"]), (1, &json!(29)));
}

#[tokio::test]
async fn parameters_of_a_query_that_nobody_knows_are_told_within_bounds() {
    let app = App::new().await;
    let query: Vec<_> = (0..5000).map(|number| format!("p{number}")).collect();
    let answer = app.get(Who::Alice, &format!("/db/vm?{}", query.join("&"))).await;
    answer.assert_problem(422);
    assert!(answer.text.len() <= 64 << 10, "{} bytes", answer.text.len());
    assert_eq!(answer.body["problems_total"], 5000);
}

#[tokio::test]
async fn a_table_is_tried_with_a_verdict_for_each_row_and_stores_nothing() {
    let app = App::new().await;
    let tried = |spec: &str| json!({"spec": spec});
    let good = app.post(Who::Alice, "/request-vm/preview", tried("Name;OS;CPU\nweb-1;debian;2\n")).await.ok();
    assert_eq!((&good["good"], &good["totals"]["vcpu"], &good["problems_total"]), (&json!(true), &json!(2), &json!(0)));
    assert_eq!(good["rows"], json!([{"row": 2, "name": "web-1", "verdict": "ok", "machines": 1, "warnings": []}]));
    assert_eq!(good["understood"], json!(["column \"CPU\" is read as vcpu"]));
    let spec = "name,os,vcpu,count\nweb,debian,1,3\n\ndb,debian,none,\n";
    let wrong = app.post(Who::Alice, "/request-vm/preview", tried(spec)).await.ok();
    let verdicts: Vec<_> = wrong["rows"].as_array().unwrap().iter().map(|row| (&row["row"], &row["verdict"])).collect();
    assert_eq!(verdicts, [(&json!(2), &json!("ok")), (&json!(4), &json!("wrong"))]);
    assert_eq!((&wrong["good"], &wrong["totals"]), (&json!(false), &Value::Null));
    assert_eq!((&wrong["problems"][0]["row"], &wrong["problems"][0]["column"]), (&json!(4), &json!("vcpu")));
    assert_eq!(app.get(Who::Root, "/request-vm").await.ok()["request-vm"], json!([]));
    let audited = app.get(Who::Root, "/audit?action=request.submit").await.ok();
    assert_eq!(audited["audit"], json!([]), "trying leaves no trace");
    let reserved = app.post(Who::Alice, "/request-vm", request("preview", SPEC)).await;
    assert!(reserved.problem_fields()[0].ends_with("id"), "{}", reserved.text);
}

#[tokio::test]
async fn a_file_of_a_spreadsheet_is_read_into_the_csv_of_a_request() {
    let app = App::new().await;
    let send = async |kind: &str, bytes: &[u8]| {
        app.send_bytes(Who::Alice, "POST", "/request-vm/spreadsheet", kind, bytes.to_vec()).await
    };
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |cells: [&str; 2]| format!("<row>{}</row>", cells.map(cell).concat());
    let workbook = xlsx(&(row(["name", "os"]) + &row(["web-1", "debian"])));
    let read = send("application/octet-stream", &workbook).await.ok();
    assert_eq!(read, json!({"spec": "name,os\nweb-1,debian\n", "sheet": "Machines"}));
    let tried = app.post(Who::Alice, "/request-vm/preview", json!({"spec": read["spec"]})).await.ok();
    assert_eq!(tried["good"], json!(true));
    let text = send("application/octet-stream", b"name\tos\n").await.ok();
    assert_eq!(text, json!({"spec": "name\tos\n"}));
    let wrong = send("application/octet-stream", b"PK\x03\x04").await;
    wrong.assert_problem(422);
    assert_eq!(wrong.problem_fields(), ["file"]);
    send("application/json", b"{}").await.assert_problem(415);
    let reserved = app.post(Who::Alice, "/request-vm", request("spreadsheet", SPEC)).await;
    assert!(reserved.problem_fields()[0].ends_with("id"), "{}", reserved.text);
}
