//! Records to begin a test with. The same arguments always give the same values.

mod temporary;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use vmm_core::Stored;
use vmm_core::model::{
    Adoption, AuditEntry, AuditKey, DiskRole, Fate, HostFigures, HostKey, Hostname, Image, JobKind, LoginName,
    MacAddress, NewJob, NewOs, NewRequest, NewRun, NewScript, NewUser, Os, OsName, OsVersion, Outcome, PasswordHash,
    Plan, PlannedDisk, PlannedVm, RequestId, Role, Script, ScriptArguments, ScriptContent, ScriptFile, ScriptId,
    ScriptName, User, UserId, UserName, VmId, VmName, VolumeName,
};
use vmm_core::repository::Repository;

use crate::contract::mail::Records;

use temporary::Temporary;

/// An empty repository in a temporary directory that goes with it.
///
/// # Panics
/// If there is no room for one.
pub async fn repository() -> Arc<dyn Repository> {
    Arc::new(Temporary::new().await)
}

/// An empty repository and the mail of bots beside it, in a temporary directory that goes with them.
///
/// # Panics
/// If there is no room for one.
pub async fn records() -> Records {
    Records::of(Temporary::new().await)
}

/// A key of an audit log's chain.
pub fn audit_key() -> AuditKey {
    AuditKey::new([3; 32])
}

/// An account to make. Its password's hash fits no password.
pub fn user(name: &str, role: Role) -> NewUser {
    let password = PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FtcGxlLXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA");
    NewUser { name: user_name(name), password, chat_id: None, role }
}

/// A catalog entry to make, with a cloud image that need not be there.
pub fn os(name: &str, version: &str) -> NewOs {
    NewOs {
        name: OsName::new(name).expect("a sample's name is valid"),
        version: OsVersion::new(version).expect("a sample's version is valid"),
        iso: None,
        qcow2: Some(format!("/images/{name}-{version}.qcow2")),
        description: format!("{name} {version}"),
        login: login(),
    }
}

/// The imported image of a catalog entry.
pub fn image(os: &Os) -> Image {
    let sha256 = format!("{:064x}", u128::from_be_bytes(*id(&format!("{}-{}", os.name, os.version)).as_bytes()));
    Image {
        volume: volume(&format!("os-{sha256}.qcow2")),
        sha256,
        virtual_size: 2 << 30,
        stamp: Some("2 GiB at noon".to_owned()),
    }
}

/// A plan with one machine of this catalog entry for each name, each with one system disk and no fixed address.
pub fn plan(os: &Os, names: &[&str]) -> Plan {
    let vms = (1..).zip(names).map(|(row, name)| planned_vm(os, row, name)).collect();
    let seen = HostFigures { vcpus: 16, memory: 65_536, disk_free: 1000, addresses_free: Some(200) };
    let understood = vec!["column \"RAM\" is read as memory".to_owned()];
    Plan { host: "host-1".to_owned(), pool: "pool-1".to_owned(), seen, understood, vms }
}

/// One machine of a plan. Domain id, hardware address and host key follow from its name.
pub fn planned_vm(os: &Os, row: u32, name: &str) -> PlannedVm {
    let uuid = id(name);
    let [a, b, c, d, e, ..] = *uuid.as_bytes();
    PlannedVm {
        row,
        name: vm_name(name),
        hostname: Hostname::new(name).expect("a sample's name is valid"),
        group_name: None,
        vcpu: 1,
        memory: 512,
        os: os.id,
        os_name: os.name.clone(),
        os_version: os.version.clone(),
        image_sha256: image(os).sha256,
        login: os.login.clone(),
        disks: vec![PlannedDisk { role: DiskRole::System, volume: volume(&format!("{name}.qcow2")), size: 4 }],
        ip: None,
        uuid,
        mac: MacAddress::local([a, b, c, d, e]),
        host_key: host_key(name),
        description: String::new(),
        warnings: Vec::new(),
    }
}

/// A machine to adopt, with two disks and a fixed address. Everything follows from its name.
pub fn adoption(user: &User, name: &str) -> Adoption {
    let uuid = id(name);
    let [a, b, c, d, e, ..] = *uuid.as_bytes();
    Adoption {
        uuid,
        user: user.id,
        group_name: None,
        name: vm_name(name),
        hostname: Hostname::new(name).expect("a sample's name is valid"),
        ip: Some(std::net::Ipv4Addr::new(198, 51, 100, a).into()),
        vcpu: 2,
        memory: 2048,
        os: None,
        mac: MacAddress::local([a, b, c, d, e]),
        host_key: host_key(name),
        login: login(),
        description: String::new(),
        disks: vec![(10, Some(format!("/elsewhere/{name}.img"))), (0, None)],
    }
}

/// A request to submit.
pub fn request(id: &str, requester: UserId, plan: Plan) -> NewRequest {
    let names = plan.vms.iter().map(|vm| format!("{},{}\n", vm.name, vm.os_name));
    let spec = format!("name,os\n{}", names.collect::<String>());
    NewRequest { id: request_id(id), requester, description: "a sample".to_owned(), spec, plan }
}

/// The audit row of a change that was done, in the name of nobody.
pub fn audit(action: &'static str) -> AuditEntry {
    AuditEntry {
        user: None,
        actor: "vmm".to_owned(),
        action,
        target: "a sample".into(),
        outcome: Outcome::Done,
        detail: "".into(),
        finishes: None,
    }
}

/// Budgets that nothing is over.
pub fn no_limits() -> Stored {
    let most = u64::MAX;
    Stored { files: most, file_bytes: most, scripts: most, script_bytes: most, open_requests: most }
}

/// A job of two steps that starts a request.
pub fn start() -> NewJob {
    job("start-request", Fate::Stays, Fate::Stays)
}

/// A job that makes a machine.
pub fn making() -> NewJob {
    job("create-vm", Fate::Made, Fate::Gone)
}

/// A job that makes a domain a machine of the desk.
pub fn adopting() -> NewJob {
    job("adopt-vm", Fate::Made, Fate::Gone)
}

/// A job that removes a machine, also one that lets it go, or a disk.
pub fn removal() -> NewJob {
    NewJob { cancellable: false, ..job("delete-vm", Fate::Gone, Fate::Stays) }
}

/// A job that makes a disk.
pub fn addition() -> NewJob {
    job("add-disk", Fate::Stays, Fate::Gone)
}

/// A job that makes a disk larger.
pub fn growth() -> NewJob {
    job("grow-disk", Fate::Grown, Fate::Stays)
}

/// A job that imports an image.
pub fn import() -> NewJob {
    job("import-os", Fate::Stays, Fate::Stays)
}

fn job(kind: &'static str, if_done: Fate, if_undone: Fate) -> NewJob {
    let (kind, steps) = (JobKind::new(kind), vec!["first", "second"]);
    NewJob { kind, steps, cancellable: true, if_done, if_undone }
}

/// An ed25519 key that nobody has the private half of.
pub fn host_key(name: &str) -> HostKey {
    let (algorithm, half) = (b"ssh-ed25519", id(name));
    let mut wire = Vec::new();
    for part in [&algorithm[..], &[*half.as_bytes(), *half.as_bytes()].concat()] {
        wire.extend(u32::try_from(part.len()).expect("a sample key is short").to_be_bytes());
        wire.extend(part);
    }
    HostKey::from_wire(&wire).expect("the encoding follows RFC 8709")
}

/// A machine's name.
pub fn vm_name(name: &str) -> VmName {
    VmName::new(name).expect("a sample's name is valid")
}

/// An account's name.
pub fn user_name(name: &str) -> UserName {
    UserName::new(name).expect("a sample's name is valid")
}

/// A request's id.
pub fn request_id(id: &str) -> RequestId {
    RequestId::new(id).expect("a sample's id is valid")
}

/// A script to register, for `sh` on the machine `web-1` and the group `web`.
pub fn script(name: &str, owner: UserId) -> NewScript {
    NewScript {
        id: ScriptId(id(name)),
        name: script_name(name),
        owner,
        file: ScriptFile::new("script.sh").expect("a sample's name is valid"),
        command: "sh".parse().expect("it is valid"),
        content: script_content("echo one\n"),
        targets: ["web-1", "@web"].map(|target| target.parse().expect("it is valid")).to_vec(),
        login: None,
    }
}

/// A run to record, of this script, whose text is a sample's, on so many machines that need not be there.
pub fn run(script: &Script, machines: usize) -> NewRun {
    NewRun {
        script: script.id,
        script_name: script.name.clone(),
        file: script.file.clone(),
        command: script.command.clone(),
        version: script.version,
        content: script_content("echo one\n"),
        arguments: ScriptArguments::new(vec!["it's\n".to_owned(), String::new()]).expect("a sample's are valid"),
        user: Some(script.owner),
        user_name: script.owner_name.to_string(),
        login: "root".to_owned(),
        timeout: Duration::from_secs(60),
        at_once: 7,
        rerun_of: None,
        firing: None,
        machines: (1..).take(machines).map(|id| (VmId(id), vm_name(&format!("web-{id}")))).collect(),
    }
}

/// A script's name.
pub fn script_name(name: &str) -> ScriptName {
    ScriptName::new(name).expect("a sample's name is valid")
}

/// A script's text.
pub fn script_content(text: &str) -> ScriptContent {
    ScriptContent::new(text).expect("a sample's text is valid")
}

/// A repository's first records: an admin, a user and a catalog entry with its image.
#[derive(Clone, Debug)]
pub struct Desk {
    /// `alice`.
    pub admin: User,
    /// `bob`.
    pub user: User,
    /// `debian:12`.
    pub os: Os,
}

impl Desk {
    /// Makes the records. The import of the image stands as done.
    ///
    /// # Panics
    /// If the repository refuses.
    pub async fn make(repository: &Arc<dyn Repository>) -> Self {
        let (users, oses) = (repository.users(), repository.oses());
        let admin = users.create(user("alice", Role::Admin), audit("user.create")).await.expect("an empty desk");
        let user = users.create(user("bob", Role::User), audit("user.create")).await.expect("an empty desk");
        let made = oses.create(os("debian", "12"), import(), audit("os.create")).await;
        let (os, import) = made.expect("an empty desk");
        oses.set_image(os.id, image(&os)).await.expect("the entry is there");
        if let Some(job) = import {
            let done = vmm_core::model::JobState::Done;
            repository.jobs().finish(job, done, None).await.expect("the job is open");
        }
        let os = oses.by_id(os.id).await.expect("a repository that answers").expect("the entry is there");
        Self { admin, user, os }
    }
}

/// SHA-256 of bytes, in lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

fn login() -> LoginName {
    LoginName::new("vmm").expect("it is valid")
}

fn volume(name: &str) -> VolumeName {
    VolumeName::new(name).expect("a sample's name is valid")
}
