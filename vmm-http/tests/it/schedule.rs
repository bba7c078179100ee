use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};

use crate::app::{App, Who};

/// A desk with a script of alice's with a stored login, and one without.
async fn desk() -> App {
    let app = App::new().await;
    let script =
        |name: &str| json!({"name": name, "file": "up.sh", "content": "uptime", "command": "sh", "vm": ["web-1"]});
    let mut with_login = script("up");
    with_login["user"] = "stored".into();
    with_login["password"] = "canary-stored".into();
    app.post(Who::Alice, "/vm/script", json!({"script": [with_login, script("no login")]})).await.ok();
    app
}

async fn make(app: &App, who: Who, schedule: Value) -> crate::app::Answer {
    app.post(who, "/vm/script/schedule", json!({"schedule": [schedule]})).await
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_schedule_reads_as_it_was_made() {
    let app = desk().await;
    let cron = json!({
        "script": "up", "cron": "30 4 * * 1-5", "time_zone": "Asia/Tokyo", "vm": ["@web"], "arguments": ["canary's"], "timeout": 5, "at_once": 2,
    });
    let made = make(&app, Who::Alice, cron.clone()).await.ok()["schedule"][0].take();
    for field in ["script", "cron", "time_zone", "vm", "arguments", "timeout", "at_once"] {
        assert_eq!(made[field], cron[field], "{field}");
    }
    assert_eq!((&made["made_by"], &made["enabled"]), (&json!("alice"), &json!(true)));
    let next = moment(&made["next_at"]);
    assert!((next.hour(), next.minute()) == (19, 30) && next > Utc::now());
    let at = Utc::now() + TimeDelta::hours(1);
    let once = make(&app, Who::Root, json!({"script": "UP", "at": at.to_rfc3339()})).await.ok()["schedule"][0].take();
    assert_eq!(
        (moment(&once["at"]), &once["at"]),
        (at.with_nanosecond(at.nanosecond() / 1000 * 1000).unwrap(), &once["next_at"])
    );
    assert_eq!(app.get(Who::Alice, "/vm/script/schedule").await.ok(), json!({"schedule": [made, once]}));
    let shown = app.get(Who::Alice, "/vm/script/schedule/1").await.ok();
    assert_eq!((&shown["next_at"], &shown["firing"]), (&made["next_at"], &json!([])));
    for path in ["/vm/script/schedule", "/vm/script/schedule/1"] {
        let seen = app.get(Who::Bob, path).await;
        assert!(seen.status == 200 && !seen.text.contains("canary"), "{}", seen.text);
    }
    assert_eq!(app.get(Who::Bob, "/vm/script/schedule?script=no%20login").await.ok(), json!({"schedule": []}));
    app.get(Who::Bob, "/vm/script/schedule/4711").await.assert_problem(404);
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_named() {
    let app = desk().await;
    let passed = Utc::now() - TimeDelta::seconds(1);
    for (schedule, field) in [
        (json!({"script": "up"}), "schedule[0].at"),
        (json!({"script": "up", "at": Utc::now().to_rfc3339(), "cron": "* * * * *"}), "schedule[0].cron"),
        (json!({"script": "up", "cron": "61 * * * *"}), "schedule[0].cron"),
        (json!({"script": "up", "cron": "0 0 30 2 *"}), "schedule[0].cron"),
        (json!({"script": "up", "cron": "* * * * * *"}), "schedule[0].cron"),
        (json!({"script": "up", "cron": "* * * * *", "time_zone": "Berlin"}), "schedule[0].time_zone"),
        (json!({"script": "up", "at": passed.to_rfc3339(), "time_zone": "UTC"}), "schedule[0].time_zone"),
        (json!({"script": "up", "at": "tomorrow"}), "schedule[0].at"),
        (json!({"script": "up", "at": "9999-12-31T23:59:59Z"}), "schedule[0].at"),
        (json!({"script": "up", "at": passed.to_rfc3339()}), "schedule[0].at"),
        (json!({"script": "no login", "cron": "* * * * *"}), "schedule[0].script"),
        (json!({"script": "up", "cron": "* * * * *", "vm": ["web 1"]}), "schedule[0].vm"),
        (json!({"script": "up", "cron": "* * * * *", "arguments": ["a\u{0}"]}), "schedule[0].arguments"),
        (json!({"script": "up", "cron": "* * * * *", "at_once": 0}), "schedule[0].at_once"),
    ] {
        assert_eq!(make(&app, Who::Alice, schedule).await.problem_fields(), [field]);
    }
    make(&app, Who::Alice, json!({"script": "nothing", "cron": "* * * * *"})).await.assert_problem(404);
    make(&app, Who::Bob, json!({"script": "up", "cron": "* * * * *"})).await.assert_problem(403);
    assert_eq!(app.get(Who::Alice, "/vm/script/schedule").await.ok(), json!({"schedule": []}));
}

#[tokio::test]
async fn a_schedule_is_disabled_enabled_and_deleted_by_the_scripts_owner() {
    let app = desk().await;
    make(&app, Who::Root, json!({"script": "up", "cron": "0 4 * * *"})).await.ok();
    let enable = async |who, id: i64, enabled: bool| {
        let change = json!({"schedule": [{"id": id, "enabled": enabled}]});
        app.call(who, "PUT", "/vm/script/schedule", Some(change)).await
    };
    enable(Who::Bob, 1, false).await.assert_problem(403);
    let disabled = enable(Who::Alice, 1, false).await.ok()["schedule"][0].take();
    assert_eq!((&disabled["enabled"], disabled.get("next_at")), (&json!(false), None));
    let enabled = enable(Who::Alice, 1, true).await.ok()["schedule"][0].take();
    assert!(enabled["enabled"] == true && moment(&enabled["next_at"]) > Utc::now());
    enable(Who::Alice, 4711, true).await.assert_problem(404);
    app.call(Who::Bob, "DELETE", "/vm/script/schedule?id=1", None).await.assert_problem(403);
    assert_eq!(app.call(Who::Alice, "DELETE", "/vm/script/schedule?id=1", None).await.status, 204);
    app.call(Who::Alice, "DELETE", "/vm/script/schedule?id=1", None).await.assert_problem(404);
}

#[tokio::test]
async fn schedules_are_listed_a_page_at_a_time() {
    let app = desk().await;
    for _ in 0..3 {
        make(&app, Who::Alice, json!({"script": "up", "cron": "0 4 * * *"})).await.ok();
    }
    let first = app.get(Who::Bob, "/vm/script/schedule?limit=2&script=up").await.ok();
    let next = first["next"].as_str().unwrap();
    let second = app.get(Who::Bob, &format!("/vm/script/schedule?limit=2&after={next}")).await.ok();
    let ids = |page: &Value| {
        page["schedule"].as_array().unwrap().iter().map(|s| s["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&first), ids(&second), second.get("next")), (vec![1, 2], vec![3], None));
}
