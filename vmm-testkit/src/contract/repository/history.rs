//! The promises of a [`HistoryRepository`](vmm_core::repository::HistoryRepository).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use vmm_core::model::{JobState, Look, Sample, Timestamp, VmId};
use vmm_core::repository::{KEPT_LOOKS, LOOK_LIFETIME, Repository};

use super::{made, unaudited};
use crate::sample::{self, Desk};

/// In order of time, each machine's by themselves.
pub async fn samples_read_as_they_were_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (web, db) = (made(&repository, &desk, "r1", "web").await.id, made(&repository, &desk, "r2", "db").await.id);
    let unknown = Sample {
        run: None,
        memory_used: None,
        disk_read: None,
        disk_written: None,
        net_received: None,
        net_sent: None,
        ..figures(web, 2)
    };
    let largest = Sample { cpu_time: i64::MAX as u64, disk_written: Some(i64::MAX as u64), ..figures(web, 3) };
    let looks = [vec![figures(db, 1), figures(web, 1)], vec![unknown.clone()], vec![largest.clone()]];
    for (second, samples) in (1..).zip(looks) {
        unaudited(&repository, record(&repository, at(second), samples)).await;
    }
    let expected = vec![(at(1), figures(web, 1)), (at(2), unknown.clone()), (at(3), largest.clone())];
    assert_eq!(read(&repository, web, at(1)).await, expected);
    assert_eq!(read(&repository, web, at(2)).await, expected[1..]);
    assert_eq!(read(&repository, db, at(0)).await, [(at(1), figures(db, 1))]);
}

/// However often somebody looks.
pub async fn so_many_looks_are_kept(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "r1", "web").await.id;
    let count = i64::from(KEPT_LOOKS) + 3;
    for second in 0..count {
        record(&repository, at(second), vec![figures(vm, 1)]).await;
    }
    let kept: Vec<_> = read(&repository, vm, at(0)).await.into_iter().map(|(at, _)| at).collect();
    assert_eq!(kept, (3..count).map(at).collect::<Vec<_>>());
}

/// However few they are.
pub async fn old_looks_are_forgotten(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "r1", "web").await.id;
    let lifetime = i64::try_from(LOOK_LIFETIME.as_secs()).expect("it is not so long");
    for second in [0, 1, lifetime + 1] {
        record(&repository, at(second), vec![figures(vm, 1)]).await;
    }
    let kept: Vec<_> = read(&repository, vm, at(0)).await.into_iter().map(|(at, _)| at).collect();
    assert_eq!(kept, [at(1), at(lifetime + 1)]);
}

/// Looks that were recorded before the clock was set back do not get in between.
pub async fn looks_of_another_clock_are_forgotten(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let vm = made(&repository, &desk, "r1", "web").await.id;
    for second in [10, 20, 30, 20] {
        record(&repository, at(second), vec![figures(vm, second as u64)]).await;
    }
    assert_eq!(read(&repository, vm, at(0)).await, [(at(10), figures(vm, 10)), (at(20), figures(vm, 20))]);
}

/// And none are recorded of one that is not there.
pub async fn samples_go_with_their_machine(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let web = made(&repository, &desk, "r1", "web").await.id;
    let db = made(&repository, &desk, "r2", "db").await.id;
    record(&repository, at(1), vec![figures(web, 1), figures(db, 1)]).await;
    let job = repository
        .vms()
        .start_delete(web, sample::removal(), None, sample::audit("vm.delete"))
        .await
        .expect("it is on");
    repository.jobs().finish(job, JobState::Done, None).await.expect("it is open");
    record(&repository, at(2), vec![figures(web, 2), figures(db, 2)]).await;
    assert_eq!(read(&repository, web, at(0)).await, []);
    assert_eq!(read(&repository, db, at(0)).await.len(), 2);
}

fn at(second: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a moment") + TimeDelta::seconds(second)
}

fn figures(vm: VmId, times: u64) -> Sample {
    Sample {
        vm,
        run: Some(1),
        vcpu: 2,
        cpu_time: 1_000_000_000 * times,
        memory_used: Some(400_000),
        memory_resident: 500_000,
        disk_read: Some(1000 * times),
        disk_written: Some(2000 * times),
        net_received: Some(3000 * times),
        net_sent: Some(4000 * times),
    }
}

async fn record(repository: &Arc<dyn Repository>, at: Timestamp, samples: Vec<Sample>) {
    repository.history().record(Look { at, samples }).await.expect("an answer");
}

async fn read(repository: &Arc<dyn Repository>, vm: VmId, since: Timestamp) -> Vec<(Timestamp, Sample)> {
    repository.history().of_vm(vm, since).await.expect("an answer")
}
