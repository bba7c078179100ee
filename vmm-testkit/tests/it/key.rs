//! The master key and the database that it belongs to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use vmm_core::model::{Role, Sealed, StoredLogin};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Actor, Error, MasterKey, Part, ScriptDraft, SecretString, UserDraft, Vmm};
use vmm_testkit::fake::host::FakeHypervisor;
use vmm_testkit::fake::remote::FakeRemote;
use vmm_testkit::sample::{self, Desk};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("master.key")
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("vmm.db")
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).expect("a directory").map(|file| file.expect("a file").file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    async fn open(&self) -> Result<Vmm, Error> {
        let repository = SqliteRepository::open(self.database()).await.expect("a good file");
        let key = MasterKey::open(self.key(), &repository).await?;
        build(repository, key).await
    }

    async fn alone(&self) -> Result<SqliteRepository, Error> {
        SqliteRepository::open_alone(self.database()).await
    }
}

async fn build(repository: SqliteRepository, key: MasterKey) -> Result<Vmm, Error> {
    let hypervisor = Arc::new(FakeHypervisor::new(repository.desk()));
    Vmm::builder(Arc::new(repository), hypervisor, Arc::new(FakeRemote::new()), key).build().await
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).expect("a file").windows(bytes.len()).any(|window| window == bytes)
}

#[tokio::test]
async fn a_desk_opens_with_its_own_key_alone() {
    let place = Place::new();
    place.open().await.expect("a new desk");
    place.open().await.expect("its key");
    let repository = SqliteRepository::open(place.database()).await.expect("a good file");
    let refused = build(repository, MasterKey::from_bytes([9; 32])).await.expect_err("another key");
    assert!(refused.to_string().contains("not the key of this database"), "{refused}");

    let own = fs::read(place.key()).expect("the key");
    fs::remove_file(place.key()).expect("the key");
    let missing = place.open().await.expect_err("no key");
    assert!(matches!(&missing, Error::Unavailable { part: Part::Desk, .. }), "{missing:?}");
    assert!(missing.to_string().contains("restore it from its backup"), "{missing}");
    assert!(!place.key().exists(), "another key would be of no use");

    let other = Place::new();
    other.open().await.expect("a new desk");
    fs::copy(other.key(), place.key()).expect("a file");
    let wrong = place.open().await.expect_err("another desk's key");
    assert!(wrong.to_string().contains("master.key is not the key of this database"), "{wrong}");
    fs::write(place.key(), own).expect("a file");
    place.open().await.expect("its key is back");
}

#[tokio::test]
async fn a_rotation_needs_the_database_alone() {
    let place = Place::new();
    let open = place.open().await.expect("a new desk");
    let key = fs::read(place.key()).expect("the key");
    let refused = place.alone().await.expect_err("somebody has it open");
    assert!(matches!(&refused, Error::Unavailable { part: Part::Database, .. }), "{refused:?}");
    drop(open);
    let alone = place.alone().await.expect("nobody has it open");
    MasterKey::rotate(place.key(), &alone).await.expect("a new key");
    assert_ne!(fs::read(place.key()).expect("the key"), key);
    let second = SqliteRepository::open(place.database());
    tokio::pin!(second);
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(300), &mut second).await.is_err(),
        "nobody opens it meanwhile"
    );
    drop(alone);
    drop(second.await.expect("it waited"));
    place.open().await.expect("the new key");
}

#[tokio::test]
async fn after_a_rotation_the_old_key_opens_nothing_and_nothing_of_it_is_left() {
    let place = Place::new();
    let vmm = place.open().await.expect("a new desk");
    let (name, password) = (sample::user_name("alice"), SecretString::from("correct horse battery"));
    let draft = UserDraft { name, password: password.clone(), chat_id: None, role: Role::Admin };
    let alice = Actor::from(&vmm.create_user(&Actor::System, draft).await.expect("a new account"));
    let script = ScriptDraft {
        name: sample::script_name("deploy"),
        file: "deploy.sh".parse().expect("a name"),
        command: Some("sh".parse().expect("an interpreter")),
        content: Some(sample::script_content("true")),
        targets: Vec::new(),
        user: Some("root".to_owned()),
        password: Some(password),
    };
    vmm.create_script(&alice, script).await.expect("a script");
    drop(vmm);
    let old_key = fs::read(place.key()).expect("the key");
    let repository: Arc<dyn Repository> = Arc::new(place.alone().await.expect("nobody has it open"));
    let sealed = async || {
        let secret = repository.keys().machines_secret().await.expect("an answer").expect("a secret");
        [secret, repository.keys().passwords().await.expect("an answer").remove(0).1]
    };
    let before = sealed().await;
    // The second one opens what the first one sealed.
    for _ in 0..2 {
        MasterKey::rotate(place.key(), repository.as_ref()).await.expect("a new key");
    }
    let after = sealed().await;
    let actions = repository.audit().list(&Default::default()).await.expect("rows");
    assert_eq!(actions.iter().filter(|row| row.action == "key.rotate").count(), 2);
    drop(repository);
    assert_eq!(place.files(), ["master.key", "vmm.db"]);
    for (before, after) in before.iter().zip(&after) {
        assert!(!holds(&place.database(), before.as_bytes()) && holds(&place.database(), after.as_bytes()));
    }
    let new_key = fs::read(place.key()).expect("the key");
    fs::write(place.key(), old_key).expect("a file");
    place.open().await.expect_err("the old key");
    fs::write(place.key(), new_key).expect("a file");
    place.open().await.expect("the new key");
}

#[tokio::test]
async fn what_does_not_open_stops_a_rotation_before_anything_changes() {
    let place = Place::new();
    drop(place.open().await.expect("a new desk"));
    let key = fs::read(place.key()).expect("the key");
    let repository: Arc<dyn Repository> = Arc::new(place.alone().await.expect("nobody has it open"));
    repository.audit().use_key(sample::audit_key()).await.expect("an answer");
    let desk = Desk::make(&repository).await;
    let login = StoredLogin { user: "root".to_owned(), password: Sealed::new([1; 60]) };
    let new = vmm_core::model::NewScript { login: Some(login), ..sample::script("deploy", desk.user.id) };
    let script = repository
        .scripts()
        .create(new, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let refused = MasterKey::rotate(place.key(), repository.as_ref()).await.expect_err("what does not open");
    assert!(refused.to_string().contains(&script.id.to_string()), "{refused}");
    drop(repository);
    assert_eq!(fs::read(place.key()).expect("the key"), key);
    place.open().await.expect("the old key is good as before");
}
