//! The worker does jobs, fires schedules, looks at the host and tidies up. One process at a time works: it holds the
//! lease.

mod firing;
#[cfg(all(test, feature = "sqlite"))]
mod foreign;
mod sweep;

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};
use uuid::Uuid;

use self::firing::fire_schedules;
use self::sweep::Sweep;
use crate::desk::{Desk, Vmm};
use crate::error::Result;
use crate::job::{self, AnyKind, Order};
use crate::model::{JobId, JobState};
use crate::ops;
use crate::script::forget_runs;

/// The interval at which the worker looks for jobs of other processes and extends its lease.
const TICK: Duration = Duration::from_secs(1);
/// The duration of a lease; so long the jobs of a process that died wait for the next one.
const LEASE: Duration = Duration::from_secs(5);
/// The interval at which content that no file has, and runs that are too old, are looked for, beginning at the start.
const TIDYING: Duration = Duration::from_secs(3600);
/// The interval at which the newest audit row is logged, beginning at the start.
const AUDIT_HEAD_LOGGED: Duration = Duration::from_secs(24 * 3600);
/// The time that a stopping worker waits for steps that should not be cut off.
const GRACE: Duration = Duration::from_secs(30);

impl Vmm {
    /// Does the desk's background work until `shutdown` is ready: jobs, recovery of those that a dead process left,
    /// schedules, and looks at the host, for what changed there and for the history of figures. Several processes may
    /// call it on one database; one at a time works, the others wait to take over.
    ///
    /// # Errors
    /// None at present; what goes wrong with a job is recorded with it.
    pub async fn work(&self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        Worker::new(self.clone(), job::kinds::ALL).run(shutdown).await
    }
}

struct Worker {
    vmm: Vmm,
    desk: Desk,
    kinds: &'static [&'static dyn AnyKind],
    owner: Uuid,
    tasks: JoinSet<Result<()>>,
    running: HashMap<JobId, Running>,
    sweep: Sweep,
}

async fn tidy(desk: &Desk) {
    if let Err(error) = ops::tidy_files(desk).await {
        warn!(%error, "the file area could not be tidied up; it is tried again");
    }
    if let Err(error) = ops::tidy_images(desk).await {
        warn!(%error, "images of removed catalog entries are still in the pool; it is tried again");
    }
    if let Err(error) = forget_runs(desk).await {
        warn!(%error, "old runs could not be forgotten; it is tried again");
    }
}

struct Running {
    task: task::Id,
    orders: watch::Sender<Order>,
}

impl Worker {
    fn new(vmm: Vmm, kinds: &'static [&'static dyn AnyKind]) -> Self {
        let desk = vmm.unguarded();
        let sweep = Sweep::new(desk.clone());
        Self { vmm, desk, kinds, owner: Uuid::new_v4(), tasks: JoinSet::new(), running: HashMap::new(), sweep }
    }

    async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tidying = tokio::time::interval(TIDYING);
        let mut daily = tokio::time::interval(AUDIT_HEAD_LOGGED);
        let mut shutdown = std::pin::pin!(shutdown);
        let desk = self.desk.clone();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = tick.tick() => {}
                _ = tidying.tick() => tidy(&self.desk).await,
                _ = daily.tick() => if let Err(error) = ops::log_audit_head(&self.desk).await {
                    warn!(%error, "the newest audit row could not be logged");
                },
                () = desk.work().notified() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
            }
            if let Err(error) = self.turn().await {
                warn!(%error, "the worker could not look for jobs; it tries again");
            }
        }
        self.stop().await;
        Ok(())
    }

    async fn turn(&mut self) -> Result<()> {
        let jobs = self.desk.repository().jobs();
        if !jobs.lease(self.owner, chrono::Utc::now(), LEASE).await? {
            if !self.running.is_empty() {
                warn!("another process holds the lease; this one leaves its jobs to it");
                self.tasks.abort_all();
            }
            return Ok(());
        }
        for run in self.desk.repository().runs().interrupt_lost(chrono::Utc::now()).await? {
            warn!(%run, "the process that ran a script is gone; the run is interrupted");
        }
        fire_schedules(&self.vmm, &self.desk).await?;
        for job in jobs.open().await? {
            match self.running.get(&job.id) {
                Some(running) if job.cancel => {
                    running.orders.send_if_modified(|order| {
                        let changed = *order == Order::Run;
                        if changed {
                            *order = Order::Cancel;
                        }
                        changed
                    });
                }
                Some(_) => {}
                None if self.running.len() < self.desk.settings().concurrent_jobs => {
                    info!(job = %job.id, kind = job.kind.as_str(), title = %job.title, state = %job.state, "a job begins");
                    let (orders, order) = watch::channel(if job.cancel { Order::Cancel } else { Order::Run });
                    let id = job.id;
                    let task = self.tasks.spawn(job::run(self.desk.clone(), self.kinds, job, order)).id();
                    self.running.insert(id, Running { task, orders });
                }
                None => {}
            }
        }
        self.sweep.start_if_due(Instant::now());
        Ok(())
    }

    async fn ended(&mut self, ended: Result<(task::Id, Result<()>), task::JoinError>) {
        let (task, panicked) = match &ended {
            Ok((task, _)) => (*task, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some(id) = self.running.iter().find(|(_, running)| running.task == task).map(|(id, _)| *id) else { return };
        self.running.remove(&id);
        if let Ok((_, Err(error))) = &ended {
            warn!(job = %id, %error, "a job could not go on; it is tried again");
        }
        // A job that panics would do so again at every turn.
        if panicked {
            error!(job = %id, "a job panicked");
            let reason = Some("vmm failed while working on the job; the log has the cause".to_owned());
            if let Err(error) = self.desk.repository().jobs().finish(id, JobState::Stuck, reason).await {
                warn!(job = %id, %error, "the end of a job could not be recorded");
            }
        }
    }

    async fn stop(mut self) {
        self.desk.runs().stop().await;
        for running in self.running.values() {
            running.orders.send_replace(Order::Leave);
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            warn!("steps were still running at the end of the grace time; the next start goes on with them");
        }
        if let Err(error) = self.desk.repository().jobs().release(self.owner).await {
            warn!(%error, "the lease could not be given up; it ends by itself");
        }
    }
}
