//! The core inside another program: your own users, your own front end, vmm's desk.
//!
//! It runs on the testkit's fake host and fake machines, so it needs nothing. With a real host, put
//! `LibvirtHypervisor` and `Libssh2Exec` in their places:
//!
//! ```ignore
//! let hypervisor = LibvirtHypervisor::new(LibvirtConfig::new(repository.desk()));
//! let remote = Libssh2Exec::default();
//! ```

#![expect(clippy::print_stdout, reason = "it is for people to watch")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use vmm_core::model::{NewOs, OsFilter, RequestState, Role};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, MasterKey, RequestDraft, Settings, UserDraft, Vmm};
use vmm_testkit::fake::host::FakeHypervisor;
use vmm_testkit::fake::remote::{Answer, FakeRemote};
use vmm_testkit::image;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let repository = Arc::new(SqliteRepository::open(folder.path().join("vmm.db")).await?);
    let key = MasterKey::open(folder.path().join("master.key"), repository.as_ref()).await?;
    let hypervisor = FakeHypervisor::new(repository.desk());
    let remote = FakeRemote::new();
    let mut settings = Settings::default();
    settings.image_dirs = vec![folder.path().to_owned()];
    let vmm = Vmm::builder(repository, Arc::new(hypervisor.clone()), Arc::new(remote.clone()), key)
        .settings(settings)
        .build()
        .await?;

    // Background work runs as long as the program lets it.
    let worker = tokio::spawn({
        let vmm = vmm.clone();
        async move { vmm.work(std::future::pending()).await }
    });

    // The embedding program is trusted: it may act as vmm itself, or in the name of an account.
    let draft =
        UserDraft { name: "alice".parse()?, password: "a long password".into(), chat_id: None, role: Role::Admin };
    let alice = Actor::from(&vmm.create_user(&Actor::System, draft).await?);

    let path = folder.path().join("debian.qcow2");
    std::fs::write(&path, image::empty_qcow2(1 << 30))?;
    let os = NewOs {
        name: "debian".parse()?,
        version: "12".parse()?,
        iso: None,
        qcow2: Some(path.display().to_string()),
        description: String::new(),
        login: "vmm".parse()?,
    };
    vmm.create_os(&alice, os).await?;
    while vmm.oses(&alice, &OsFilter::default()).await?.iter().any(|os| os.image.is_none()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let draft = RequestDraft {
        id: "class-1".parse()?,
        requester: None,
        description: "machines for a class".to_owned(),
        spec: "name,os,count\nlab,debian,2\n".to_owned(),
    };
    let request = vmm.submit_request(&alice, draft).await?.request;
    println!("plan {} makes {} machines", request.plan_hash, request.plan.vms.len());

    // The fakes answer for the machines as guests would.
    for (vm, last) in request.plan.vms.iter().zip(10..) {
        let endpoint = SocketAddr::from(([192, 0, 2, last], 22));
        hypervisor.set_addresses(vm.uuid, vec![endpoint.ip()]);
        remote.machine(endpoint, vm.host_key.clone());
        remote.answer(endpoint, "cloud-init status", Answer::stdout("status: done\n"));
    }

    vmm.approve_request(&alice, &request.id, request.plan_hash).await?;
    while vmm.request(&alice, &request.id).await?.state != RequestState::Done {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for vm in vmm.vms(&alice, &Default::default()).await? {
        println!("{} is {} at {}", vm.name, vm.status, vm.ip.map(|ip| ip.to_string()).unwrap_or_default());
    }
    worker.abort();
    Ok(())
}
