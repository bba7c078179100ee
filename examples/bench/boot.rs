//! From an approval to a running domain on real libvirt, in turns with `virt-install --import --cloud-init`.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;
use vmm_core::host::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};
use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{JobState, NewOs, Role};
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, MasterKey, RequestDraft, Settings, UserDraft, Vmm};
use vmm_testkit::lab::Lab;

const RUNS: usize = 7;

pub(crate) async fn run() {
    let Some(lab) = Lab::or_skip("approval to running domain") else { return };
    let image = lab.image("tiny").expect("the lab's tiny image");
    let desk = Desk::new(&lab, &image).await;
    let worker = tokio::spawn({
        let vmm = desk.vmm.clone();
        async move { vmm.work(std::future::pending()).await }
    });
    desk.import(&image).await;
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    // The first round of each warms caches and is not counted.
    for run in 0..=RUNS {
        let ours = desk.provision(&format!("bench-{}-{run}", std::process::id())).await;
        let theirs = desk.virt_install(&lab, &format!("peer-{}-{run}", std::process::id())).await;
        if run > 0 {
            own.push(ours);
            peer.push(theirs);
        }
    }
    super::show("approval to domain running; peer: virt-install", &mut own, Some(&mut peer));
    worker.abort();
    desk.clean_up().await;
}

struct Desk {
    vmm: Vmm,
    hypervisor: LibvirtHypervisor,
    admin: Actor,
    folder: TempDir,
}

impl Desk {
    async fn new(lab: &Lab, image: &Path) -> Self {
        assert!(image.is_file());
        let folder = tempfile::tempdir().expect("a temporary directory");
        let repository = SqliteRepository::open(folder.path().join("vmm.db")).await.expect("a new database");
        let mut config = LibvirtConfig::new(repository.desk());
        config.uri.clone_from(&lab.uri);
        config.pool.clone_from(&lab.pool);
        config.network.clone_from(&lab.network);
        config.virt_type = VirtType::Qemu;
        let hypervisor = LibvirtHypervisor::new(config);
        let (host, remote) = (Arc::new(hypervisor.clone()), Arc::new(Libssh2Exec::default()));
        let mut settings = Settings::default();
        settings.image_dirs = vec!["/".into()];
        let vmm = Vmm::builder(Arc::new(repository), host, remote, MasterKey::from_bytes([1; 32]));
        let vmm = vmm.settings(settings).build();
        let vmm = vmm.await.expect("the key of a new desk");
        let name = "admin".parse().expect("a name");
        let draft = UserDraft { name, password: "a long password".into(), chat_id: None, role: Role::Admin };
        let admin = Actor::from(&vmm.create_user(&Actor::System, draft).await.expect("an account"));
        Self { vmm, hypervisor, admin, folder }
    }

    async fn import(&self, image: &Path) {
        let os = NewOs {
            name: "tiny".parse().expect("a name"),
            version: "1".parse().expect("a version"),
            iso: None,
            qcow2: Some(image.display().to_string()),
            description: String::new(),
            login: "vmm".parse().expect("a login"),
        };
        let (_, job) = self.vmm.create_os(&self.admin, os).await.expect("a catalog entry");
        let job = job.expect("an import");
        while self.vmm.job(&self.admin, job).await.expect("the job").state != JobState::Done {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The time from the approval until the host says that the domain runs.
    async fn provision(&self, name: &str) -> Duration {
        let draft = RequestDraft {
            id: name.parse().expect("an id"),
            requester: None,
            description: String::new(),
            spec: format!("name,os,memory,disk\n{name},tiny,128,1\n"),
        };
        let request = self.vmm.submit_request(&self.admin, draft).await.expect("a request").request;
        let since = Instant::now();
        self.vmm.approve_request(&self.admin, &request.id, request.plan_hash).await.expect("an approval");
        let uuid = request.plan.vms[0].uuid;
        while !matches!(
            self.hypervisor.domains().by_id(uuid).await,
            Ok(Some(domain)) if domain.state == DomainState::Running
        ) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = since.elapsed();
        for job in self.vmm.request_jobs(&self.admin, &request.id).await.expect("jobs") {
            while !self.vmm.job(&self.admin, job.id).await.expect("the job").state.is_final() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        self.delete(name).await;
        took
    }

    async fn delete(&self, name: &str) {
        let name = name.parse().expect("a name");
        let job = self.vmm.delete_vm(&self.admin, &name, None).await.expect("a removal");
        while !self.vmm.job(&self.admin, job).await.expect("the job").state.is_final() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The time that `virt-install` takes to do the same with the same image, until it says that the domain runs.
    async fn virt_install(&self, lab: &Lab, name: &str) -> Duration {
        let user_data = self.folder.path().join("user-data");
        std::fs::write(&user_data, "#cloud-config\nusers: []\n").expect("a file");
        let volumes = self.hypervisor.volumes().list().await.expect("volumes");
        let backing = volumes.iter().find(|volume| volume.name.as_str().starts_with("vmm-image-")).expect("the image");
        let disk = format!(
            "pool={},size=1,format=qcow2,bus=virtio,backing_store={},backing_format=qcow2",
            lab.pool, backing.path
        );
        let since = Instant::now();
        // virt-install keeps its seed where libvirt's own files are, which in the lab are the lab's.
        let status = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vmm-testkit/lab/lab"))
            .args(["inside", "--", "virt-install"])
            .args(["--connect", &lab.uri, "--name", name, "--memory", "128", "--vcpus", "1", "--import"])
            .args(["--virt-type", "qemu", "--osinfo", "detect=off,require=off", "--machine", "q35"])
            .args(["--disk", &disk, "--network", &format!("network={}", lab.network)])
            .args(["--cloud-init", &format!("user-data={}", user_data.display())])
            .args(["--graphics", "none", "--noautoconsole", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .await
            .expect("virt-install is there");
        let took = since.elapsed();
        assert!(status.success(), "virt-install failed");
        for arguments in [&["destroy", name][..], &["undefine", name, "--remove-all-storage"]] {
            let mut virsh = Command::new("virsh");
            virsh.args(["--quiet", "--connect", &lab.uri]).args(arguments).stdout(Stdio::null());
            assert!(virsh.status().await.expect("virsh is there").success());
        }
        took
    }

    /// The image is the desk's only thing left.
    async fn clean_up(&self) {
        for volume in self.hypervisor.volumes().list().await.expect("volumes") {
            if volume.name.as_str().starts_with("vmm-image-") {
                self.hypervisor.volumes().delete(&volume.name).await.expect("a removal");
            }
        }
    }
}
