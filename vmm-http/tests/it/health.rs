use serde_json::json;
use vmm_core::{Error, Part};

use crate::app::{App, Who};

#[tokio::test]
async fn readiness_follows_the_parts() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Anonymous, "/healthz").await.ok(), json!({"alive": true}));
    let ready = json!({"ready": true, "database": "up", "hypervisor": "up"});
    assert_eq!(app.get(Who::Anonymous, "/readyz").await.ok(), ready);
    app.desk.hypervisor.fail_next("host", Error::unavailable(Part::Hypervisor, "libvirtd is gone"));
    let answer = app.get(Who::Anonymous, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, json!({"ready": false, "database": "up", "hypervisor": "down"}));
}
