//! Figures for Prometheus.

use crate::app::{App, Who};

#[tokio::test]
async fn the_figures_tell_what_happened_and_how_things_stand() {
    let app = App::new().await;
    app.provision().await;
    app.login(Who::Alice, "not the password").await.assert_problem(401);
    app.get(Who::Anonymous, "/no/such/path").await.assert_problem(404);
    app.get(Who::Bob, "/db/vm/web-1").await.ok();
    let answer = app.get(Who::Root, "/metrics").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/openmetrics-text"));
    for line in [
        "vmm_http_requests_total{operation=\"getVm\",status=\"200\"} 1",
        "vmm_http_requests_total{operation=\"login\",status=\"401\"} 1",
        "vmm_http_requests_total{operation=\"other\",status=\"404\"} 1",
        "vmm_http_request_duration_seconds_count{operation=\"getVm\"} 1",
        "vmm_login_refusals_total{reason=\"credentials\"} 1",
        "vmm_vms{status=\"on\"} 2",
        "vmm_vms{status=\"off\"} 0",
        "vmm_jobs{state=\"failed\"} 0",
        "vmm_up{part=\"database\"} 1",
        "vmm_up{part=\"hypervisor\"} 1",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} is missing in\n{}", answer.text);
    }
    let value = |name: &str| -> f64 {
        let line = answer.text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    assert!(value("vmm_http_open_connections ") >= 1.0);
    assert!(value("process_resident_memory_bytes ") > 1e6);
}
