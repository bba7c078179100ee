//! Definitions and disks that an admin changes with virsh: whatever it is, vmm names it and writes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vmm_core::host::Hypervisor;
use vmm_core::host::libvirt::LibvirtHypervisor;
use vmm_core::model::{Disk, JobId, JobState, NewOs, RequestState, Vm, VmStatus};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, Error, MasterKey, Power, RequestDraft, Result, Settings, Vmm};
use vmm_testkit::contract::host::{Subject, hold};
use vmm_testkit::fake::remote::{Answer, FakeRemote};
use vmm_testkit::lab::Lab;
use vmm_testkit::sample;

use super::lab::{eventually, virsh};
use super::real::{config, subject};

/// Longer than a guest takes to boot and a job to end on a busy computer.
const PATIENCE: Duration = Duration::from_secs(240);

/// A desk on the lab's libvirt, whose machines boot there and are logged in to by a fake.
struct LabDesk {
    vmm: Vmm,
    pool: String,
    admin: Actor,
    remote: FakeRemote,
    hypervisor: Arc<LibvirtHypervisor>,
    _folder: TempDir,
    _stop: oneshot::Sender<()>,
    _worker: JoinHandle<()>,
}

impl LabDesk {
    /// A desk with the image `tiny:1`.
    async fn new(lab: &Lab, image: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let repository = Arc::new(SqliteRepository::open(folder.path().join("vmm.db")).await.expect("a database"));
        let hypervisor = Arc::new(LibvirtHypervisor::new(config(lab, repository.desk())));
        let remote = FakeRemote::new();
        let mut settings = Settings::default();
        settings.boot_deadline = PATIENCE;
        settings.image_dirs = vec!["/".into()];
        let key = MasterKey::from_bytes([7; 32]);
        let vmm = Vmm::builder(repository as Arc<dyn Repository>, hypervisor.clone(), Arc::new(remote.clone()), key);
        let vmm = vmm.settings(settings).build().await.expect("a desk");
        let (stop, stopped) = oneshot::channel::<()>();
        let working = vmm.clone();
        let worker = tokio::spawn(async move {
            working.work(async { drop(stopped.await) }).await.expect("a worker does not fail");
        });
        let draft = vmm_core::UserDraft {
            name: sample::user_name("root"),
            password: "correct horse battery".into(),
            chat_id: None,
            role: vmm_core::model::Role::Admin,
        };
        let admin = Actor::from(&vmm.create_user(&Actor::System, draft).await.expect("an account"));
        let pool = virsh(lab, &["pool-dumpxml", &lab.pool]);
        let pool = pool.split_once("<path>").and_then(|(_, rest)| rest.split_once("</path>")).expect("a directory").0;
        let pool = pool.to_owned();
        let (_folder, _stop, _worker) = (folder, stop, worker);
        let desk = Self { vmm, pool, admin, remote, hypervisor, _folder, _stop, _worker };
        let os = NewOs { qcow2: Some(image.display().to_string()), ..sample::os("tiny", "1") };
        let (_, job) = desk.vmm.create_os(&desk.admin, os).await.expect("a catalog entry");
        desk.done(job.expect("an import")).await;
        desk
    }

    /// A machine with a system disk and a data disk, that was booted once and is off.
    async fn machine(&self, subject: &Subject) -> (Vm, Vec<Disk>) {
        let (name, address) = (subject.name("web"), subject.address().await);
        let spec = format!("name,os,memory,disk,ip\n{name},tiny,128,1;1,{address}\n");
        let id = sample::request_id("r1");
        let draft = RequestDraft { id: id.clone(), requester: None, description: String::new(), spec };
        let request = self.vmm.submit_request(&self.admin, draft).await.expect("a good request").request;
        let endpoint = (address, 22).into();
        self.remote.machine(endpoint, request.plan.vms[0].host_key.clone());
        self.remote.answer(endpoint, "cloud-init status", Answer::stdout("status: done\n"));
        self.vmm.approve_request(&self.admin, &id, request.plan_hash).await.expect("an approval");
        let made = eventually(PATIENCE, "the machine is made", || async {
            let request = self.vmm.request(&self.admin, &id).await.expect("the request");
            (!matches!(request.state, RequestState::Approved | RequestState::Running)).then_some(request)
        })
        .await;
        assert_eq!(made.state, RequestState::Done, "{:?}", made.reason);
        self.vmm.power(&self.admin, &name, Power::Stop).await.expect("it stops");
        self.vmm.vm(&self.admin, &name).await.expect("the machine")
    }

    /// Waits until a job is done.
    async fn done(&self, job: JobId) {
        let job = eventually(PATIENCE, "the job ends", || async {
            self.vmm.job(&self.admin, job).await.ok().filter(|job| job.state.is_final())
        })
        .await;
        assert_eq!(job.state, JobState::Done, "{:?}", job.error);
    }

    /// Returns the refusal of each job that writes a definition or a disk of this machine.
    async fn refusals(&self, change: &str, vm: &Vm, disks: &[Disk]) -> Vec<(&'static str, String)> {
        let added = self.vmm.add_disk(&self.admin, &vm.name, 1).await.map(drop);
        let mut answers = vec![("add-disk", added)];
        for disk in disks {
            answers.push(("grow-disk", self.vmm.grow_disk(&self.admin, disk.id, 2).await.map(drop)));
        }
        answers.push(("delete-disk", self.vmm.delete_disk(&self.admin, disks[1].id).await.map(drop)));
        let told = |answer: Result<()>| match answer {
            Err(error @ Error::Conflict { .. }) => error.to_string(),
            other => panic!("{change}: not a conflict: {other:?}"),
        };
        answers.into_iter().map(|(job, answer)| (job, told(answer))).collect()
    }

    /// The checksum of each file of the pool whose name begins so.
    fn checksums(&self, stem: &str) -> BTreeMap<String, String> {
        let files = std::fs::read_dir(&self.pool).expect("the pool's directory").flatten();
        let named = files.map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()));
        let sum = |path: &Path| Command::new("sha256sum").arg(path).output().expect("sha256sum runs").stdout;
        named
            .filter(|(name, _)| name.starts_with(stem))
            .map(|(name, path)| (name, String::from_utf8_lossy(&sum(&path)).into_owned()))
            .collect()
    }

    /// Removes the machines, and then the image.
    async fn clean(&self) {
        for vm in self.vmm.vms(&self.admin, &Default::default()).await.expect("machines").items {
            let job = self.vmm.delete_vm(&self.admin, &vm.name, None).await.expect("it can be removed");
            self.done(job).await;
        }
        for os in self.vmm.oses(&self.admin, &Default::default()).await.expect("the catalog").items {
            if let Some(image) = os.image {
                self.hypervisor.volumes().delete(&image.volume).await.expect("it is removed");
            }
        }
    }
}

/// A change that an admin makes: what it is, how, and what vmm must say of it.
struct Change {
    name: &'static str,
    make: fn(&Machine<'_>),
    said: &'static str,
}

/// The machine as virsh sees it.
struct Machine<'a> {
    lab: &'a Lab,
    name: &'a str,
    mac: String,
    pool: &'a str,
    /// The stem of its volumes.
    stem: &'a str,
}

impl Machine<'_> {
    fn virsh(&self, arguments: &[&str]) -> String {
        let output = Command::new("virsh").args(["-q", "-c", &self.lab.uri]).args(arguments).output();
        let output = output.expect("virsh runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn xml(&self) -> String {
        self.virsh(&["dumpxml", self.name, "--inactive"])
    }

    fn define(&self, xml: &str) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), xml).expect("it is written");
        self.virsh(&["define", &file.path().display().to_string()]);
    }

    /// Writes something in place of what stands there once.
    fn edit(&self, from: &str, to: &str) {
        let xml = self.xml();
        assert!(xml.contains(from), "there is no {from} in\n{xml}");
        self.define(&xml.replacen(from, to, 1));
    }

    /// Removes the first element of each of these names.
    fn cut(&self, names: &[&str]) {
        let mut xml = self.xml();
        for name in names {
            let (begin, end) = (format!("<{name}"), format!("</{name}>"));
            let from = xml.find(&begin).unwrap_or_else(|| panic!("there is no {begin} in\n{xml}"));
            let length = xml[from..].find(&end).expect("it ends") + end.len();
            xml.replace_range(from..from + length, "");
        }
        self.define(&xml);
    }

    fn device(&self, xml: &str) {
        self.edit("<devices>", &format!("<devices>{xml}"));
    }

    /// The path of a volume of its own.
    fn volume(&self, role: &str) -> String {
        format!("{}/{}.{role}.qcow2", self.pool, self.stem)
    }

    /// A volume of the pool that is not its own.
    fn other(&self) -> String {
        let name = format!("{}.other", self.stem);
        self.virsh(&["vol-create-as", &self.lab.pool, &name, "1G", "--format", "qcow2"]);
        format!("{}/{name}", self.pool)
    }

    fn qemu_img(&self, arguments: &[&str]) {
        assert!(Command::new("qemu-img").args(arguments).status().expect("qemu-img runs").success(), "{arguments:?}");
    }
}

const CHANGES: &[Change] = &[
    Change { name: "processors", make: |m| m.edit(">1</vcpu>", ">2</vcpu>"), said: "vcpu is 2 where vmm last saw 1" },
    Change {
        name: "memory",
        make: |m| m.edit("<memory unit='KiB'>131072", "<memory unit='KiB'>262144"),
        said: "memory is 256 MiB where vmm last saw 128 MiB",
    },
    Change {
        name: "memory in use",
        make: |m| drop(m.virsh(&["setmem", m.name, "64M", "--config"])),
        said: "current memory is 64 MiB where vmm last saw 128 MiB",
    },
    Change {
        name: "room for more memory",
        make: |m| {
            let numa = "<numa><cell id='0' cpus='0' memory='131072' unit='KiB'/></numa>";
            m.edit("<cpu mode='maximum' check='none'/>", &format!("<cpu mode='maximum' check='none'>{numa}</cpu>"));
            m.edit("<memory ", "<maxMemory slots='4' unit='MiB'>1024</maxMemory><memory ");
        },
        said: "maximum memory was added (1024 MiB)",
    },
    Change {
        name: "processor",
        make: |m| m.edit("<cpu mode='maximum'", "<cpu mode='host-model'"),
        said: "cpu mode is host-model",
    },
    Change {
        name: "one more interface",
        make: |m| {
            let xml = format!(
                "<interface type='network'><mac address='52:54:00:0d:0e:0f'/><source network='{}'/>\
                 <model type='virtio'/></interface>",
                m.lab.network
            );
            m.device(&xml);
        },
        said: "interface 52:54:00:0d:0e:0f was added (network ",
    },
    Change { name: "no interface", make: |m| m.cut(&["interface"]), said: "was removed (network " },
    Change {
        name: "another hardware address",
        make: |m| m.edit(&m.mac, "52:54:00:0d:0e:0f"),
        said: "interface 52:54:00:0d:0e:0f was added",
    },
    Change {
        name: "another model of interface",
        make: |m| m.edit("<model type='virtio'/>", "<model type='e1000'/>"),
        said: ": model type is e1000 where vmm last saw virtio",
    },
    Change {
        name: "another network",
        make: |m| m.edit(&format!("<source network='{}'/>", m.lab.network), "<source network='elsewhere'/>"),
        said: "is on network elsewhere instead of network ",
    },
    Change {
        name: "boot order",
        make: |m| m.edit("<boot dev='hd'/>", "<boot dev='network'/>"),
        said: "os boot dev is network",
    },
    Change {
        name: "one more disk",
        make: |m| {
            m.virsh(&["attach-disk", m.name, &m.other(), "vdx", "--config", "--subdriver", "qcow2"]);
        },
        said: "disk vdx was added",
    },
    Change {
        name: "a disk less",
        make: |m| drop(m.virsh(&["detach-disk", m.name, "vdb", "--config"])),
        said: "disk vdb was removed",
    },
    Change {
        name: "another file for a disk",
        make: |m| {
            let other = m.other();
            m.edit(&m.volume("data1"), &other);
        },
        said: ".other instead of ",
    },
    Change {
        name: "a disk's cache",
        make: |m| m.edit("type='qcow2' discard='unmap'/>", "type='qcow2' cache='unsafe' discard='unmap'/>"),
        said: "disk vda: driver cache is unsafe where vmm last saw nothing",
    },
    Change {
        name: "a disk's discard",
        make: |m| m.edit("type='qcow2' discard='unmap'/>", "type='qcow2'/>"),
        said: "disk vda: driver discard was removed (unmap)",
    },
    Change {
        name: "no seed",
        make: |m| drop(m.virsh(&["detach-disk", m.name, "vdc", "--config"])),
        said: "disk vdc was removed",
    },
    Change {
        name: "no serial port",
        // libvirt makes each of the two from the other.
        make: |m| m.cut(&["console", "serial"]),
        said: "serial was removed",
    },
    Change {
        name: "a watchdog",
        make: |m| m.device("<watchdog model='i6300esb' action='reset'/>"),
        said: "watchdog was added (i6300esb)",
    },
    Change {
        name: "one more source of random numbers",
        make: |m| m.device("<rng model='virtio'><backend model='random'>/dev/random</backend></rng>"),
        said: "rng #2 was added",
    },
    Change { name: "no balloon", make: |m| m.cut(&["memballoon"]), said: "memballoon: " },
    Change {
        name: "shares of the processor",
        make: |m| drop(m.virsh(&["schedinfo", m.name, "--config", "cpu_shares=77"])),
        said: "cputune shares was added (77)",
    },
    Change {
        name: "threads for disks",
        make: |m| m.edit("<os>", "<iothreads>1</iothreads><os>"),
        said: "iothreads was added (1)",
    },
    Change { name: "another kind of machine", make: |m| m.edit("<acpi/>", ""), said: "features acpi was removed" },
    Change {
        name: "a snapshot of the disks without a record",
        make: |m| drop(m.virsh(&["snapshot-create-as", m.name, "s1", "--disk-only", "--no-metadata"])),
        said: ".system.s1 instead of ",
    },
    Change {
        name: "a snapshot of the disks",
        make: |m| drop(m.virsh(&["snapshot-create-as", m.name, "s2", "--disk-only"])),
        said: "snapshot s2 exists (external)",
    },
    Change {
        name: "a snapshot within the disks",
        make: |m| {
            // libvirt takes none beside a raw disk, not even a read-only one.
            m.virsh(&["detach-disk", m.name, "vdc", "--config"]);
            m.virsh(&["snapshot-create-as", m.name, "s3"]);
        },
        said: "snapshot s3 exists (internal)",
    },
    Change {
        name: "a disk that stands on another file",
        make: |m| {
            let (other, data) = (m.other(), m.volume("data1"));
            m.qemu_img(&["rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", &other, &data]);
        },
        said: "disk vdb: chain is ",
    },
    Change {
        name: "a disk that was made one file with its image",
        make: |m| {
            let system = m.volume("system");
            m.qemu_img(&["rebase", "-f", "qcow2", "-b", "", &system]);
        },
        said: "disk vda: chain is nothing where vmm last saw ",
    },
    Change {
        name: "a disk of another format",
        make: |m| {
            let (data, other) = (m.volume("data1"), format!("{}/{}.qcow", m.pool, m.stem));
            m.qemu_img(&["convert", "-O", "qcow", &data, &other]);
            std::fs::rename(other, data).expect("it takes the other's place");
        },
        said: "disk vdb: format of its file is qcow where vmm last saw qcow2",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_admin_changes_is_named_and_no_byte_of_a_disk_is_written() {
    let Some(lab) = Lab::or_skip("whatever_an_admin_changes_is_named") else { return };
    let Some(image) = lab.image("tiny") else { return };
    hold(subject("changed").await, |subject| async move {
        let desk = LabDesk::new(&lab, &image).await;
        let (vm, disks) = desk.machine(&subject).await;
        let system = disks[0].volume.as_ref().expect("a volume").as_str();
        let stem = system.strip_suffix(".system.qcow2").expect("its name");
        let (name, mac, pool) = (vm.name.as_str(), vm.mac.to_string(), desk.pool.as_str());
        let machine = Machine { lab: &lab, name, mac, pool, stem };
        let (xml, files) = (machine.xml(), Saved::of(&desk, stem));
        let mut problems = Vec::new();
        for Change { name, make, said } in CHANGES {
            make(&machine);
            let (changed, before) = (machine.xml(), desk.checksums(stem));
            let seen = desk.vmm.vm_definition(&desk.admin, &vm.name).await.expect("a definition");
            let told: Vec<_> = seen.differences.iter().map(ToString::to_string).collect();
            if !told.iter().any(|told| told.contains(said)) {
                problems.push(format!("{name}: {told:#?}"));
            }
            // Without a difference the jobs would begin.
            let refusals = if told.is_empty() { Vec::new() } else { desk.refusals(name, &vm, &disks).await };
            for (job, refusal) in refusals {
                if !refusal.contains(said) {
                    problems.push(format!("{name}: {job}: {refusal}"));
                }
            }
            if machine.xml() != changed || desk.checksums(stem) != before {
                problems.push(format!("{name}: something was written"));
            }
            for snapshot in seen.seen.snapshots {
                machine.virsh(&["snapshot-delete", machine.name, &snapshot, "--metadata"]);
            }
            files.put_back(&desk);
            machine.define(&xml);
            let left = desk.vmm.vm_definition(&desk.admin, &vm.name).await.expect("a definition").differences;
            if !left.is_empty() {
                problems.push(format!("{name}: {left:?} is left after it was put back"));
            }
        }
        assert!(problems.is_empty(), "{problems:#?}");
        works_under_another_name(&desk, &machine, &vm, &disks).await;
        desk.clean().await;
    })
    .await;
}

/// A machine whose domain has another name is known by its id: its disks are changed, it starts and stops.
async fn works_under_another_name(desk: &LabDesk, machine: &Machine<'_>, vm: &Vm, disks: &[Disk]) {
    let renamed = format!("{}-renamed", machine.name);
    machine.virsh(&["domrename", machine.name, &renamed]);
    let before = machine.virsh(&["dumpxml", &renamed, "--inactive"]);
    assert!(before.contains("<domain"), "it has the other name");
    let seen = desk.vmm.vm_definition(&desk.admin, &vm.name).await.expect("a definition");
    assert_eq!((seen.seen.name.as_str(), seen.differences.len()), (renamed.as_str(), 0));
    let (disk, job) = desk.vmm.add_disk(&desk.admin, &vm.name, 1).await.expect("it is as vmm last saw it");
    desk.done(job).await;
    let (_, job) = desk.vmm.grow_disk(&desk.admin, disks[1].id, 2).await.expect("it is as vmm last saw it");
    desk.done(job).await;
    let with_disk = machine.virsh(&["dumpxml", &renamed, "--inactive"]);
    let lost: Vec<_> = before.lines().filter(|line| !with_disk.contains(line.trim())).collect();
    assert_eq!(lost, [""; 0], "every line of the definition is there still");
    let job = desk.vmm.delete_disk(&desk.admin, disk.id).await.expect("it is as vmm last saw it");
    desk.done(job).await;
    desk.vmm.power(&desk.admin, &vm.name, Power::Start).await.expect("it starts");
    let monitor = desk.vmm.monitor(&desk.admin, &vm.name).await.expect("figures");
    assert!(monitor.state.is_some());
    desk.vmm.power(&desk.admin, &vm.name, Power::Stop).await.expect("it stops");
    lost_tag_is_set_again(desk, machine, vm, &renamed).await;
}

/// A machine whose domain lost its tag is neither switched nor deleted, until an admin sets the tag again.
async fn lost_tag_is_set_again(desk: &LabDesk, machine: &Machine<'_>, vm: &Vm, domain: &str) {
    let namespace = "https://github.com/vmm-desk/vmm/xmlns/domain/1";
    machine.virsh(&["metadata", domain, "--uri", namespace, "--remove", "--config"]);
    let started = desk.vmm.power(&desk.admin, &vm.name, Power::Start).await.map(drop);
    let deleted = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.map(drop);
    for answer in [started, deleted] {
        let Err(error @ Error::Conflict { .. }) = answer else { panic!("not a conflict: {answer:?}") };
        assert!(error.to_string().contains("/vm/reclaim"), "{error}");
    }
    let shown = eventually(PATIENCE, "it is shown as unknown", || async {
        let (vm, _) = desk.vmm.vm(&desk.admin, &vm.name).await.expect("the machine");
        (vm.status == VmStatus::Unknown).then_some(vm)
    })
    .await;
    assert_eq!(shown.name, vm.name);
    let untagged = machine.virsh(&["dumpxml", domain, "--inactive"]);
    desk.vmm.reclaim_vm(&desk.admin, &vm.name).await.expect("it is the machine's");
    let tagged = machine.virsh(&["dumpxml", domain, "--inactive"]);
    // The tag stands within this element, which was empty without it.
    let lines = untagged.lines().filter(|line| line.trim() != "<metadata/>");
    let lost: Vec<_> = lines.filter(|line| !tagged.contains(line.trim())).collect();
    assert_eq!(lost, [""; 0], "every line of the definition is there still");
    assert_eq!(desk.vmm.vm_definition(&desk.admin, &vm.name).await.expect("a definition").differences, []);
}

/// The files of a machine as they were.
struct Saved {
    files: BTreeMap<String, Vec<u8>>,
    stem: String,
}

impl Saved {
    fn of(desk: &LabDesk, stem: &str) -> Self {
        let names = desk.checksums(stem).into_keys();
        let read = |name: String| {
            let bytes = std::fs::read(format!("{}/{name}", desk.pool)).expect("a volume");
            (name, bytes)
        };
        Self { files: names.map(read).collect(), stem: stem.to_owned() }
    }

    /// Writes every file as it was, and removes those that were not there.
    fn put_back(&self, desk: &LabDesk) {
        for name in desk.checksums(&self.stem).into_keys() {
            let path = format!("{}/{name}", desk.pool);
            match self.files.get(&name) {
                Some(bytes) => std::fs::write(path, bytes).expect("it is written"),
                None => std::fs::remove_file(path).expect("it is removed"),
            }
        }
    }
}
