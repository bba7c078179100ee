//! Scripts that run by themselves: once, neither twice nor late.

use chrono::{TimeDelta, Utc};
use vmm_core::model::{
    CronExpression, Firing, FiringState, NewSchedule, RunFilter, Schedule, ScheduleId, ScriptChange, Timestamp,
    TokenName, UserChange, When,
};
use vmm_core::{Action, Actor, Policy, RolePolicy, ScheduleDraft, Target, TokenDraft};

use super::*;

fn schedule_of(script: &Script, when: When) -> ScheduleDraft {
    ScheduleDraft {
        script: script.name.clone(),
        when,
        targets: None,
        arguments: ScriptArguments::new(vec!["by itself".to_owned()]).expect("a good one"),
        timeout: None,
        at_once: Some(2),
    }
}

fn every_minute() -> When {
    When::Cron(CronExpression::new("* * * * *", None).expect("a cron expression"))
}

/// Whose own moments stay out of a test.
fn yearly() -> When {
    When::Cron(CronExpression::new("0 4 1 1 *", None).expect("a cron expression"))
}

/// A schedule whose next moment was so long ago.
async fn due_since(desk: &TestDesk, script: &Script, made_by: &Actor, ago: TimeDelta, when: When) -> Schedule {
    let new = NewSchedule {
        script: script.id,
        made_by: made_by.user_id().expect("an account"),
        when,
        targets: None,
        arguments: ScriptArguments::default(),
        timeout: None,
        at_once: None,
        next_at: Utc::now() - ago,
    };
    desk.repository.schedules().create(new, sample::audit("schedule.create")).await.expect("there is room")
}

/// A desk with one machine, on which a script ends well.
async fn ready() -> (TestDesk, Script) {
    let (desk, script) = hanging(1).await;
    let vm = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").items.remove(0);
    desk.remote.answer(SocketAddr::new(vm.ip.expect("it runs"), 22), "job.sh", Answer::code(0));
    (desk, script)
}

async fn firings(desk: &TestDesk, id: ScheduleId) -> Vec<Firing> {
    desk.vmm.schedule(&desk.user, id).await.expect("it is there").1
}

async fn fired(desk: &TestDesk, id: ScheduleId) -> Firing {
    desk.until("something becomes of the moment", async || !firings(desk, id).await.is_empty()).await;
    firings(desk, id).await.remove(0)
}

async fn runs(desk: &TestDesk) -> Vec<Run> {
    desk.vmm.script_runs(&desk.user, &RunFilter::default()).await.expect("runs").items
}

#[tokio::test]
async fn a_moment_that_comes_runs_the_script_once_in_the_name_of_who_made_the_schedule() {
    let (desk, script) = ready().await;
    let at: Timestamp = Utc::now() + TimeDelta::milliseconds(700);
    let draft = schedule_of(&script, When::At(at));
    let schedule = desk.vmm.create_schedule(&desk.admin, draft).await.expect("a schedule");
    assert_eq!(schedule.next_at.map(|next| next.timestamp_micros()), Some(at.timestamp_micros()));
    // Other processes do not make it more.
    let others: Vec<_> = (0..3)
        .map(|_| {
            let vmm = desk.vmm.clone();
            tokio::spawn(async move { vmm.work(std::future::pending()).await })
        })
        .collect();
    let firing = fired(&desk, schedule.id).await;
    let (run, machines) = ended(&desk, firing.run.expect("a run")).await;
    assert_eq!((firing.state, firing.due_at.timestamp_micros()), (FiringState::Fired, at.timestamp_micros()));
    assert!(run.created_at >= firing.due_at, "not before its time");
    assert_eq!((run.user_name.as_str(), run.login.as_str(), run.at_once), ("root", Sshd::USER, 2));
    assert_eq!(run.arguments, schedule.arguments);
    assert_eq!(machines[0].exit, Some(Exit::Code(0)));
    let (over, _) = desk.vmm.schedule(&desk.user, schedule.id).await.expect("it is there");
    assert_eq!((over.enabled, over.next_at), (true, None));
    assert_eq!((runs(&desk).await.len(), scripts_begun(&desk)), (1, 1));
    let rows = desk.vmm.audit(&desk.admin, None, &AuditFilter::default()).await.expect("audit rows");
    let row = rows.iter().find(|row| row.action == "script.run").expect("the row");
    assert_eq!((row.actor.as_str(), row.outcome), ("root", Outcome::Done));
    assert_eq!(row.detail, format!("on 1 machines with the stored login, by schedule {}", schedule.id));
    others.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_cron_schedule_goes_on_and_tells_what_was_missed_while_nobody_worked() {
    let (mut desk, script) = ready().await;
    desk.stop_worker().await;
    // The newest of these moments is within its minute of grace, or was missed too.
    let schedule = due_since(&desk, &script, &desk.user, TimeDelta::minutes(10), every_minute()).await;
    desk.start_worker();
    fired(&desk, schedule.id).await;
    desk.until("it goes on", async || {
        desk.vmm.schedule(&desk.user, schedule.id).await.expect("it is there").0.next_at > Some(Utc::now())
    })
    .await;
    let (runs, firings) = (runs(&desk).await, firings(&desk, schedule.id).await);
    let missed = firings.last().expect("the first");
    assert_eq!((missed.state, missed.run), (FiringState::Missed, None));
    assert!((10..=11).contains(&missed.times) && missed.last_due_at > missed.due_at, "{missed:?}");
    assert!(missed.reason.as_deref().expect("a reason").contains("did not run"));
    for run in runs {
        let firing = firings.iter().find(|firing| firing.run == Some(run.id)).expect("each run is for a moment");
        assert!(run.created_at - firing.due_at < TimeDelta::seconds(70), "never what is too late: {firing:?}");
    }
}

#[tokio::test]
async fn what_comes_too_late_is_missed_and_not_run() {
    let (desk, script) = ready().await;
    let at = Utc::now() - TimeDelta::minutes(5);
    let schedule = due_since(&desk, &script, &desk.user, TimeDelta::minutes(5), When::At(at)).await;
    let firing = fired(&desk, schedule.id).await;
    assert_eq!((firing.state, firing.times, firing.run), (FiringState::Missed, 1, None));
    assert_eq!(runs(&desk).await, []);
}

#[tokio::test]
async fn a_moment_at_which_the_run_before_goes_on_is_missed() {
    let (desk, script) = hanging(1).await;
    let schedule = due_since(&desk, &script, &desk.user, TimeDelta::seconds(1), yearly()).await;
    let first = fired(&desk, schedule.id).await;
    let now = Some(Utc::now());
    desk.repository
        .schedules()
        .set_next(schedule.id, now, sample::audit("schedule.change"))
        .await
        .expect("it is there");
    desk.until("the second moment is over", async || firings(&desk, schedule.id).await.len() == 2).await;
    let second = firings(&desk, schedule.id).await.remove(0);
    let run = first.run.expect("a run");
    assert_eq!((second.state, second.run), (FiringState::Missed, None));
    assert!(second.reason.as_deref().expect("a reason").contains(&format!("run {run}")), "{second:?}");
    desk.vmm.cancel_script_run(&desk.user, run).await.expect("it goes on");
    ended(&desk, run).await;
}

#[tokio::test]
async fn what_cannot_begin_has_the_reason_and_is_not_tried_again() {
    let (desk, script) = ready().await;
    // A group that is empty by now, an account that is disabled, a right that is gone.
    let targets = Some(vec!["@nobody".parse().expect("a target")]);
    let change = ScriptChange { targets, ..ScriptChange::default() };
    desk.repository
        .scripts()
        .change(script.id, change, sample::no_limits(), sample::audit("script.change"))
        .await
        .expect("it is there");
    let empty = due_since(&desk, &script, &desk.user, TimeDelta::seconds(1), yearly()).await;
    let change = UserChange { disabled: Some(true), ..UserChange::default() };
    let carol = sample::user("carol", vmm_core::model::Role::Admin);
    let carol = desk.repository.users().create(carol, sample::audit("user.create")).await.expect("a free name");
    desk.repository.users().update(carol.id, change, None, sample::audit("user.update")).await.expect("it is there");
    let disabled = due_since(&desk, &script, &Actor::from(&carol), TimeDelta::seconds(1), yearly()).await;
    let dave = sample::user("dave", vmm_core::model::Role::User);
    let dave = desk.repository.users().create(dave, sample::audit("user.create")).await.expect("a free name");
    let foreign = due_since(&desk, &script, &Actor::from(&dave), TimeDelta::seconds(1), yearly()).await;
    for (schedule, reason) in
        [(empty, "no machine is in group nobody"), (disabled, "is disabled"), (foreign, "may not use the login stored")]
    {
        let firing = fired(&desk, schedule.id).await;
        assert_eq!((firing.state, firing.run), (FiringState::Failed, None));
        assert!(firing.reason.as_deref().expect("a reason").contains(reason), "{firing:?}");
        let (schedule, firings) = desk.vmm.schedule(&desk.user, schedule.id).await.expect("it is there");
        assert!(firings.len() == 1 && schedule.next_at > Some(firing.due_at));
    }
    assert_eq!(runs(&desk).await, []);
}

/// Lets nobody but the machine's responsible person run commands on it.
struct Closed;

impl Policy for Closed {
    fn allows(&self, actor: &Actor, action: Action, target: &Target) -> bool {
        let own = target.owner.is_some() && target.owner == actor.user_id();
        (action != Action::VmSsh || own) && RolePolicy.allows(actor, action, target)
    }
}

#[tokio::test]
async fn who_has_lost_the_right_on_a_machine_has_nothing_run_there() {
    let (mut desk, script) = ready().await;
    desk.stop_worker().await;
    let foreign = due_since(&desk, &script, &desk.admin, TimeDelta::seconds(1), yearly()).await;
    let own = due_since(&desk, &script, &desk.user, TimeDelta::seconds(1), yearly()).await;
    let (repository, key) = (Arc::clone(&desk.repository) as Arc<dyn Repository>, MasterKey::from_bytes([7; 32]));
    let built = Vmm::builder(repository, Arc::new(desk.hypervisor.clone()), Arc::new(desk.remote.clone()), key);
    let vmm = built.policy(Arc::new(Closed)).build().await.expect("it is the desk's key");
    let refused = vmm.run_script(&desk.admin, run_of(&script)).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let work = tokio::spawn(async move { vmm.work(std::future::pending()).await });
    let firing = fired(&desk, foreign.id).await;
    assert_eq!((firing.state, firing.run), (FiringState::Failed, None));
    assert!(firing.reason.as_deref().expect("a reason").contains("may not run commands on machines"), "{firing:?}");
    let run = fired(&desk, own.id).await.run.expect("a run");
    assert_eq!(ended(&desk, run).await.0.user_name, desk.user.to_string());
    assert_eq!(runs(&desk).await.len(), 1);
    work.abort();
}

#[tokio::test]
async fn a_schedule_outlives_the_token_that_made_it() {
    let (desk, script) = ready().await;
    let draft = TokenDraft { name: TokenName::new("ci").expect("a name"), expires_in_days: None };
    let made = desk.vmm.create_token(&desk.user, draft).await.expect("a token");
    let (actor, _) = desk.vmm.authenticate(&made.secret).await.expect("it is good");
    let at = Utc::now() + TimeDelta::milliseconds(700);
    let schedule = desk.vmm.create_schedule(&actor, schedule_of(&script, When::At(at))).await.expect("a schedule");
    desk.vmm.revoke_access(&desk.user, None, false).await.expect("it is one's own");
    assert!(desk.vmm.authenticate(&made.secret).await.is_err());
    let firing = fired(&desk, schedule.id).await;
    assert_eq!(ended(&desk, firing.run.expect("a run")).await.0.user_name, desk.user.to_string());
}
