//! A whole desk on fakes, ready to be asked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;
use vmm_core::files::directory::DirectoryFiles;
use vmm_core::host::Hypervisor;
use vmm_core::mail::MailStore;
use vmm_core::model::{Job, JobId, Look, NewOs, Os, Request, RequestId, RequestState, Role, Sample, Vm, VmFilter};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, Budget, BudgetLimits, MasterKey, RequestDraft, SecretString, Settings, UserDraft, Vmm};

use crate::fake::host::FakeHypervisor;
use crate::fake::remote::{Answer, FakeRemote};
use crate::{image, sample};

/// The master key of the desk, for a program on the same database.
pub const MASTER_KEY: [u8; 32] = [7; 32];

/// The password of the accounts of a [`TestDesk`].
pub const PASSWORD: &str = "correct horse battery";
/// The most bytes of one file of a [`TestDesk`].
pub const FILE_LIMIT: u64 = 4 << 20;
/// The most bytes of all files of one user of a [`TestDesk`].
pub const FILE_QUOTA: u64 = 10 << 20;
/// The time that [`TestDesk`] waits for a condition.
const PATIENCE: Duration = Duration::from_secs(20);

/// A desk on a fake hypervisor, fake machines and a real SQLite file in a temporary directory, with an admin, a user
/// and an image. Its worker runs while it is not stopped.
pub struct TestDesk {
    /// The door.
    pub vmm: Vmm,
    /// The fake host.
    pub hypervisor: FakeHypervisor,
    /// The fake machines.
    pub remote: FakeRemote,
    /// The records, past policy and audit.
    pub repository: Arc<SqliteRepository>,
    /// The content of files, past records and policy.
    pub files: DirectoryFiles,
    /// An admin, `root`.
    pub admin: Actor,
    /// A user, `alice`.
    pub user: Actor,
    folder: TempDir,
    worker: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl TestDesk {
    /// A desk with the image `debian:12`, whose worker runs.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn new() -> Self {
        let mut desk = Self::without_image().await;
        desk.start_worker();
        desk.import("debian", "12").await;
        desk
    }

    /// A desk with an empty catalog, whose worker does not run yet.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn without_image() -> Self {
        Self::with_budgets(|_| {}).await
    }

    /// A desk as [`without_image`](Self::without_image) with other budgets.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn with_budgets(change: impl FnOnce(&mut BudgetLimits)) -> Self {
        Self::with_settings(|settings| change(&mut settings.budgets)).await
    }

    /// A desk as [`without_image`](Self::without_image) with other settings.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn with_settings(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        settings.budgets.set_share(Budget::StoredBytes, FILE_QUOTA);
        change(&mut settings);
        Self::on(None, |hypervisor| Arc::new(hypervisor), settings).await
    }

    /// A second desk on the host of another one, with an empty catalog, whose worker does not run yet.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn beside(other: &Self) -> Self {
        Self::on(Some(&other.hypervisor), |hypervisor| Arc::new(hypervisor), settings()).await
    }

    /// A desk as [`without_image`](Self::without_image), which sees the fake host through what `wrap` makes of it.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn over(wrap: impl FnOnce(FakeHypervisor) -> Arc<dyn Hypervisor> + Send) -> Self {
        Self::on(None, wrap, settings()).await
    }

    async fn on(
        host: Option<&FakeHypervisor>,
        wrap: impl FnOnce(FakeHypervisor) -> Arc<dyn Hypervisor> + Send,
        settings: Settings,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let repository = SqliteRepository::open(folder.path().join("vmm.db")).await.expect("a new database");
        let repository = Arc::new(repository);
        let hypervisor = match host {
            Some(host) => host.for_desk(repository.desk()),
            None => FakeHypervisor::new(repository.desk()),
        };
        let remote = FakeRemote::new();
        let files = DirectoryFiles::open(folder.path().join("files")).await.expect("a file area");
        let vmm = Self::open(&repository, wrap(hypervisor.clone()), &remote, &files, settings).await;
        let mut actors = Vec::new();
        for (name, role) in [("root", Role::Admin), ("alice", Role::User)] {
            let name = sample::user_name(name);
            let draft = UserDraft { name, password: SecretString::from(PASSWORD), chat_id: None, role };
            actors.push(Actor::from(&vmm.create_user(&Actor::System, draft).await.expect("a new account")));
        }
        let user = actors.pop().expect("two accounts");
        let admin = actors.pop().expect("two accounts");
        Self { vmm, hypervisor, remote, repository, files, admin, user, folder, worker: None }
    }

    async fn open(
        repository: &Arc<SqliteRepository>,
        hypervisor: Arc<dyn Hypervisor>,
        remote: &FakeRemote,
        files: &DirectoryFiles,
        settings: Settings,
    ) -> Vmm {
        let key = MasterKey::from_bytes(MASTER_KEY);
        let remote = Arc::new(remote.clone());
        Vmm::builder(Arc::clone(repository) as Arc<dyn Repository>, hypervisor, remote, key)
            .mail(Arc::clone(repository) as Arc<dyn MailStore>)
            .files(Arc::new(files.clone()))
            .settings(settings)
            .build()
            .await
            .expect("the key of a new desk")
    }

    /// The SQLite file of its records, for another process on the same desk.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("vmm.db")
    }

    /// Begins background work; does nothing if it has begun.
    pub fn start_worker(&mut self) {
        if self.worker.is_none() {
            let (stop, stopped) = oneshot::channel::<()>();
            let vmm = self.vmm.clone();
            let task = tokio::spawn(async move {
                vmm.work(async { drop(stopped.await) }).await.expect("a worker does not fail");
            });
            self.worker = Some((stop, task));
        }
    }

    /// Ends background work and waits until it has ended.
    ///
    /// # Panics
    /// When the worker panicked.
    pub async fn stop_worker(&mut self) {
        if let Some((stop, task)) = self.worker.take() {
            drop(stop);
            task.await.expect("the worker ends well");
        }
    }

    /// Ends background work in the middle of what it does, as the death of its process would. The next worker begins
    /// at once: it does not wait for the lease of this one to expire.
    ///
    /// # Panics
    /// When the records cannot be written.
    pub async fn kill_worker(&mut self) {
        let Some((_, task)) = self.worker.take() else { return };
        task.abort();
        // A worker that was aborted returns nothing.
        let _ = task.await;
        let (heir, later) = (Uuid::new_v4(), chrono::Utc::now() + TimeDelta::minutes(1));
        self.repository.jobs().lease(heir, later, Duration::ZERO).await.expect("an answer");
        self.repository.jobs().release(heir).await.expect("an answer");
    }

    /// Adds a small image to the catalog and waits until it is imported. The worker must run.
    ///
    /// # Panics
    /// When it is not imported in time.
    pub async fn import(&self, name: &str, version: &str) -> Os {
        let (os, job) = self.start_import(name, version).await;
        self.ended(job).await;
        os
    }

    /// Waits until a job has ended, and gives it.
    ///
    /// # Panics
    /// When it has not in time.
    pub async fn ended(&self, job: JobId) -> Job {
        self.until("the job ends", async || self.vmm.job(&self.admin, job).await.is_ok_and(|job| job.state.is_final()))
            .await;
        self.vmm.job(&self.admin, job).await.expect("the job")
    }

    /// Adds a small image to the catalog, and gives the job that imports it.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn start_import(&self, name: &str, version: &str) -> (Os, JobId) {
        let path = self.folder.path().join(format!("{name}-{version}.qcow2"));
        std::fs::write(&path, image::empty_qcow2(1 << 30)).expect("room for an image");
        let os = NewOs { qcow2: Some(path.display().to_string()), ..sample::os(name, version) };
        let (os, job) = self.vmm.create_os(&self.admin, os).await.expect("a new catalog entry");
        (os, job.expect("an image is imported by a job"))
    }

    /// Submits a request in the user's name, and lets its machines be reachable once they are started.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn submit(&self, id: &str, spec: &str) -> Request {
        let draft = RequestDraft {
            id: sample::request_id(id),
            requester: None,
            description: String::new(),
            spec: spec.to_owned(),
        };
        let request = self.vmm.submit_request(&self.user, draft).await.expect("a good request").request;
        self.let_be_reached(&request);
        request
    }

    /// Lets the machines of a request be reachable once they are started.
    pub fn let_be_reached(&self, request: &Request) {
        for (index, vm) in request.plan.vms.iter().enumerate() {
            let address = vm.ip.unwrap_or_else(|| [192, 0, 2, u8::try_from(100 + index % 100).unwrap_or(100)].into());
            self.hypervisor.set_addresses(vm.uuid, vec![address.into()]);
            let endpoint = SocketAddr::new(address.into(), 22);
            self.remote.machine(endpoint, vm.host_key.clone());
            self.remote.answer(endpoint, "cloud-init status", Answer::stdout("status: done\n"));
        }
    }

    /// Approves a request as the admin, with the hash it has.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn approve(&self, request: &Request) -> Request {
        self.vmm.approve_request(&self.admin, &request.id, request.plan_hash).await.expect("an approval")
    }

    /// Submits, approves and waits until the machines run.
    ///
    /// # Panics
    /// When they do not.
    pub async fn provision(&self, id: &str, spec: &str) -> Vec<Vm> {
        let request = self.submit(id, spec).await;
        self.approve(&request).await;
        let settled = self.settled(&request.id).await;
        assert_eq!(settled.state, RequestState::Done, "{:?}", settled.reason);
        let filter = VmFilter { request: Some(request.id), ..VmFilter::default() };
        self.vmm.vms(&self.admin, &filter).await.expect("machines").items
    }

    /// Records an hour of load of a machine that runs, as if it had been looked at every ten seconds: its processors
    /// are busier from minute to minute, it writes 1 MiB and sends 64 KiB a second, and from the 20th to the 25th
    /// minute nobody looked.
    ///
    /// # Panics
    /// When the machine is not on the host, or nothing can be recorded.
    pub async fn live_an_hour(&self, vm: &Vm) {
        let domain = self.hypervisor.domains().by_id(vm.uuid).await.expect("the host answers").expect("it is there");
        let (now, mut cpu_time) = (chrono::Utc::now(), domain.statistics.cpu_time);
        for number in 0..=360_u32 {
            let seconds = u64::from(number) * 10;
            cpu_time += seconds * 10_000_000_000 * u64::from(vm.vcpu) / 3600;
            let sample = Sample {
                vm: vm.id,
                run: domain.run,
                vcpu: vm.vcpu,
                cpu_time,
                memory_used: Some(u64::from(vm.memory) * 512 + seconds),
                memory_resident: u64::from(vm.memory) * 1024,
                disk_read: Some(1 + seconds * 4096),
                disk_written: Some(1 + (seconds << 20)),
                net_received: Some(1 + seconds * 1024),
                net_sent: Some(1 + (seconds << 16)),
            };
            if !(1200..1500).contains(&seconds) {
                let at = now - TimeDelta::seconds(3600 - i64::from(number) * 10);
                self.repository.history().record(Look { at, samples: vec![sample] }).await.expect("an answer");
            }
        }
    }

    /// Waits until a request has nothing left to do.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn settled(&self, id: &RequestId) -> Request {
        self.until("the request is settled", async || {
            let request = self.vmm.request(&self.admin, id).await.expect("the request");
            !matches!(request.state, RequestState::Approved | RequestState::Running)
        })
        .await;
        self.vmm.request(&self.admin, id).await.expect("the request")
    }

    /// The jobs of a request, oldest first.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn jobs(&self, id: &RequestId) -> Vec<Job> {
        let mut jobs = self.vmm.request_jobs(&self.admin, id).await.expect("jobs");
        jobs.reverse();
        jobs
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < end, "timed out: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Settings with which a test waits for nothing long.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.outage_deadline = Duration::from_millis(1500);
    settings.boot_deadline = Duration::from_secs(5);
    settings.sweep_interval = Duration::from_millis(200);
    settings.sample_interval = Duration::from_millis(200);
    settings.file_limit = FILE_LIMIT;
    settings.image_dirs = vec![std::env::temp_dir()];
    settings
}
