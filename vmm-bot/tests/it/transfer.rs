//! Files from and to machines.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::Semaphore;
use vmm_core::mail::MailStore;
use vmm_core::model::HostKey;
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{
    Command, Download, Endpoint, Login, Output, Piece, Place, RemoteExec, Sink, Source, Transferred, Upload,
};
use vmm_core::repository::Repository;
use vmm_core::{MasterKey, Vmm};
use vmm_testkit::fixture::MASTER_KEY;
use vmm_testkit::sshd::Sshd;

use crate::app::gives_login;
use crate::ssh::{SECRET, Scene};

#[tokio::test]
async fn a_file_is_fetched_from_a_machine() {
    let scene = Scene::new().await;
    let place = |directory, file| Place::new(directory, file).unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    scene.app.desk.remote.put_file(scene.web_1, &place("/tmp", "a b.bin"), content.clone());
    scene.app.desk.remote.put_file(scene.web_1, &place("~", "empty"), "");
    scene.says_with_login("/get web-1 /tmp/a b.bin").await;
    let done = scene.ended("700000 bytes").await;
    assert_eq!(done.part("code"), Some("get /tmp/a b.bin"), "{}", done.text);
    assert_eq!(scene.alice.sees_document("a b.bin").await.document.unwrap().bytes, content);
    scene.alice.says("/get web-1 empty");
    scene.ended("✅ 0 bytes").await;
    scene.alice.says("/get web-1 /nowhere/x");
    scene.ended("⚠️").await;
    for (said, answer) in [("/get web-1", "Which file?"), ("/get web-1 /tmp/", "file"), ("/get", "Which machine?")] {
        scene.alice.says(said);
        scene.alice.sees(answer).await;
    }
}

#[tokio::test]
async fn a_file_is_put_onto_a_machine() {
    let scene = Scene::new().await;
    let content = |directory, name| {
        let file = scene.app.desk.remote.file(scene.web_1, &Place::new(directory, name).unwrap());
        file.map(|(content, _)| content)
    };
    scene.alice.uploads("a b.txt", b"for web-1", "/put web-1 /tmp");
    gives_login(&scene.alice, "debian", SECRET).await;
    let done = scene.ended("9 bytes").await;
    assert!(done.text.contains("put a b.txt to /tmp"), "{}", done.text);
    assert_eq!(content("/tmp", "a b.txt").as_deref(), Some(&b"for web-1"[..]));
    scene.alice.uploads("home.txt", b"at home", "/put web-1");
    let done = scene.ended("7 bytes").await;
    assert_eq!(content("~", "home.txt").as_deref(), Some(&b"at home"[..]));
    scene.alice.presses(&done, "Do it again").answer().await;
    scene.ended("7 bytes").await;
    scene.alice.uploads("x", b"x", "/put web-1 /nowhere");
    scene.ended("⚠️").await;
    for (caption, answer) in
        [("", "What is this file for?"), ("/put", "Which machine?"), ("/vms", "What is this file for?")]
    {
        scene.alice.uploads("x", b"x", caption);
        scene.alice.sees(answer).await;
    }
}

/// The update that is kept in place of the password asks for the task again.
#[tokio::test]
async fn a_file_that_a_stopped_bot_leaves_behind_is_told_and_not_put_again() {
    let mut scene = Scene::new().await;
    scene.app.desk.remote.fall_silent(scene.web_1);
    scene.alice.uploads("a.txt", b"for web-1", "/put web-1 /tmp");
    gives_login(&scene.alice, "debian", SECRET).await;
    let live = scene.alice.sees("In progress.").await;
    let audit = async || scene.app.audit("vm.transfer").await.len() == 1;
    scene.app.desk.until("it has begun", audit).await;
    scene.app.stop().await;
    scene.app.start();
    let told = scene.alice.sees_edit(&live, "vmm was stopped before this ended").await;
    assert!(told.text.contains("put a.txt to /tmp"), "{}", told.text);
}

#[tokio::test]
async fn how_far_a_file_is_carried_is_shown_and_it_can_be_cancelled_there() {
    let scene = Scene::new().await;
    let remote = &scene.app.desk.remote;
    remote.put_file(scene.web_1, &Place::new("/tmp", "big").unwrap(), vec![7; 4 << 20]);
    remote.stall_transfers(scene.web_1, 3 << 20);
    scene.says_with_login("/get web-1 /tmp/big").await;
    let live = scene.alice.sees("In progress.").await;
    let shown = scene.alice.sees_in(&live, "▓▓▓▓▓▓▓░░░  75 %\n3 MiB of 4 MiB").await;
    assert_eq!(shown.labels(), ["Cancel"]);
    scene.alice.presses(&shown, "Cancel").answer().await;
    let ended = scene.alice.sees_edit(&live, "Cancelled.").await;
    assert!(ended.text.ends_with("75 %\n3 MiB of 4 MiB") && ended.button("Do it again").is_some(), "{}", ended.text);

    scene.alice.uploads("big", &vec![7; 6 << 20], "/put web-1 /tmp");
    let live = scene.alice.sees("In progress.").await;
    let shown = scene.alice.sees_in(&live, "▓▓▓▓▓░░░░░  50 %\n3 MiB of 6 MiB").await;
    scene.alice.presses(&shown, "Cancel").answer().await;
    scene.alice.sees_edit(&live, "Cancelled.").await;
    let stored = remote.file(scene.web_1, &Place::new("/tmp", "big").unwrap());
    assert_eq!(stored.map(|(content, _)| content.len()), Some(4 << 20), "what was there is there");
}

/// Every machine is this SSH server, on a way that lets through so many bytes of files.
struct Slowly {
    endpoint: Endpoint,
    ssh: Libssh2Exec,
    bytes: Arc<Semaphore>,
}

/// So many bytes pass at once at most.
const PIECE: usize = 64 << 10;

impl Slowly {
    async fn carry(&self, from: &mut Source, to: &mut Sink) -> std::io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = from.read(&mut piece).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            self.bytes.acquire_many(u32::try_from(read).unwrap()).await.unwrap().forget();
            to.write_all(&piece[..read]).await?;
        }
    }
}

#[async_trait]
impl RemoteExec for Slowly {
    async fn run(&self, _: &Endpoint, login: &Login, command: &Command) -> vmm_core::Result<Output> {
        self.ssh.run(&self.endpoint, login, command).await
    }

    async fn follow(
        &self,
        _: &Endpoint,
        login: &Login,
        command: &Command,
        pieces: tokio::sync::mpsc::Sender<Piece>,
    ) -> vmm_core::Result<Output> {
        self.ssh.follow(&self.endpoint, login, command, pieces).await
    }

    async fn host_key(&self, _: std::net::SocketAddr, _: std::time::Duration) -> vmm_core::Result<HostKey> {
        Ok(self.endpoint.host_key.clone())
    }

    async fn send(
        &self,
        _: &Endpoint,
        login: &Login,
        upload: &Upload,
        mut from: Source,
    ) -> vmm_core::Result<Transferred> {
        let (here, there) = duplex(PIECE);
        let mut here: Sink = Box::new(here);
        let sent = self.ssh.send(&self.endpoint, login, upload, Box::new(there));
        tokio::join!(sent, async { drop(self.carry(&mut from, &mut here).await) }).0
    }

    async fn receive(
        &self,
        _: &Endpoint,
        login: &Login,
        download: &Download,
        mut to: Sink,
    ) -> vmm_core::Result<Transferred> {
        let (here, there) = duplex(PIECE);
        let mut here: Source = Box::new(here);
        let received = self.ssh.receive(&self.endpoint, login, download, Box::new(there));
        tokio::join!(received, async { drop(self.carry(&mut here, &mut to).await) }).0
    }
}

#[tokio::test]
async fn a_file_of_a_real_server_is_seen_on_its_way() {
    let (sshd, mut scene) = (Sshd::start().await, Scene::new().await);
    let bytes = Arc::new(Semaphore::new(0));
    let remote = Slowly { endpoint: sshd.endpoint(), ssh: Libssh2Exec::default(), bytes: Arc::clone(&bytes) };
    scene.app.stop().await;
    let desk = &scene.app.desk;
    let (repository, hypervisor) = (Arc::clone(&desk.repository) as Arc<dyn Repository>, desk.hypervisor.clone());
    let key = MasterKey::from_bytes(MASTER_KEY);
    let mail = Arc::clone(&desk.repository) as Arc<dyn MailStore>;
    let built = Vmm::builder(repository, Arc::new(hypervisor), Arc::new(remote), key).mail(mail).build().await;
    scene.app.desk.vmm = built.unwrap();
    scene.app.start();

    let content: Vec<u8> = (0..=250).cycle().take(8 << 20).collect();
    let directory = sshd.shared_directory();
    let place = directory.join("from");
    std::fs::write(&place, &content).unwrap();
    bytes.add_permits(4 << 20);
    scene.alice.says(&format!("/get web-1 {}", place.display()));
    gives_login(&scene.alice, Sshd::USER, Sshd::PASSWORD).await;
    let live = scene.alice.sees("In progress.").await;
    let shown = scene.alice.sees_in(&live, "▓▓▓▓").await;
    assert!(shown.text.contains(" of 8 MiB") && !shown.text.contains("▓▓▓▓▓▓"), "{}", shown.text);
    assert_eq!(shown.labels(), ["Cancel"]);
    bytes.add_permits(4 << 20);
    scene.alice.sees_edit(&live, "✅ 8388608 bytes").await;
    assert!(scene.alice.sees_document("from").await.document.unwrap().bytes == content);

    bytes.add_permits(4 << 20);
    scene.alice.uploads("to", &content, &format!("/put web-1 {}", directory.display()));
    let live = scene.alice.sees("In progress.").await;
    // What the server has not confirmed does not count yet.
    let shown = scene.alice.sees_in(&live, "▓▓▓▓").await;
    assert!(shown.text.contains(" of 8 MiB") && !shown.text.contains("▓▓▓▓▓▓"), "{}", shown.text);
    scene.alice.presses(&shown, "Cancel").answer().await;
    scene.alice.sees_edit(&live, "Cancelled.").await;
    assert!(!directory.join("to").exists());
    bytes.add_permits(8 << 20);
    scene.alice.uploads("to", &content, &format!("/put web-1 {}", directory.display()));
    let live = scene.alice.sees("In progress.").await;
    scene.alice.sees_edit(&live, "✅ 8388608 bytes").await;
    assert!(std::fs::read(directory.join("to")).unwrap() == content);
}
