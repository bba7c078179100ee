//! A kind of job from somewhere else: this file, and one line in a list, are all that it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::Worker;
use crate::desk::{Desk, Vmm};
use crate::error::Result;
use crate::host::AbsentHypervisor;
use crate::job::step::{OnFailure, Step, step};
use crate::job::{AnyKind, Kind};
use crate::model::{
    Adoption, Hostname, Job, JobState, LoginName, MacAddress, NewJob, NewUser, PasswordHash, Role, UserName, VmId,
    VmName,
};
use crate::policy::{Action, Actor, audit_entry};
use crate::remote::AbsentRemote;
use crate::repository::Repository;
use crate::repository::sqlite::SqliteRepository;
use crate::secrets::MasterKey;

/// Rings a bell for a machine.
struct Ring;

static RUNG: AtomicUsize = AtomicUsize::new(0);

struct Bell(VmId);

#[async_trait]
impl Kind for Ring {
    type On = VmId;
    type Work = Bell;

    const WORD: &'static str = "ring";
    const STEPS: &'static [Step<Bell>] = &[step!("swing", Bell::swing), step!("fade", Bell::fade)];
    const ON_FAILURE: OnFailure = OnFailure::Undo;

    async fn load(_: &Desk, id: VmId) -> Result<Bell> {
        Ok(Bell(id))
    }
}

impl Bell {
    async fn swing(&self) -> Result<()> {
        RUNG.fetch_add(usize::try_from(self.0.0).unwrap_or_default(), Ordering::Relaxed);
        Ok(())
    }

    async fn fade(&self) -> Result<()> {
        Ok(())
    }
}

const KINDS: &[&dyn AnyKind] = &[&Ring];

fn adoption(user: crate::model::UserId) -> Adoption {
    let host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    Adoption {
        uuid: Uuid::from_u128(1),
        user,
        group_name: None,
        name: VmName::new("old-1").expect("a name"),
        hostname: Hostname::new("old-1").expect("a name"),
        ip: None,
        vcpu: 1,
        memory: 512,
        os: None,
        mac: MacAddress([2, 0, 0, 0, 0, 1]),
        host_key: host_key.parse().expect("a key"),
        login: LoginName::new("root").expect("a name"),
        description: String::new(),
        disks: Vec::new(),
    }
}

#[tokio::test]
async fn a_new_kind_of_job_is_one_file_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Arc::new(SqliteRepository::open(folder.path().join("vmm.db")).await.expect("a database"));
    let key = MasterKey::from_bytes([7; 32]);
    let desk = Vmm::builder(repository.clone(), Arc::new(AbsentHypervisor), Arc::new(AbsentRemote), key);
    let desk = desk.build().await.expect("a desk");
    let audit = || audit_entry(&Actor::System, Action::VmUpdate, "old-1".to_owned());
    let user = NewUser {
        name: UserName::new("alice").expect("a name"),
        password: PasswordHash::new("x"),
        chat_id: None,
        role: Role::User,
    };
    let user = repository.users().create(user, audit()).await.expect("an account").id;
    let (vm, _) = repository.vms().adopt(adoption(user), NewJob::of::<Ring>(), audit()).await.expect("a machine");

    let ended = async || -> Job {
        loop {
            let job = repository.jobs().list(&Default::default()).await.expect("an answer").remove(0);
            if job.state.is_final() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let job = tokio::select! {
        job = ended() => job,
        worked = Worker::new(desk, KINDS).run(std::future::pending()) => panic!("{worked:?}"),
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("it takes too long"),
    };
    assert_eq!((job.kind.as_str(), job.state, job.error), ("ring", JobState::Done, None));
    assert_eq!(RUNG.load(Ordering::Relaxed), usize::try_from(vm.id.0).expect("a small id"));
}
