//! The whole story on a real host: from a code to working machines, in a chat.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use vmm_bot::{Options, RunError};
use vmm_core::files::directory::DirectoryFiles;
use vmm_core::host::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};
use vmm_core::model::{JobId, RequestFilter, RequestState, Role, VmFilter, VmName};
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Command, Credential, Exit, Login};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, ExposeSecret, MasterKey, SecretString, Settings, UserDraft, VmLogin, Vmm};
use vmm_testkit::fake::telegram::{FakeTelegram, Person};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::lab::Lab;
use vmm_testkit::sample;

use crate::app::{gives_login, sees_become};

const SPEC: &[u8] = b"name,os,vcpu,memory,disk,group_name,count\nstory,debian:12,1,512,4,story,2\n";
const SCRIPT: &[u8] = b"echo \"here is $(hostname)\"\n";
const NEW_PASSWORD: &str = "another long password";
/// The longest time until two machines are ready that are emulated beside other tests.
const PATIENCE: Duration = Duration::from_secs(600);

/// A desk on the lab's libvirt, with its work and its bot.
struct RealDesk {
    vmm: Vmm,
    admin: Actor,
    user: Actor,
    telegram: FakeTelegram,
    stop: (oneshot::Sender<()>, oneshot::Sender<()>),
    bot: JoinHandle<Result<(), RunError>>,
    worker: JoinHandle<vmm_core::Result<()>>,
    _folder: TempDir,
}

impl RealDesk {
    async fn new(lab: &Lab) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Arc::new(SqliteRepository::open(folder.path().join("vmm.db")).await.unwrap());
        let key = MasterKey::open(folder.path().join("master.key"), repository.as_ref()).await.unwrap();
        let files = DirectoryFiles::open(folder.path().join("files")).await.unwrap();
        let mut config = LibvirtConfig::new(repository.desk());
        config.uri.clone_from(&lab.uri);
        config.pool.clone_from(&lab.pool);
        config.network.clone_from(&lab.network);
        config.virt_type = VirtType::Qemu;
        let (hypervisor, remote) = (Arc::new(LibvirtHypervisor::new(config)), Arc::new(Libssh2Exec::default()));
        let mut settings = Settings::default();
        settings.image_dirs = vec!["/".into()];
        let mail = Arc::clone(&repository);
        let builder =
            Vmm::builder(repository, hypervisor, remote, key).mail(mail).files(Arc::new(files)).settings(settings);
        let vmm = builder.build().await.unwrap();
        let mut actors = Vec::new();
        for (name, role) in [("root", Role::Admin), ("alice", Role::User)] {
            let draft = UserDraft { name: sample::user_name(name), password: PASSWORD.into(), chat_id: None, role };
            actors.push(Actor::from(&vmm.create_user(&Actor::System, draft).await.unwrap()));
        }
        let (user, admin) = (actors.pop().unwrap(), actors.pop().unwrap());
        let telegram = FakeTelegram::start().await;
        let bot = vmm_bot::client(&SecretString::from(telegram.token()), Some(telegram.url())).unwrap();
        let (stop_bot, bot_stopped) = oneshot::channel::<()>();
        let run = vmm_bot::run(bot, vmm.clone(), Options::default(), async { drop(bot_stopped.await) });
        let (stop_work, work_stopped) = oneshot::channel::<()>();
        let working = vmm.clone();
        let worker = tokio::spawn(async move { working.work(async { drop(work_stopped.await) }).await });
        let (bot, stop) = (tokio::spawn(run), (stop_bot, stop_work));
        Self { vmm, admin, user, telegram, stop, bot, worker, _folder: folder }
    }

    async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < end, "not in time: {what}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn ended(&self, job: JobId) {
        self.until("a job ends", async || self.vmm.job(&self.admin, job).await.unwrap().state.is_final()).await;
    }

    async fn import(&self, image: &std::path::Path) {
        let os = vmm_core::model::NewOs { qcow2: Some(image.display().to_string()), ..sample::os("debian", "12") };
        let (_, job) = self.vmm.create_os(&self.admin, os).await.unwrap();
        self.ended(job.unwrap()).await;
    }

    async fn linked(&self, name: &str, actor: &Actor) -> Person {
        let person = self.telegram.person(name);
        let code = self.vmm.create_link_code(actor, None).await.unwrap().code;
        person.says(&format!("/start {}", code.expose_secret()));
        person.sees("Welcome").await;
        person
    }

    async fn login(&self, vm: &str) -> VmLogin {
        self.vmm.vm_login(&self.user, &VmName::new(vm).unwrap()).await.unwrap()
    }

    /// Lets another machine take this login.
    async fn share_login(&self, login: VmLogin, vm: &str) -> VmLogin {
        let own = self.login(vm).await;
        let line = format!("echo '{}:{}' | sudo chpasswd", login.user, login.password.expose_secret());
        let as_own = Login { user: own.user.to_string(), credential: Credential::Password(own.password) };
        let command = Command::new(line).within(Duration::from_secs(60));
        let results = self.vmm.ssh(&self.user, &VmName::new(vm).unwrap(), vec![(as_own, command)]).await.unwrap();
        assert_eq!(results[0].as_ref().unwrap().exit, Exit::Code(0), "{results:?}");
        login
    }

    async fn clean(self) {
        for vm in self.vmm.vms(&self.admin, &VmFilter::default()).await.unwrap().items {
            let job = self.vmm.delete_vm(&self.admin, &vm.name, None).await.unwrap();
            self.ended(job).await;
        }
        drop(self.stop);
        self.bot.await.unwrap().unwrap();
        self.worker.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_requested_and_worked_on_in_a_chat() {
    let Some(lab) = Lab::or_skip("the whole story in Telegram") else { return };
    let Some(image) = lab.image("debian") else { return };
    let desk = RealDesk::new(&lab).await;
    // The machines are removed also when something is not as it should be.
    let told = AssertUnwindSafe(story(&desk, &image)).catch_unwind().await;
    desk.clean().await;
    if let Err(panic) = told {
        std::panic::resume_unwind(panic);
    }
}

async fn story(desk: &RealDesk, image: &std::path::Path) {
    desk.import(image).await;
    let (alice, root) = (desk.linked("Alice", &desk.user).await, desk.linked("Root", &desk.admin).await);

    alice.uploads("class.csv", SPEC, "two machines for a class");
    let preview = alice.sees("row is good in class.csv").await;
    alice.presses(&preview, "Submit").answer().await;
    alice.sees_edit(&preview, "waits for an admin").await;
    let notice = root.sees("waits for an admin").await;
    root.presses(&notice, "Approve").answer().await;
    root.sees_edit(&notice, "was approved by root").await;
    let settled = async || {
        let requests = desk.vmm.requests(&desk.admin, &RequestFilter::default()).await.unwrap();
        assert_ne!(requests.items[0].state, RequestState::Failed, "{:?}", requests.items[0].reason);
        requests.items[0].state == RequestState::Done
    };
    desk.until("the machines run", settled).await;
    let result = alice.sees("GET /vm/login?vm=story-1").await;
    assert!(result.text.contains("story-2"), "{}", result.text);
    alice.sees_document("-result.csv").await;

    let login = desk.login("story-1").await;
    alice.says("/ssh story-1 hostname; uname -s");
    gives_login(&alice, login.user.as_str(), login.password.expose_secret()).await;
    let ran = sees_become(&alice, "story-1  hostname", "Exit code 0").await;
    assert_eq!(ran.part("pre"), Some("story-1\nLinux"), "{}", ran.text);

    alice.uploads("notes.txt", b"to be kept\n", "/put story-1 /tmp");
    sees_become(&alice, "story-1  put notes.txt", "11 bytes").await;
    alice.says("/get story-1 /tmp/notes.txt");
    let file = alice.sees_document("notes.txt").await.document.unwrap();
    assert_eq!(file.bytes, b"to be kept\n");

    // A run has one login for all its machines.
    let login = desk.share_login(login, "story-2").await;
    alice.uploads("hello.sh", SCRIPT, "/script hello sh @story");
    let card = alice.sees("hello of alice").await;
    alice.presses(&card, "Run").answer().await;
    gives_login(&alice, login.user.as_str(), login.password.expose_secret()).await;
    sees_become(&alice, "hello", "2 of 2 ended").await;
    let output = alice.sees("== story-1").await;
    for name in ["story-1", "story-2"] {
        assert!(output.text.contains(&format!("here is {name}")), "{}", output.text);
    }

    alice.says("/monitor story-1");
    let picture = alice.sees_photo().await;
    assert!(picture.text.contains("story-1 is running"), "{}", picture.text);

    alice.says("/password");
    alice.sees("What is your present password?").await;
    alice.says(PASSWORD);
    alice.sees("What is the new password?").await;
    alice.says(NEW_PASSWORD);
    alice.sees("Your password is changed").await;
    desk.vmm.login("alice", NEW_PASSWORD.into(), None, None).await.unwrap();
}
