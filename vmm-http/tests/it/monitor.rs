use serde_json::json;
use vmm_core::host::DomainState;
use vmm_core::model::VmFilter;
use vmm_core::repository::Repository;

use crate::app::{App, Who};

#[tokio::test]
async fn a_running_machine_shows_its_figures() {
    let app = App::new().await;
    app.provision().await;
    let figures = app.get(Who::Bob, "/vm/monitor?vm=web-1").await.ok();
    assert_eq!((&figures["vm"]["name"], &figures["state"]), (&json!("web-1"), &json!("running")));
    assert!(figures["cpu_percent"].is_number() && figures["memory"]["current"].is_u64());
    assert_eq!(figures["addresses"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn uptime_is_that_of_the_run_that_was_seen_to_begin() {
    let app = App::new().await;
    app.provision().await;
    let uptime = async || app.get(Who::Bob, "/vm/monitor?vm=web-1").await.ok()["uptime"].as_u64();
    assert!(uptime().await.is_some_and(|seconds| seconds < 60));
    let vm = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap().items.remove(0);
    app.desk.hypervisor.restart_behind_back(vm.uuid);
    let seen = async || app.desk.repository.vms().by_id(vm.id).await.unwrap().unwrap();
    app.desk.until("the sweep sees the new run", async || seen().await.run != vm.run).await;
    assert!(seen().await.on_since > vm.on_since);
    app.post(Who::Root, "/vm/power?vm=web-1", json!({"action": "stop"})).await;
    assert_eq!(uptime().await, None);
}

#[tokio::test]
async fn what_happened_behind_our_back_is_seen() {
    let app = App::new().await;
    app.provision().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap();
    app.desk.hypervisor.set_state(vms[0].uuid, DomainState::Crashed);
    app.desk.hypervisor.remove_behind_back(vms[1].uuid);
    assert_eq!(app.get(Who::Bob, "/vm/monitor?vm=web-1").await.ok()["state"], "crashed");
    let gone = app.get(Who::Bob, "/vm/monitor?vm=web-2").await.ok();
    assert_eq!((&gone["state"], &gone["vm"]["status"]), (&"unknown".into(), &"unknown".into()));
    assert_eq!(gone["vm"]["status_reason"], "missing");
}

#[tokio::test]
async fn a_machine_that_does_not_exist_yet_has_no_figures() {
    let app = App::new().await;
    app.desk.submit("r2", "name,os\ndb-1,debian\n").await;
    app.get(Who::Alice, "/vm/monitor?vm=db-1").await.assert_problem(409);
}

#[tokio::test]
async fn a_window_adds_what_was() {
    let app = App::new().await;
    app.provision().await;
    let vm = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap().items.remove(0);
    app.desk.live_an_hour(&vm).await;
    assert!(app.get(Who::Bob, "/vm/monitor?vm=web-1").await.ok().get("history").is_none());
    let figures = app.get(Who::Bob, "/vm/monitor?vm=web-1&window=3600").await.ok();
    assert_eq!(figures["state"], "running");
    let points = figures["history"]["points"].as_array().unwrap();
    assert!(points.len() > 320, "{}", points.len());
    let known = points.iter().filter(|point| point["disk_written"] == 1 << 20 && point["net_sent"] == 1 << 16);
    assert!(known.count() > 320);
    let gaps: Vec<_> = points.iter().filter(|point| point.as_object().unwrap().len() == 1).collect();
    assert!(!gaps.is_empty() && gaps.iter().all(|point| point["at"].is_string()), "{gaps:?}");

    let minute = app.get(Who::Bob, "/vm/monitor?web-1&window=60").await.ok();
    assert!((1..=10).contains(&minute["history"]["points"].as_array().unwrap().len()), "{minute}");
    for window in ["9", "3601", "1h", "-1", ""] {
        let answer = app.get(Who::Bob, &format!("/vm/monitor?vm=web-1&window={window}")).await;
        assert_eq!(answer.problem_fields(), ["window"], "{window:?}");
    }
}
