//! Schedules: scripts that run by themselves.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::run::pace;
use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{
    Firing, NewSchedule, Page, Schedule, ScheduleFilter, ScheduleId, ScriptArguments, ScriptName, ScriptTarget,
    Timestamp, When, one_more,
};
use crate::policy::{Action, Actor, Target};

/// The latest beginning of a schedule, counted from now.
const FARTHEST: TimeDelta = TimeDelta::days(3653);

/// A schedule that somebody makes.
#[derive(Clone, Debug)]
pub struct ScheduleDraft {
    /// The script, which needs a stored login.
    pub script: ScriptName,
    /// When it runs.
    pub when: When,
    /// The machines; `None` for those that the script names when it runs.
    pub targets: Option<Vec<ScriptTarget>>,
    /// The script's arguments on its command line. It is recorded: no place for a secret.
    pub arguments: ScriptArguments,
    /// The time that each machine has; at most a day, 10 minutes if absent.
    pub timeout: Option<Duration>,
    /// On how many machines it works at a time: 1 to 64, 8 if absent.
    pub at_once: Option<u32>,
}

impl Vmm {
    /// Has a script run by itself, in the name of who asks, with the login that is stored with it, in the version that
    /// it has then.
    ///
    /// # Errors
    /// `Forbidden` for anyone but the script's owner and admins; `Invalid` for a moment that has passed, without a
    /// stored login and without machines; `Conflict` if the script has as many schedules as it can.
    pub async fn create_schedule(&self, actor: &Actor, draft: ScheduleDraft) -> Result<Schedule> {
        let script = self.find_script_or_audit_failure(actor, Action::ScheduleCreate, &draft.script).await?;
        self.change(actor, Action::ScheduleCreate, Target::from(&script), |desk, audit| async move {
            let ScheduleDraft { script: name, when, targets, arguments, timeout, at_once } = draft;
            pace(timeout, at_once)?;
            let nobody = || Error::invalid("made_by", "a schedule runs in an account's name; name one");
            let made_by = actor.user_id().ok_or_else(nobody)?;
            if script.user.is_none() {
                return Err(Error::invalid("script", format!("{name} has no stored login, which a schedule needs")));
            }
            if targets.as_ref().unwrap_or(&script.targets).is_empty() {
                return Err(Error::invalid("vm", "names no machine, and neither does the script; name at least one"));
            }
            let next_at = next(&when)?;
            let new = NewSchedule { script: script.id, made_by, when, targets, arguments, timeout, at_once, next_at };
            desk.repository().schedules().create(new, audit).await
        })
        .await
    }

    /// A page of schedules in order of id; the arguments only of those that the actor may change.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn schedules(&self, actor: &Actor, filter: &ScheduleFilter) -> Result<Page<Schedule, ScheduleId>> {
        let desk = self.read(actor, Action::ScheduleRead, &Target::none())?;
        let wanted = ScheduleFilter { limit: one_more(filter.limit), ..filter.clone() };
        let mut schedules = desk.repository().schedules().list(&wanted).await?;
        schedules.iter_mut().for_each(|schedule| self.hide_arguments(actor, schedule));
        Ok(Page::cut(schedules, filter.limit, |schedule| schedule.id))
    }

    /// A schedule, and what became of its moments, newest first.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn schedule(&self, actor: &Actor, id: ScheduleId) -> Result<(Schedule, Vec<Firing>)> {
        let mut schedule = self.lookup(actor)?.schedule(id).await?;
        let desk = self.read(actor, Action::ScheduleRead, &Target::from(&schedule))?;
        let firings = desk.repository().schedules().firings(id).await?;
        self.hide_arguments(actor, &mut schedule);
        Ok((schedule, firings))
    }

    /// Enables or disables a schedule. What comes while it is disabled neither fires nor counts as missed.
    ///
    /// # Errors
    /// `Forbidden` for anyone but the script's owner and admins; `Invalid` if its one moment has passed.
    pub async fn enable_schedule(&self, actor: &Actor, id: ScheduleId, enabled: bool) -> Result<Schedule> {
        let schedule = self.find_schedule_or_audit_failure(actor, Action::ScheduleChange, id).await?;
        self.change(actor, Action::ScheduleChange, Target::from(&schedule), |desk, mut audit| async move {
            audit.detail = if enabled { "enabled" } else { "disabled" }.into();
            let next_at = match enabled {
                true if schedule.next_at.is_some() => schedule.next_at,
                true => Some(next(&schedule.when)?),
                false => None,
            };
            desk.repository().schedules().set_next(id, next_at, audit).await
        })
        .await
    }

    /// Removes a schedule. Its runs stay.
    ///
    /// # Errors
    /// `Forbidden` for anyone but the script's owner and admins.
    pub async fn delete_schedule(&self, actor: &Actor, id: ScheduleId) -> Result<()> {
        let schedule = self.find_schedule_or_audit_failure(actor, Action::ScheduleDelete, id).await?;
        self.change(actor, Action::ScheduleDelete, Target::from(&schedule), |desk, audit| async move {
            desk.repository().schedules().delete(id, audit).await
        })
        .await
    }

    /// The schedule that an operation is about.
    async fn find_schedule_or_audit_failure(&self, actor: &Actor, action: Action, id: ScheduleId) -> Result<Schedule> {
        self.find_or_audit_failure(actor, action, format!("schedule {id}"), async {
            self.lookup(actor)?.schedule(id).await
        })
        .await
    }

    fn hide_arguments(&self, actor: &Actor, schedule: &mut Schedule) {
        if !self.allows(actor, Action::ScheduleChange, &Target::from(&*schedule)) {
            schedule.arguments = None;
        }
    }
}

/// The next moment of what somebody wants now.
fn next(when: &When) -> Result<Timestamp> {
    let now = Utc::now();
    match when.after(now) {
        None => Err(Error::invalid("at", "has passed; name a moment to come")),
        Some(next) if next - now > FARTHEST => Err(Error::invalid("at", "is more than ten years ahead")),
        Some(next) => Ok(next),
    }
}
