//! Long operations: listed, looked at, watched.

use std::time::Duration;

use serde_json::{Value, json};
use vmm_core::Budget;
use vmm_core::model::JobState;
use vmm_core::repository::Repository;
use vmm_http::Limits;

use crate::app::{App, SPEC, Who};

fn ids(jobs: &Value) -> Vec<i64> {
    jobs["job"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages_and_by_state_and_request() {
    let app = App::new().await;
    app.provision().await;
    let all = ids(&app.get(Who::Root, "/job").await.ok());
    assert!(all.len() >= 4 && all.is_sorted_by(|one, next| one > next), "{all:?}");
    let (mut paged, mut place) = (Vec::new(), "/job?limit=1".to_owned());
    loop {
        let page = app.get(Who::Root, &place).await.ok();
        paged.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => place = format!("/job?limit=1&after={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
    assert_eq!(ids(&app.get(Who::Root, "/job?state=failed").await.ok()), [0; 0]);
    let of_request = ids(&app.get(Who::Root, "/job?request=r1&state=done").await.ok());
    assert!(of_request.len() == 3 && of_request.len() < all.len(), "{of_request:?} of {all:?}");
    for wrong in ["limit=0", "limit=1001", "after=zzz", "state=odd", "request=%20"] {
        app.get(Who::Root, &format!("/job?{wrong}")).await.assert_problem(422);
    }
}

#[tokio::test]
async fn a_person_sees_the_jobs_of_the_own_requests_and_nothing_of_others() {
    let app = App::new().await;
    app.provision().await;
    let own = ids(&app.get(Who::Alice, "/job").await.ok());
    assert_eq!(own, ids(&app.get(Who::Root, "/job?request=r1").await.ok()));
    assert_eq!(ids(&app.get(Who::Bob, "/job").await.ok()), [0; 0]);
    assert_eq!(ids(&app.get(Who::Bob, "/job?request=r1").await.ok()), [0; 0]);
}

/// The next event of the stream, or `None` at its end.
async fn event(response: &mut reqwest::Response, rest: &mut String) -> Option<Value> {
    loop {
        if let Some((event, after)) = rest.split_once("\n\n") {
            let (event, after) = (event.to_owned(), after.to_owned());
            *rest = after;
            let mut lines = event.lines();
            match lines.next() {
                Some("event: job") => {}
                Some(":") => continue,
                other => panic!("{other:?}"),
            }
            assert!(lines.next().unwrap().starts_with("id: "));
            return Some(serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap());
        }
        rest.push_str(std::str::from_utf8(&response.chunk().await.unwrap()?).unwrap());
    }
}

#[tokio::test]
async fn a_job_is_watched_from_its_present_state_to_its_end() {
    let mut app = App::new().await;
    app.desk.stop_worker().await;
    let request = app.desk.submit("r1", SPEC).await;
    app.desk.approve(&request).await;
    let job = app.desk.jobs(&request.id).await.remove(0).id;
    let token = app.token(Who::Alice).await.unwrap();
    let watch = reqwest::Client::new()
        .get(format!("http://{}/job/{job}/events", app.address))
        .bearer_auth(token)
        .header("Last-Event-ID", "anything");
    let mut response = watch.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut rest = String::new();
    let first = event(&mut response, &mut rest).await.unwrap();
    assert_eq!(first, app.get(Who::Alice, &format!("/job/{job}")).await.ok());
    assert_eq!(first["state"], "queued");
    // As another process on the same records would.
    app.desk.repository.jobs().finish(job, JobState::Failed, Some("no room".to_owned())).await.unwrap();
    let last = event(&mut response, &mut rest).await.unwrap();
    assert_eq!((&last["state"], &last["error"]), (&"failed".into(), &"no room".into()));
    assert_eq!(event(&mut response, &mut rest).await, None);
}

#[tokio::test]
async fn a_stream_with_nothing_to_tell_shows_that_it_is_open_and_ends_with_its_login() {
    let mut limits = Limits::default();
    limits.heartbeat = Duration::from_millis(20);
    let mut app = App::with(limits).await;
    app.desk.stop_worker().await;
    let request = app.desk.submit("r1", SPEC).await;
    app.desk.approve(&request).await;
    let job = app.desk.jobs(&request.id).await.remove(0).id;
    let token = json!({"token": [{"name": "watcher"}]});
    let secret = app.post(Who::Alice, "/token", token).await.ok()["token"][0]["secret"].take();
    let watch = reqwest::Client::new()
        .get(format!("http://{}/job/{job}/events", app.address))
        .bearer_auth(secret.as_str().unwrap());
    let mut response = watch.send().await.unwrap();
    let mut text = String::new();
    while text.matches("\n:\n").count() < 3 {
        text += std::str::from_utf8(&response.chunk().await.unwrap().expect("it is open")).unwrap();
    }
    app.call(Who::Alice, "DELETE", "/token?name=watcher", None).await;
    let ended = async { while response.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it ends with its login");
}

#[tokio::test]
async fn a_stream_over_the_limit_is_refused_until_another_ends() {
    let app = App::with_budgets(|limits| limits.set_all(Budget::Streams, 0)).await;
    app.provision().await;
    let job = app.desk.jobs(&"r1".parse().unwrap()).await.remove(0).id;
    app.get(Who::Alice, &format!("/job/{job}/events")).await.assert_problem(503);
}

#[tokio::test]
async fn a_job_that_is_not_ones_own_cannot_be_watched() {
    let app = App::new().await;
    app.provision().await;
    let job = app.desk.jobs(&"r1".parse().unwrap()).await.remove(0).id;
    app.get(Who::Bob, &format!("/job/{job}/events")).await.assert_problem(404);
    app.get(Who::Root, "/job/4711/events").await.assert_problem(404);
}
