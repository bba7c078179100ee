use std::time::Instant;

use serde_json::json;
use vmm_core::{Error, Part};

use crate::app::{App, Who};

#[tokio::test]
async fn readiness_follows_the_parts() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Anonymous, "/healthz").await.ok(), json!({"alive": true}));
    assert_eq!(app.get(Who::Anonymous, "/readyz").await.ok(), json!({"ready": true}));
    app.desk.hypervisor.fail_next("host.describe", Error::unavailable(Part::Hypervisor, "libvirtd is gone"));
    let down = async || app.get(Who::Anonymous, "/readyz").await.status == 503;
    app.desk.until("somebody looks again", down).await;
    let answer = app.get(Who::Anonymous, "/readyz").await;
    answer.assert_problem(503);
    assert_eq!(answer.body["problems"], json!([{"field": "hypervisor", "reason": "does not answer"}]));
}

#[tokio::test]
async fn a_hundred_who_want_to_know_whether_the_desk_is_ready_have_it_looked_at_once_a_second() {
    let mut app = App::new().await;
    app.desk.stop_worker().await;
    let (before, began) = (app.desk.hypervisor.calls("host.describe"), Instant::now());
    let asking = (0..100).map(|_| app.get(Who::Anonymous, "/readyz"));
    for answer in futures_util::future::join_all(asking).await {
        answer.ok();
    }
    let (looks, seconds) = (app.desk.hypervisor.calls("host.describe") - before, began.elapsed().as_secs());
    assert!(looks as u64 <= seconds + 1, "{looks} looks in {seconds} s");
}
