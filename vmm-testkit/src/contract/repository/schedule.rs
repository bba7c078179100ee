//! The promises of a [`ScheduleRepository`](vmm_core::repository::ScheduleRepository).

use std::sync::Arc;
use std::time::Duration;

use chrono::{SubsecRound, TimeDelta, Utc};
use vmm_core::model::{
    CronExpression, Firing, FiringOf, FiringState, NewRun, NewSchedule, Schedule, ScheduleFilter, ScheduleId, Script,
    ScriptArguments, Timestamp, UserId, When,
};
use vmm_core::repository::{KEPT_FIRINGS, MOST_SCHEDULES, Repository};

use super::{assert_conflict, assert_not_found, audited, race, unaudited};
use crate::sample::{self, Desk};

async fn script(repository: &Arc<dyn Repository>) -> (Desk, Script) {
    let desk = Desk::make(repository).await;
    let new = sample::script("deploy", desk.user.id);
    let script = repository
        .scripts()
        .create(new, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    (desk, script)
}

fn in_minutes(minutes: i64) -> Timestamp {
    (Utc::now() + TimeDelta::minutes(minutes)).trunc_subsecs(6)
}

fn daily(script: &Script, made_by: UserId, next_at: Timestamp) -> NewSchedule {
    NewSchedule {
        script: script.id,
        made_by,
        when: When::Cron(CronExpression::new("0 4 * * *", Some("Europe/Berlin")).expect("a cron expression")),
        targets: None,
        arguments: ScriptArguments::default(),
        timeout: None,
        at_once: None,
        next_at,
    }
}

async fn create(repository: &Arc<dyn Repository>, new: NewSchedule) -> Schedule {
    repository.schedules().create(new, sample::audit("schedule.create")).await.expect("there is room")
}

async fn look(repository: &Arc<dyn Repository>, id: ScheduleId) -> Schedule {
    repository.schedules().by_id(id).await.expect("an answer").expect("it is there")
}

fn run_for(script: &Script, schedule: &Schedule, due_at: Timestamp, next_at: Option<Timestamp>) -> NewRun {
    NewRun { firing: Some(FiringOf { schedule: schedule.id, due_at, next_at }), ..sample::run(script, 1) }
}

fn missed(first: Timestamp, last: Timestamp, times: u32) -> Firing {
    let (state, reason) = (FiringState::Missed, Some("nobody was there".to_owned()));
    Firing { due_at: first, last_due_at: last, times, state, run: None, reason }
}

/// A schedule reads as it was made.
pub async fn a_schedule_reads_as_it_was_made(repository: Arc<dyn Repository>) {
    let (desk, script) = script(&repository).await;
    let at = in_minutes(5);
    let once = NewSchedule {
        when: When::At(at),
        targets: Some(vec!["@web".parse().expect("a target")]),
        arguments: ScriptArguments::new(vec!["it's".to_owned()]).expect("a good one"),
        timeout: Some(Duration::from_secs(7)),
        at_once: Some(3),
        ..daily(&script, desk.admin.id, at)
    };
    let made = repository.schedules().create(once.clone(), sample::audit("schedule.create"));
    let made = audited(&repository, 1, made).await.expect("there is room");
    assert_eq!((made.script, &made.script_name, made.owner), (script.id, &script.name, desk.user.id));
    assert_eq!((made.made_by, &made.made_by_name), (desk.admin.id, &desk.admin.name));
    assert_eq!((&made.when, &made.targets, &made.arguments), (&once.when, &once.targets, &Some(once.arguments)));
    assert_eq!((made.timeout, made.at_once, made.enabled, made.next_at), (once.timeout, Some(3), true, Some(at)));
    assert_eq!(look(&repository, made.id).await, made);
    let again = create(&repository, daily(&script, desk.user.id, at)).await;
    assert_eq!((again.when.clone(), again.targets.clone()), (daily(&script, desk.user.id, at).when, None));
    assert_eq!((again.timeout, again.at_once), (None, None));
    let listed = |filter: ScheduleFilter| {
        let repository = Arc::clone(&repository);
        async move { repository.schedules().list(&filter).await.expect("an answer") }
    };
    assert_eq!(listed(ScheduleFilter::default()).await, [made.clone(), again.clone()]);
    assert_eq!(listed(ScheduleFilter { after: Some(made.id), ..ScheduleFilter::default() }).await, [again]);
    assert_eq!(listed(ScheduleFilter { limit: Some(1), ..ScheduleFilter::default() }).await, [made]);
    let other = Some(sample::script_name("other"));
    assert_eq!(listed(ScheduleFilter { script: other, ..ScheduleFilter::default() }).await, []);
}

/// Due schedules are found, the longest due first; what is disabled never is.
pub async fn what_is_due_is_found(repository: Arc<dyn Repository>) {
    let (desk, script) = script(&repository).await;
    let mut ids = Vec::new();
    for minutes in [-1, -3, -2, 5] {
        ids.push(create(&repository, daily(&script, desk.user.id, in_minutes(minutes))).await.id);
    }
    let due = async |now| -> Vec<ScheduleId> {
        repository.schedules().due(now).await.expect("an answer").iter().map(|schedule| schedule.id).collect()
    };
    assert_eq!(due(Utc::now()).await, [ids[1], ids[2], ids[0]]);
    let set = async |id, next_at| repository.schedules().set_next(id, next_at, sample::audit("schedule.change")).await;
    let disabled = audited(&repository, 1, set(ids[1], None)).await.expect("it is there");
    assert_eq!((disabled.enabled, disabled.next_at), (false, None));
    assert_eq!(due(Utc::now()).await, [ids[2], ids[0]]);
    let again = set(ids[1], Some(in_minutes(9))).await.expect("it is there");
    assert!(again.enabled && again.next_at.is_some());
    assert_eq!(due(in_minutes(10)).await, [ids[2], ids[0], ids[3], ids[1]]);
    unaudited(&repository, async { assert_not_found(set(ScheduleId(4711), None).await) }).await;
}

/// A run for a moment is recorded with the moment and the next one; of many who fire it exactly one does.
pub async fn a_moment_fires_once(repository: Arc<dyn Repository>) {
    let (desk, script) = script(&repository).await;
    let (due_at, next_at) = (in_minutes(-1), Some(in_minutes(9)));
    let schedule = create(&repository, daily(&script, desk.user.id, due_at)).await;
    let new = run_for(&script, &schedule, due_at, next_at);
    let won = race(&repository, 16, move |repository, _| {
        let new = new.clone();
        async move { repository.runs().create(new, Utc::now(), sample::audit("script.run")).await.map(drop) }
    });
    assert_eq!(won.await, 1);
    let runs = repository.runs().list(&Default::default()).await.expect("an answer");
    let firings = repository.schedules().firings(schedule.id).await.expect("an answer");
    assert_eq!((runs.len(), firings.len()), (1, 1));
    let Firing { due_at: fired, times, state, run, .. } = firings[0];
    assert_eq!((fired, times, state, run), (due_at, 1, FiringState::Fired, Some(runs[0].id)));
    assert_eq!(look(&repository, schedule.id).await.next_at, next_at);
    let again = run_for(&script, &schedule, due_at, next_at);
    let again = repository.runs().create(again, Utc::now(), sample::audit("script.run"));
    assert_conflict(unaudited(&repository, again).await, &["fired"]);
    assert!(
        !repository.schedules().pass(schedule.id, due_at, missed(due_at, due_at, 1), None).await.expect("an answer")
    );
}

/// A schedule that is disabled or gone in between does not fire.
pub async fn what_is_disabled_does_not_fire(repository: Arc<dyn Repository>) {
    let (desk, script) = script(&repository).await;
    let due_at = in_minutes(-1);
    let disabled = create(&repository, daily(&script, desk.user.id, due_at)).await;
    let deleted = create(&repository, daily(&script, desk.user.id, due_at)).await;
    repository.schedules().set_next(disabled.id, None, sample::audit("schedule.change")).await.expect("it is there");
    let delete = repository.schedules().delete(deleted.id, sample::audit("schedule.delete"));
    audited(&repository, 1, delete).await.expect("it is there");
    unaudited(&repository, async {
        for schedule in [&disabled, &deleted] {
            let new = run_for(&script, schedule, due_at, None);
            assert_conflict(repository.runs().create(new, Utc::now(), sample::audit("script.run")).await, &["fire"]);
        }
        assert_not_found(repository.schedules().delete(deleted.id, sample::audit("schedule.delete")).await);
    })
    .await;
    assert_eq!(repository.runs().list(&Default::default()).await.expect("an answer"), []);
}

/// Missed firings are kept with their number, newest first, up to a limit.
pub async fn what_was_missed_is_kept(repository: Arc<dyn Repository>) {
    let (desk, script) = script(&repository).await;
    let first = in_minutes(-1000);
    let schedule = create(&repository, daily(&script, desk.user.id, first)).await;
    let mut at = first;
    for number in 0..=KEPT_FIRINGS {
        let (last, next) = (at + TimeDelta::minutes(3), at + TimeDelta::minutes(5));
        let firing = missed(at, last, 4 + number);
        assert!(repository.schedules().pass(schedule.id, at, firing, Some(next)).await.expect("an answer"));
        at = next;
    }
    let firings = repository.schedules().firings(schedule.id).await.expect("an answer");
    assert_eq!(firings.len(), usize::try_from(KEPT_FIRINGS).expect("a small number"));
    let newest = at - TimeDelta::minutes(5);
    assert_eq!(firings[0], missed(newest, newest + TimeDelta::minutes(3), 4 + KEPT_FIRINGS));
    assert_eq!(look(&repository, schedule.id).await.next_at, Some(at));
}

/// A script has so many schedules; they go with it, and with who made them, and their runs stay.
pub async fn schedules_go_with_their_script_and_their_maker(repository: Arc<dyn Repository>) {
    let (desk, script) = script(&repository).await;
    let due_at = in_minutes(-1);
    let made = create(&repository, daily(&script, desk.admin.id, due_at)).await;
    for _ in 1..MOST_SCHEDULES {
        create(&repository, daily(&script, desk.user.id, due_at)).await;
    }
    let more = repository.schedules().create(daily(&script, desk.user.id, due_at), sample::audit("schedule.create"));
    assert_conflict(unaudited(&repository, more).await, &["the most"]);
    let run = repository.runs().create(run_for(&script, &made, due_at, None), Utc::now(), sample::audit("script.run"));
    let run = run.await.expect("it is due");
    let other = sample::script("other", desk.user.id);
    let other = repository
        .scripts()
        .create(other, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let new = sample::user("carol", vmm_core::model::Role::Admin);
    let carol = repository.users().create(new, sample::audit("user.create")).await.expect("a free name");
    let carols = create(&repository, daily(&other, carol.id, due_at)).await;
    repository.users().delete(carol.id, None, sample::audit("user.delete")).await.expect("another admin is left");
    assert_eq!(repository.schedules().by_id(carols.id).await.expect("an answer"), None);
    repository.scripts().delete(script.id, false, sample::audit("script.delete")).await.expect("it is there");
    assert_eq!(repository.schedules().list(&ScheduleFilter::default()).await.expect("an answer"), []);
    assert!(repository.runs().by_id(run.id).await.expect("an answer").is_some());
}
