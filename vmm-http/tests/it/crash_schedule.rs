//! kill -9 of the real program while a schedule fires: its moment fires once or is shown as missed, never twice, and no
//! run goes on for ever.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;
use vmm_core::crash;
use vmm_core::model::{CronExpression, JobState, NewSchedule, ScriptArguments, UserChange, When};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::program::{Place, terminate};

const PATIENCE: Duration = Duration::from_secs(60);

struct Client {
    address: String,
    token: String,
}

impl Client {
    async fn login(address: String) -> Self {
        let body = json!({"name": "chief", "password": PASSWORD});
        let mut client = Self { address, token: String::new() };
        client.token = client.call("POST", "/session", Some(body)).await["token"].as_str().unwrap().to_owned();
        client
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.address);
        let mut request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap_or_default()
    }
}

/// A desk with a machine on which nothing listens, and a script with a stored login for it.
async fn desk() -> Place {
    let place = Place::new();
    place.run(&["init", "--name", "chief", "--password-stdin"], &format!("{PASSWORD}\n")).await;
    let repository = open(&place).await;
    let chief = repository.users().by_name(&sample::user_name("chief")).await.unwrap().unwrap();
    let adoption =
        vmm_core::model::Adoption { ip: Some([127, 99, 99, 99].into()), ..sample::adoption(&chief, "old-1") };
    let (_, job) = repository.vms().adopt(adoption, sample::adopting(), sample::audit("vm.adopt")).await.unwrap();
    repository.jobs().finish(job, JobState::Done, None).await.unwrap();
    drop(repository);
    let (mut child, address) = place.serve_with(&[]).await;
    let script = json!({"script": [{
        "name": "job", "file": "job.sh", "command": "sh", "content": "true\n",
        "vm": ["old-1"], "user": "root", "password": "p",
    }]});
    Client::login(address).await.call("POST", "/vm/script", Some(script)).await;
    terminate(&child).await;
    child.wait().await.unwrap();
    place
}

async fn open(place: &Place) -> SqliteRepository {
    let repository = SqliteRepository::open(place.file("data/vmm.db")).await.unwrap();
    // Not the desk's own key: nobody verifies the audit log of this one.
    repository.audit().use_key(sample::audit_key()).await.unwrap();
    repository
}

/// A schedule of each minute whose next moment was so long ago.
async fn schedule(place: &Place, ago: TimeDelta) {
    let repository = open(place).await;
    let script = repository.scripts().by_name(&sample::script_name("job")).await.unwrap().unwrap();
    let new = NewSchedule {
        script: script.id,
        made_by: script.owner,
        // Once a year: its own moments stay out of the test.
        when: if ago > TimeDelta::minutes(1) { cron("* * * * *") } else { cron("0 4 1 1 *") },
        targets: None,
        arguments: ScriptArguments::default(),
        timeout: None,
        at_once: None,
        next_at: Utc::now() - ago,
    };
    repository.schedules().create(new, sample::audit("schedule.create")).await.unwrap();
}

fn cron(text: &str) -> When {
    When::Cron(CronExpression::new(text, None).unwrap())
}

/// Starts the program, and kills it when it comes to a point.
async fn kill_at(place: &Place, point: &str) {
    let reached = place.file("reached");
    let variables = [("VMM_CRASH_AT", Path::new(point)), ("VMM_CRASH_REACHED", reached.as_path())];
    let (mut halted, _) = place.serve_with(&variables).await;
    let end = Instant::now() + PATIENCE;
    while !reached.exists() {
        assert!(Instant::now() < end, "{point} was not reached");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    halted.kill().await.unwrap();
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn kill_9_at_every_point_of_a_firing_makes_a_moment_fire_once_or_shows_it_as_missed() {
    for point in crash::firing_points() {
        let what = point.rsplit('.').next().unwrap();
        let place = desk().await;
        schedule(&place, if what == "missed" { TimeDelta::minutes(10) } else { TimeDelta::seconds(1) }).await;
        if what == "refused" {
            let repository = open(&place).await;
            let dave = sample::user("dave", vmm_core::model::Role::Admin);
            repository.users().create(dave, sample::audit("user.create")).await.unwrap();
            let chief = repository.users().by_name(&sample::user_name("chief")).await.unwrap().unwrap();
            let change = UserChange { disabled: Some(true), ..UserChange::default() };
            repository.users().update(chief.id, change, None, sample::audit("user.update")).await.unwrap();
        }
        kill_at(&place, &point).await;
        let (mut child, address) = place.serve_with(&[]).await;
        let outcome = settled(&place, &point).await;
        if what == "refused" {
            assert_eq!(outcome, ["failed"], "{point}");
        } else {
            check(&Client::login(address).await, what, &outcome).await;
        }
        terminate(&child).await;
        child.wait().await.unwrap();
    }
}

/// Waits until something has become of the schedule's moments and no run goes on; what it was, oldest first.
async fn settled(place: &Place, point: &str) -> Vec<String> {
    let repository = open(place).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let schedules = repository.schedules().list(&Default::default()).await.unwrap();
        let due = repository.schedules().due(Utc::now()).await.unwrap();
        let firings = repository.schedules().firings(schedules[0].id).await.unwrap();
        let runs = repository.runs().list(&Default::default()).await.unwrap();
        if !firings.is_empty() && due.is_empty() && runs.iter().all(|run| run.state.is_final()) {
            return firings.iter().rev().map(|firing| firing.state.as_str().to_owned()).collect();
        }
        assert!(Instant::now() < end, "{point}: {firings:?} {runs:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn check(client: &Client, what: &str, outcome: &[String]) {
    let runs = client.call("GET", "/vm/script/run", None).await["run"].as_array().unwrap().clone();
    let firings = client.call("GET", "/vm/script/schedule/1", None).await["firing"].as_array().unwrap().clone();
    let fired: Vec<_> = firings.iter().filter(|firing| firing["state"] == "fired").collect();
    assert_eq!(fired.len(), runs.len(), "{what}: each run is for a moment: {firings:?} {runs:?}");
    let mut moments: Vec<_> = firings.iter().map(|firing| moment(&firing["due_at"])).collect();
    moments.sort();
    moments.dedup();
    assert_eq!(moments.len(), firings.len(), "{what}: no moment twice: {firings:?}");
    let states: Vec<_> = runs.iter().map(|run| run["state"].as_str().unwrap()).collect();
    match what {
        // Nothing listens on the machine.
        "due" => assert_eq!((outcome, states.as_slice()), (&["fired".to_owned()][..], &["failed"][..])),
        "recorded" => assert_eq!((outcome, states.as_slice()), (&["fired".to_owned()][..], &["interrupted"][..])),
        "begun" => {
            assert_eq!(outcome, ["fired"]);
            assert!(matches!(states[..], ["failed" | "interrupted"]), "{states:?}");
        }
        // The newest of the moments is within its minute of grace, or was missed too.
        "missed" => {
            assert_eq!((outcome[0].as_str(), outcome.iter().filter(|o| *o == "fired").count()), ("missed", runs.len()));
        }
        other => panic!("{other} is not checked"),
    }
}
