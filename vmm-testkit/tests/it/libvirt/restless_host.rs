//! The main job on a real host that never reports the same figures twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vmm_core::host::libvirt::LibvirtHypervisor;
use vmm_core::model::{JobId, NewOs, RequestState, Role};
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Command, Credential, Login};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, MasterKey, RequestDraft, Settings, UserDraft, Vmm};
use vmm_testkit::fake::host::Restless;
use vmm_testkit::lab::Lab;
use vmm_testkit::sample;

use super::real::config;

/// A guest is emulated, perhaps beside many others.
const PATIENCE: Duration = Duration::from_secs(240);

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ended(vmm: &Vmm, admin: &Actor, job: JobId) {
    until("a job ends", async || vmm.job(admin, job).await.expect("the job").state.is_final()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_succeeds_each_time_on_a_real_host_whose_figures_never_stay() {
    let Some(lab) = Lab::or_skip("the_main_job_on_a_restless_host") else { return };
    let Some(image) = lab.image("tiny") else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let repository = Arc::new(SqliteRepository::open(folder.path().join("vmm.db")).await.expect("a database"));
    let host = Restless::new(LibvirtHypervisor::new(config(&lab, repository.desk())));
    let (remote, key) = (Arc::new(Libssh2Exec::default()), MasterKey::from_bytes([1; 32]));
    let mut settings = Settings::default();
    settings.image_dirs = vec!["/".into()];
    let builder = Vmm::builder(repository, Arc::new(host), remote, key).settings(settings);
    let vmm = builder.build().await.expect("a new desk");
    let draft = UserDraft {
        name: sample::user_name("root"),
        password: "a long password".into(),
        chat_id: None,
        role: Role::Admin,
    };
    let admin = Actor::from(&vmm.create_user(&Actor::System, draft).await.expect("an account"));
    let worker = tokio::spawn({
        let vmm = vmm.clone();
        async move { vmm.work(std::future::pending()).await }
    });
    let os = NewOs { qcow2: Some(image.display().to_string()), ..sample::os("tiny", "1") };
    let (_, job) = vmm.create_os(&admin, os).await.expect("a catalog entry");
    ended(&vmm, &admin, job.expect("an import")).await;
    for round in 0..2 {
        let name = format!("restless-{}-{round}", std::process::id());
        provision_and_work(&vmm, &admin, &name).await;
        let job = vmm.delete_vm(&admin, &sample::vm_name(&name), None).await.expect("a removal");
        ended(&vmm, &admin, job).await;
    }
    worker.abort();
}

/// Submits, approves, waits, and runs a command on the machine.
async fn provision_and_work(vmm: &Vmm, admin: &Actor, name: &str) {
    let draft = RequestDraft {
        id: sample::request_id(name),
        requester: None,
        description: String::new(),
        spec: format!("name,os,memory,disk\n{name},tiny,128,1\n"),
    };
    let request = vmm.submit_request(admin, draft).await.expect("a good request").request;
    vmm.approve_request(admin, &request.id, request.plan_hash).await.expect("an approval");
    let state = async || vmm.request(admin, &request.id).await.expect("the request");
    until("the request is settled", async || {
        !matches!(state().await.state, RequestState::Approved | RequestState::Running)
    })
    .await;
    let settled = state().await;
    assert_eq!(settled.state, RequestState::Done, "{:?}", settled.reason);
    let login = vmm.vm_login(admin, &sample::vm_name(name)).await.expect("its first password");
    let login = Login { user: login.user.to_string(), credential: Credential::Password(login.password) };
    let answers =
        vmm.ssh(admin, &sample::vm_name(name), vec![(login, Command::new("hostname"))]).await.expect("answers");
    let output = answers.into_iter().next().expect("one").expect("an output");
    assert_eq!(output.stdout.text().trim(), name);
}
