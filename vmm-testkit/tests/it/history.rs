//! The hour of history: who records it, who reads it, and what is a gap.

use std::time::Duration;

use vmm_core::host::DomainState;
use vmm_core::model::{Vm, VmFilter};
use vmm_core::{Actor, Error, History};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn what_a_machine_does_is_recorded() {
    let (desk, vm) = machine().await;
    desk.until("its load is in its history", async || {
        desk.hypervisor.change_statistics(vm.uuid, |figures| {
            figures.cpu_time += 1_000_000;
            figures.disks[0].written += 4096;
            figures.interfaces[0].received += 100;
        });
        let history = history(&desk, &vm).await;
        let busy = |figure: Option<f64>| figure.is_some_and(|figure| figure > 0.0);
        history.points.iter().any(|point| {
            busy(point.cpu_percent)
                && busy(point.disk_written)
                && busy(point.net_received)
                && point.memory_used == Some(256.0)
                && point.disk_read == Some(0.0)
        })
    })
    .await;
}

#[tokio::test]
async fn one_look_at_the_host_serves_sweep_and_history() {
    let (desk, vm) = machine().await;
    let before = desk.hypervisor.calls("domains.list");
    let points = history(&desk, &vm).await.points.len();
    desk.until("there are two more points", async || history(&desk, &vm).await.points.len() >= points + 2).await;
    let (looks, more) =
        (desk.hypervisor.calls("domains.list") - before, history(&desk, &vm).await.points.len() - points);
    assert!(looks <= more + 1, "{looks} looks for {more} points");
}

#[tokio::test]
async fn while_a_machine_is_off_or_nobody_works_nothing_is_recorded() {
    let (mut desk, vm) = machine().await;
    desk.until("it has a history", async || !history(&desk, &vm).await.points.is_empty()).await;
    desk.hypervisor.set_state(vm.uuid, DomainState::Off);
    desk.until("the sweep sees it", async || {
        let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("an answer").items;
        vms.iter().all(|vm| vm.status == vmm_core::model::VmStatus::Off)
    })
    .await;
    let sweeps = desk.hypervisor.calls("domains.list");
    let recorded = history(&desk, &vm).await.points.len();
    desk.until("it was looked at again", async || desk.hypervisor.calls("domains.list") > sweeps + 1).await;
    assert_eq!(history(&desk, &vm).await.points.len(), recorded);
    desk.hypervisor.restart_behind_back(vm.uuid);
    desk.until("it is recorded again", async || history(&desk, &vm).await.points.len() >= recorded + 2).await;
    desk.stop_worker().await;
    let history = history(&desk, &vm).await;
    assert_eq!(history.points[recorded].cpu_percent, None, "another run: {history:?}");
    assert!(history.points[recorded + 1].cpu_percent.is_some(), "{history:?}");
}

#[tokio::test]
async fn a_window_is_cut_out_and_has_its_bounds() {
    let (mut desk, vm) = machine().await;
    desk.stop_worker().await;
    desk.live_an_hour(&vm).await;
    let all = history(&desk, &vm).await;
    assert!((325..=330).contains(&all.points.len()), "{}", all.points.len());
    assert_eq!(all.points.iter().filter(|point| point.memory_used.is_none()).count(), 1, "the gap");
    assert!(all.points.iter().all(|point| point.disk_written.is_none_or(|rate| rate.round() == 1_048_576.0)));
    let minute = desk.vmm.monitor_history(&desk.user, &vm.name, Duration::from_secs(60)).await.expect("an answer");
    assert!((5..=7).contains(&minute.points.len()), "{minute:?}");
    assert!(minute.points.iter().all(|point| point.cpu_percent.is_some_and(|load| load > 95.0)), "{minute:?}");
    for window in [Duration::ZERO, Duration::from_millis(9_999), HOUR + Duration::from_nanos(1), Duration::MAX] {
        let refused = desk.vmm.monitor_history(&desk.user, &vm.name, window).await;
        let Err(Error::Invalid(problems)) = &refused else { panic!("{refused:?}") };
        assert!(problems[0].to_string().starts_with("window"), "{problems:?}");
    }
}

#[tokio::test]
async fn who_may_see_figures_may_see_history() {
    let (desk, vm) = machine().await;
    desk.live_an_hour(&vm).await;
    let (now, history) = desk.vmm.monitor_with_history(&desk.user, &vm.name, HOUR).await.expect("an answer");
    assert_eq!((now.state, history.vm.id), (Some(DomainState::Running), vm.id));
    assert!(history.to - history.from == chrono::TimeDelta::hours(1) && !history.points.is_empty());
    let nobody = desk.vmm.monitor_history(&Actor::Anonymous, &vm.name, HOUR).await;
    assert!(matches!(nobody, Err(Error::Unauthenticated)), "{nobody:?}");
    let missing = desk.vmm.monitor_history(&desk.user, &sample::vm_name("nowhere"), HOUR).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    desk.submit("r2", "name,os\ndb-1,debian\n").await;
    let planned = desk.vmm.monitor_history(&desk.user, &sample::vm_name("db-1"), HOUR).await;
    assert!(matches!(planned, Err(Error::Conflict { .. })), "{planned:?}");
}

async fn machine() -> (TestDesk, Vm) {
    let desk = TestDesk::new().await;
    let vm = desk.provision("r1", "name,os,memory\nweb-1,debian:12,512\n").await.remove(0);
    (desk, vm)
}

async fn history(desk: &TestDesk, vm: &Vm) -> History {
    desk.vmm.monitor_history(&desk.user, &vm.name, HOUR).await.expect("an answer")
}
