//! The promises of a [`VmRepository`](vmm_core::repository::VmRepository).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use uuid::Uuid;
use vmm_core::model::{
    Adoption, GroupName, JobId, JobState, NamePrefix, Observation, ObservedStates, OsId, PauseReason, Revision,
    StatusReason, Subject, UserId, Vm, VmChange, VmFilter, VmId, VmState, VmStatus,
};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, assert_stale, audited, job, made, running, unaudited, vm, vm_names};
use crate::sample::{self, Desk};

/// A machine reads as it was planned.
pub async fn a_machine_reads_as_it_was_planned(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = sample::plan(&desk.os, &["web-1"]);
    plan.vms[0].ip = Some(Ipv4Addr::new(10, 0, 0, 7));
    plan.vms[0].group_name = Some(GroupName::new("web").expect("valid"));
    let planned = plan.vms[0].clone();
    let request = super::submit(&repository, &desk, "req-1", plan).await;
    let vm = vm(&repository, "web-1").await;
    assert_eq!((vm.user, &vm.user_name, vm.status), (desk.user.id, &desk.user.name, VmStatus::Request));
    assert_eq!((&vm.name, &vm.hostname, &vm.group_name), (&planned.name, &planned.hostname, &planned.group_name));
    assert_eq!((vm.ip, vm.ip_fixed), (planned.ip.map(IpAddr::from), true));
    assert_eq!((vm.vcpu, vm.memory, vm.os), (planned.vcpu, planned.memory, Some(planned.os)));
    assert_eq!((vm.uuid, vm.mac, &vm.host_key), (planned.uuid, planned.mac, &planned.host_key));
    assert_eq!((&vm.login, &vm.request, &vm.description), (&planned.login, &Some(request.id), &planned.description));
    assert_eq!(repository.vms().by_id(vm.id).await.expect("an answer"), Some(vm));
}

/// Machines are listed by person, group, status and request, page by page in order of id.
pub async fn machines_are_listed_by_what_they_are(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = sample::plan(&desk.os, &["c", "b", "a"]);
    plan.vms[1].group_name = Some(GroupName::new("web").expect("valid"));
    super::submit(&repository, &desk, "req-1", plan).await;
    made(&repository, &desk, "req-2", "d").await;
    let all = VmFilter::default();
    assert_eq!(vm_names(&repository, &all).await, ["c", "b", "a", "d"]);
    let first = vm(&repository, "c").await.id;
    let cases = [
        (VmFilter { user: Some(sample::user_name("BOB")), ..all.clone() }, vec!["c", "b", "a", "d"]),
        (VmFilter { user: Some(sample::user_name("alice")), ..all.clone() }, vec![]),
        (VmFilter { user: Some(sample::user_name("nobody")), ..all.clone() }, vec![]),
        (VmFilter { os: Some(desk.os.id), ..all.clone() }, vec!["c", "b", "a", "d"]),
        (VmFilter { os: Some(OsId(4711)), ..all.clone() }, vec![]),
        (VmFilter { name_prefix: NamePrefix::new("b").ok(), ..all.clone() }, vec!["b"]),
        (VmFilter { name_prefix: NamePrefix::new("bb").ok(), ..all.clone() }, vec![]),
        (VmFilter { group_name: GroupName::new("web").ok(), ..all.clone() }, vec!["b"]),
        (VmFilter { status: Some(VmStatus::On), ..all.clone() }, vec!["d"]),
        (VmFilter { request: Some(sample::request_id("req-1")), ..all.clone() }, vec!["c", "b", "a"]),
        (VmFilter { after: Some(first), limit: Some(2), ..all.clone() }, vec!["b", "a"]),
    ];
    for (filter, expected) in cases {
        assert_eq!(vm_names(&repository, &filter).await, expected, "{filter:?}");
    }
}

/// Machines are listed with the status that was seen, and the filter and the page are about it. A machine that was only
/// asked for stays so.
pub async fn machines_are_listed_as_they_are_seen(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for name in ["a", "b", "c", "d"] {
        made(&repository, &desk, &format!("req-{name}"), name).await;
    }
    super::pending(&repository, &desk, "req-1", &["e"]).await;
    let uuid = async |name| vm(&repository, name).await.uuid;
    let states = [
        (uuid("b").await, VmStatus::On.into()),
        (uuid("c").await, VmState::paused(PauseReason::User)),
        (uuid("d").await, VmStatus::Off.into()),
        (uuid("e").await, VmStatus::On.into()),
        (Uuid::from_u128(1), VmStatus::On.into()),
    ];
    let seen = Arc::new(ObservedStates::new(states));
    let first = vm(&repository, "a").await.id;
    let (all, of) = (VmFilter::default(), |status| VmFilter { status: Some(status), ..VmFilter::default() });
    for (filter, expected) in [
        (all.clone(), "a unknown missing b on c paused user d off e request"),
        (of(VmStatus::On), "b on"),
        (of(VmStatus::Off), "d off"),
        (of(VmStatus::Paused), "c paused user"),
        (of(VmStatus::Saved), ""),
        (of(VmStatus::Unknown), "a unknown missing"),
        (of(VmStatus::Request), "e request"),
        (VmFilter { after: Some(first), limit: Some(1), ..of(VmStatus::Off) }, "d off"),
        (VmFilter { limit: Some(2), ..all.clone() }, "a unknown missing b on"),
    ] {
        assert_eq!(shown(&repository, &filter, &seen).await, expected, "{filter:?}");
    }
    let silent = Arc::new(ObservedStates::unreachable());
    let expected = ["a", "b", "c", "d"].map(|name| format!("{name} unknown unreachable"));
    assert_eq!(shown(&repository, &all, &silent).await, format!("{} e request", expected.join(" ")));
    assert_eq!(vm(&repository, "a").await.status, VmStatus::On);
}

/// The names, states and reasons of machines as they are listed with what was seen.
async fn shown(repository: &Arc<dyn Repository>, filter: &VmFilter, seen: &Arc<ObservedStates>) -> String {
    let vms = repository.vms().list_seen(filter, Arc::clone(seen)).await.expect("an answer");
    let reason = |vm: &Vm| vm.status_reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    vms.iter().map(|vm| format!("{} {}{}", vm.name, vm.status, reason(vm))).collect::<Vec<_>>().join(" ")
}

/// Every state is recorded with its reason. A pause does not end a run, a saved machine has none, and that of a machine
/// whose state is unknown is kept until it is found again.
pub async fn every_state_is_recorded_with_its_reason(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let uuid = made(&repository, &desk, "req-1", "web-1").await.uuid;
    let see = async |state: VmState, run| {
        repository.vms().observe(vec![Observation { uuid, state, ip: None, run }]).await.expect("an answer");
        let vm = vm(&repository, "web-1").await;
        assert_eq!(vm.state(), state);
        (vm.on_since, vm.run)
    };
    see(VmStatus::Off.into(), None).await;
    let begun = see(VmStatus::On.into(), Some(1)).await;
    assert!(begun.0.is_some() && begun.1 == Some(1));
    for reason in PauseReason::ALL {
        assert_eq!(see(VmState::paused(*reason), Some(1)).await, begun, "{reason}");
    }
    for reason in [StatusReason::Missing, StatusReason::Unreachable, StatusReason::Unreadable] {
        assert_eq!(see(VmState::unknown(reason), None).await, begun, "{reason}");
    }
    assert_eq!(see(VmStatus::On.into(), Some(1)).await, begun, "it was found again");
    assert_eq!(see(VmStatus::Saved.into(), None).await, (None, None));
    assert!(see(VmStatus::On.into(), Some(2)).await.0 > begun.0);
    see(VmState::unknown(StatusReason::Missing), None).await;
    assert_eq!(see(VmStatus::Off.into(), None).await, (None, None));
}

/// An observation of a machine is recorded; an address that is not seen any more stays.
pub async fn what_is_seen_is_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let uuid = made(&repository, &desk, "req-1", "web-1").await.uuid;
    let ip = Some(IpAddr::from(Ipv4Addr::new(10, 0, 0, 9)));
    observe(&repository, uuid, VmStatus::On, ip).await;
    observe(&repository, uuid, VmStatus::Off, None).await;
    let seen = vm(&repository, "web-1").await;
    assert_eq!((seen.status, seen.ip, seen.ip_fixed), (VmStatus::Off, ip, false));
}

/// A machine is on since it was seen to come on or to be in another run; a sight that is no news changes nothing.
pub async fn since_when_it_is_on_is_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let uuid = made(&repository, &desk, "req-1", "web-1").await.uuid;
    let see = async |status: VmStatus, run| {
        repository
            .vms()
            .observe(vec![Observation { uuid, state: status.into(), ip: None, run }])
            .await
            .expect("an answer");
        let vm = vm(&repository, "web-1").await;
        (vm.on_since, vm.run)
    };
    assert_eq!(see(VmStatus::On, Some(1)).await, (None, Some(1)), "it was on already, since nobody knows when");
    assert_eq!(see(VmStatus::Off, None).await, (None, None));
    let (first, run) = see(VmStatus::On, Some(2)).await;
    assert!(first.is_some() && run == Some(2));
    assert_eq!(see(VmStatus::On, Some(2)).await, (first, Some(2)));
    assert_eq!(see(VmStatus::On, None).await, (first, Some(2)));
    let (second, run) = see(VmStatus::On, Some(3)).await;
    assert!(second > first && run == Some(3));
    assert_eq!(see(VmStatus::Off, None).await, (None, None));
    assert!(see(VmStatus::On, None).await.0 > second, "a host may not count");
}

/// A machine that is started while it is made is on since then.
pub async fn a_machine_is_on_since_it_was_first_started(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::approved(&repository, &desk, "req-1", &["web-1"]).await;
    let job = running(&repository, "req-1").await.remove(0);
    let uuid = vm(&repository, "web-1").await.uuid;
    for _ in 0..2 {
        let seen = Observation { uuid, state: VmStatus::On.into(), ip: None, run: Some(1) };
        repository.vms().observe(vec![seen]).await.expect("an answer");
    }
    let begun = vm(&repository, "web-1").await;
    assert!(begun.on_since.is_some() && begun.status == VmStatus::Request);
    repository.jobs().finish(job, JobState::Done, None).await.expect("it is open");
    assert_eq!(vm(&repository, "web-1").await, Vm { status: VmStatus::On, ..begun });
}

/// A machine that does not exist yet, a fixed address and a foreign domain are left alone.
pub async fn what_was_fixed_is_left_alone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = sample::plan(&desk.os, &["web-1"]);
    plan.vms[0].ip = Some(Ipv4Addr::new(10, 0, 0, 7));
    super::submit(&repository, &desk, "req-1", plan).await;
    let before = vm(&repository, "web-1").await;
    let other = Some(IpAddr::from(Ipv4Addr::new(10, 0, 0, 9)));
    observe(&repository, before.uuid, VmStatus::On, other).await;
    observe(&repository, Uuid::from_u128(1), VmStatus::On, other).await;
    let seen = vm(&repository, "web-1").await;
    assert_eq!(Vm { on_since: None, ..seen }, before);

    let plan_hash = super::request(&repository, "req-1").await.plan_hash;
    super::approve(&repository, &desk, "req-1", plan_hash).await.expect("it is pending");
    let job = running(&repository, "req-1").await.remove(0);
    repository.jobs().finish(job, JobState::Done, None).await.expect("it is open");
    observe(&repository, before.uuid, VmStatus::Off, other).await;
    let after = vm(&repository, "web-1").await;
    assert_eq!((after.status, after.ip), (VmStatus::Off, before.ip));
}

/// A removal is enqueued once; the rows stay until it is done, and then the name is free.
pub async fn a_removal_is_enqueued_once(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let id = made(&repository, &desk, "req-1", "web-1").await.id;
    let job_id = audited(&repository, 1, start_delete(&repository, id)).await.expect("it is on");
    assert_eq!(job(&repository, job_id).await.subject, Subject::Vm(id));
    unaudited(&repository, async { assert_conflict(start_delete(&repository, id).await, &["removing"]) }).await;
    vm(&repository, "web-1").await;
    repository.jobs().finish(job_id, JobState::Done, None).await.expect("it is open");
    assert_eq!(repository.vms().by_id(id).await.expect("an answer"), None);
    super::pending(&repository, &desk, "req-2", &["web-1"]).await;
    assert!(vm(&repository, "web-1").await.id > id, "an id was given twice");
}

/// A removal that failed leaves the machine, and can be asked for again.
pub async fn a_removal_that_failed_can_be_repeated(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let id = made(&repository, &desk, "req-1", "web-1").await.id;
    for end in [JobState::Failed, JobState::Cancelled, JobState::Stuck] {
        let job = start_delete(&repository, id).await.expect("no removal is open");
        repository.jobs().finish(job, end, Some("the pool is away".to_owned())).await.expect("it is open");
        vm(&repository, "web-1").await;
    }
}

/// A machine that does not exist yet cannot be removed, unless making it got stuck.
pub async fn a_machine_that_was_never_made_is_not_removed(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::approved(&repository, &desk, "req-1", &["web-1"]).await;
    let id = vm(&repository, "web-1").await.id;
    unaudited(&repository, async { assert_conflict(start_delete(&repository, id).await, &["cancel its request"]) })
        .await;
    let job = running(&repository, "req-1").await.remove(0);
    unaudited(&repository, async { assert_conflict(start_delete(&repository, id).await, &[]) }).await;
    repository.jobs().finish(job, JobState::Stuck, Some("the pool is away".to_owned())).await.expect("it is open");
    start_delete(&repository, id).await.expect("somebody must be able to clean up");
    assert_not_found(start_delete(&repository, VmId(4711)).await);
}

/// A machine to adopt is there when its job is done, and its disks with it; letting it go removes the rows.
pub async fn a_machine_is_adopted_and_let_go(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let adoption = sample::adoption(&desk.user, "old-1");
    let (made, job_id) = audited(&repository, 1, adopt(&repository, adoption.clone())).await.expect("all is free");
    assert_eq!((made.status, made.adopted, made.os, made.request.as_ref()), (VmStatus::Request, true, None, None));
    assert_eq!((made.uuid, made.mac, &made.host_key), (adoption.uuid, adoption.mac, &adoption.host_key));
    assert_eq!((made.ip, made.ip_fixed, &made.login), (adoption.ip, true, &adoption.login));
    assert_eq!(job(&repository, job_id).await.subject, Subject::Vm(made.id));
    unaudited(&repository, async { assert_conflict(start_delete(&repository, made.id).await, &["adopt-vm"]) }).await;
    repository.jobs().finish(job_id, JobState::Done, None).await.expect("it is open");
    assert_eq!(vm(&repository, "old-1").await, Vm { status: VmStatus::On, ..made.clone() });
    let disks = repository.disks().of_vm(made.id).await.expect("an answer");
    let seen: Vec<_> =
        disks.iter().map(|disk| (disk.disk_size, disk.volume.as_ref(), disk.disk_path.clone())).collect();
    assert_eq!(seen, [(10, None, Some("/elsewhere/old-1.img".to_owned())), (0, None, None)]);

    let release = repository.vms().start_delete(made.id, sample::removal(), None, sample::audit("vm.delete")).await;
    repository.jobs().finish(release.expect("it is on"), JobState::Done, None).await.expect("it is open");
    assert_eq!(repository.vms().by_id(made.id).await.expect("an answer"), None);
}

/// An adoption that failed removes the rows, and one whose values are taken makes none.
pub async fn what_is_taken_is_not_adopted(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let known = made(&repository, &desk, "req-1", "web-1").await;
    let free = sample::adoption(&desk.user, "old-1");
    for (taken, word) in [
        (Adoption { name: known.name.clone(), ..free.clone() }, "name"),
        (Adoption { uuid: known.uuid, ..free.clone() }, "domain id"),
        (Adoption { mac: known.mac, ..free.clone() }, "hardware address"),
    ] {
        unaudited(&repository, async { assert_conflict(adopt(&repository, taken).await, &[word, "web-1"]) }).await;
    }
    let (vm, job) = adopt(&repository, free.clone()).await.expect("all is free");
    repository.jobs().finish(job, JobState::Failed, Some("it is gone".to_owned())).await.expect("it is open");
    assert_eq!(repository.vms().by_id(vm.id).await.expect("an answer"), None);
    adopt(&repository, free).await.expect("all is free again");
}

async fn adopt(repository: &Arc<dyn Repository>, adoption: Adoption) -> vmm_core::Result<(Vm, JobId)> {
    repository.vms().adopt(adoption, sample::adopting(), sample::audit("vm.adopt")).await
}

/// Of many who ask for a removal at once exactly one gets it.
pub async fn one_removal_wins(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let id = made(&repository, &desk, "req-1", "web-1").await.id;
    let won =
        super::race(&repository, 16, move |repository, _| async move { start_delete(&repository, id).await.map(drop) });
    assert_eq!(won.await, 1);
}

/// The changed fields of a machine's record have their new values; the rest stays.
pub async fn a_changed_record_leaves_the_rest(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let before = made(&repository, &desk, "req-1", "web-1").await;
    let update = |change| repository.vms().update(before.id, change, None, sample::audit("vm.update"));
    let group_name = Some(GroupName::new("web").expect("valid"));
    let change = VmChange { user: Some(desk.admin.id), group_name: Some(group_name.clone()), ..VmChange::default() };
    let changed = audited(&repository, 1, update(change)).await.expect("it is there");
    let (user, user_name, revision) = (desk.admin.id, desk.admin.name.clone(), Revision(before.revision.0 + 1));
    assert_eq!(changed, Vm { user, user_name, group_name, revision, ..before.clone() });
    let description = "the shop".to_owned();
    let change = VmChange { group_name: Some(None), description: Some(description.clone()), ..VmChange::default() };
    update(change).await.expect("it is there");
    let expected = Vm { group_name: None, description, revision: Revision(revision.0 + 1), ..changed };
    assert_eq!(vm(&repository, "web-1").await, expected);
    unaudited(&repository, async {
        assert_not_found(update(VmChange { user: Some(UserId(4711)), ..VmChange::default() }).await);
        assert_not_found(repository.vms().update(VmId(4711), VmChange::default(), None, sample::audit("x")).await);
    })
    .await;
}

/// A change that expects another revision than the present one is refused, a removal too. What is seen of the machine
/// does not count.
pub async fn of_a_machine_the_revision_is_compared(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let Vm { id, revision: first, uuid, .. } = made(&repository, &desk, "req-1", "web-1").await;
    observe(&repository, uuid, VmStatus::Off, None).await;
    let update = |expect| repository.vms().update(id, VmChange::default(), Some(expect), sample::audit("vm.update"));
    let second = update(first).await.expect("it is the present one").revision;
    let delete =
        |expect| repository.vms().start_delete(id, sample::removal(), Some(expect), sample::audit("vm.delete"));
    unaudited(&repository, async {
        assert_stale(update(first).await);
        assert_stale(delete(first).await);
    })
    .await;
    delete(second).await.expect("it is the present one");
}

async fn observe(repository: &Arc<dyn Repository>, uuid: Uuid, status: VmStatus, ip: Option<IpAddr>) {
    repository.vms().observe(vec![Observation { uuid, state: status.into(), ip, run: None }]).await.expect("an answer");
}

async fn start_delete(repository: &Arc<dyn Repository>, id: VmId) -> vmm_core::Result<JobId> {
    repository.vms().start_delete(id, sample::removal(), None, sample::audit("vm.delete")).await
}
