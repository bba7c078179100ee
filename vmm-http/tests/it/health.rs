use serde_json::json;
use vmm_core::{Error, Part};

use crate::app::{App, Who};

#[tokio::test]
async fn readiness_follows_the_parts() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Anonymous, "/healthz").await.ok(), json!({"alive": true}));
    assert_eq!(app.get(Who::Anonymous, "/readyz").await.ok(), json!({"ready": true}));
    app.desk.hypervisor.fail_next("host", Error::unavailable(Part::Hypervisor, "libvirtd is gone"));
    let answer = app.get(Who::Anonymous, "/readyz").await;
    answer.assert_problem(503);
    assert_eq!(answer.body["problems"], json!([{"field": "hypervisor", "reason": "does not answer"}]));
}
