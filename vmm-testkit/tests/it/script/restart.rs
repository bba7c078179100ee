//! A run after its process: never run twice, never running for ever.

use chrono::{TimeDelta, Utc};

use super::*;

#[test]
fn a_run_whose_process_died_is_interrupted_and_none_of_it_begins_again() {
    let here = tokio::runtime::Runtime::new().expect("a runtime");
    let there = tokio::runtime::Runtime::new().expect("another runtime, which stands for another process");
    let (desk, script) = here.block_on(hanging(10));
    let vmm = here.block_on(process(&desk, Arc::new(desk.remote.clone())));
    let run = there.block_on(vmm.run_script(&desk.user, run_of(&script))).expect("a run");
    here.block_on(desk.until("eight machines work", async || scripts_begun(&desk) == 8));
    // Without a further sign of life it would count as lost then.
    let lost_at = Utc::now() + TimeDelta::seconds(3);
    let keep =
        |alive_until| here.block_on(desk.repository.runs().keep(vec![run.id], alive_until)).expect("it is there");
    keep(lost_at);
    let over = async || Utc::now() > lost_at + TimeDelta::seconds(2);
    here.block_on(desk.until("the worker has looked for lost runs after that", over));
    assert_eq!(here.block_on(look(&desk, run.id)).0.state, RunState::Running, "it is kept alive");
    there.shutdown_background();
    keep(Utc::now());
    let (run, machines) = here.block_on(ended(&desk, run.id));
    assert_eq!(run.state, RunState::Interrupted);
    assert!(machines.iter().all(|machine| machine.state == RunState::Interrupted));
    let never_began = |machine: &&RunMachine| machine.error.as_deref().unwrap_or_default().contains("before it began");
    assert_eq!(machines.iter().filter(never_began).count(), 2);
    assert_eq!(scripts_begun(&desk), 8);
    drop(here);
}

#[tokio::test]
async fn a_desk_that_stops_interrupts_its_runs_at_once() {
    let (mut desk, script) = hanging(10).await;
    let run = desk.vmm.run_script(&desk.user, run_of(&script)).await.expect("a run");
    desk.until("eight machines work", async || scripts_begun(&desk) == 8).await;
    desk.stop_worker().await;
    let (run, machines) = look(&desk, run.id).await;
    assert_eq!(run.state, RunState::Interrupted);
    assert!(machines.iter().all(|machine| machine.state == RunState::Interrupted));
    assert_eq!(scripts_begun(&desk), 8);
}

#[tokio::test]
async fn a_run_is_cancelled_from_another_process() {
    let (desk, script) = hanging(1).await;
    let run = desk.vmm.run_script(&desk.user, run_of(&script)).await.expect("a run");
    desk.until("the machine works", async || scripts_begun(&desk) == 1).await;
    let other = process(&desk, Arc::new(desk.remote.clone())).await;
    other.cancel_script_run(&desk.user, run.id).await.expect("it goes on");
    assert_eq!(ended(&desk, run.id).await.0.state, RunState::Cancelled);
}
