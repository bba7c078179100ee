//! Schedules of scripts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::ScheduleDraft;
use vmm_core::model::{
    CronExpression, Firing, FiringState, Schedule, ScheduleFilter, ScheduleId, ScriptArguments, ScriptName,
    ScriptTarget, When,
};

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::target::targets;
use crate::wire::text::TextOf;

pub(crate) struct ScheduleApi;

/// A schedule to make for a script.
#[derive(Debug, Object)]
#[oai(rename = "NewSchedule", deny_unknown_fields)]
struct NewScheduleBody {
    /// The script's name. It needs a stored login.
    script: TextOf<ScriptName>,
    /// The moment at which the script runs once. Give this or `cron`.
    at: Option<DateTime<Utc>>,
    /// The times at which the script runs repeatedly, as in crontab(5): minute, hour, day of month, month, day of week.
    #[oai(validator(max_length = 128))]
    cron: Option<String>,
    /// The time zone of `cron`, like `Europe/Berlin`; UTC if absent.
    #[oai(validator(max_length = 64))]
    time_zone: Option<String>,
    /// The machines: names, or `@group`, which are resolved when it runs. If absent, those that the script names then.
    #[oai(validator(min_items = 1, max_items = 500))]
    vm: Option<Vec<TextOf<ScriptTarget>>>,
    /// The arguments of the script, as for a run.
    #[oai(default, validator(max_items = 64))]
    arguments: Vec<TextOf<ScriptArguments>>,
    /// The longest time on each machine in seconds, from connecting to the script's end; 600 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    timeout: Option<u32>,
    /// The number of machines to work on at a time; 8 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "64")))]
    at_once: Option<u32>,
}

impl TryFrom<NewScheduleBody> for ScheduleDraft {
    type Error = vmm_core::Error;

    fn try_from(body: NewScheduleBody) -> vmm_core::Result<Self> {
        let NewScheduleBody { script, at, cron, time_zone, vm, arguments, timeout, at_once } = body;
        let invalid = |field, reason| Err(vmm_core::Error::invalid(field, reason));
        let when = match (at, cron) {
            (Some(_), None) if time_zone.is_some() => {
                return invalid("time_zone", "is for cron alone; at has a time zone of its own");
            }
            (Some(at), None) => When::At(at),
            (None, Some(cron)) => When::Cron(CronExpression::new(&cron, time_zone.as_deref())?),
            (Some(_), Some(_)) => return invalid("cron", "is given, and so is at; give one of them"),
            (None, None) => return invalid("at", "is missing, and so is cron; give one of them"),
        };
        Ok(Self {
            script: named("script", ScriptName::new(script))?,
            when,
            targets: vm.map(targets).transpose()?,
            arguments: ScriptArguments::new(arguments.into_iter().map(String::from).collect())?,
            timeout: timeout.map(|seconds| Duration::from_secs(seconds.into())),
            at_once,
        })
    }
}

/// Schedules to make.
#[derive(Debug, Object)]
#[oai(rename = "NewSchedules", deny_unknown_fields)]
struct NewSchedulesBody {
    #[oai(validator(min_items = 1, max_items = 50))]
    schedule: Vec<NewScheduleBody>,
}

/// A change of a schedule.
#[derive(Debug, Object)]
#[oai(rename = "ScheduleChange", deny_unknown_fields)]
struct ScheduleChangeBody {
    id: i64,
    /// True to enable the schedule. Moments that pass while it is disabled are left out.
    enabled: bool,
}

/// Changes of schedules.
#[derive(Debug, Object)]
#[oai(rename = "ScheduleChanges", deny_unknown_fields)]
struct ScheduleChangesBody {
    #[oai(validator(min_items = 1, max_items = 50))]
    schedule: Vec<ScheduleChangeBody>,
}

/// A schedule of a script.
#[derive(Debug, Object)]
#[oai(rename = "Schedule", skip_serializing_if_is_none)]
struct ScheduleBody {
    id: i64,
    /// The script's name.
    script: String,
    /// The person who made the schedule, in whose name the script runs.
    made_by: String,
    /// The moment at which the script runs once.
    at: Option<DateTime<Utc>>,
    /// The times at which the script runs repeatedly, as in crontab(5).
    cron: Option<String>,
    /// The time zone of `cron`.
    time_zone: Option<String>,
    /// The machines; absent if the machines of the script at that moment are taken.
    vm: Option<Vec<String>>,
    /// The arguments of the script; only for its owner and for admins.
    arguments: Option<Vec<String>>,
    /// The longest time on each machine in seconds; 600 if absent.
    timeout: Option<u64>,
    /// The number of machines to work on at a time; 8 if absent.
    at_once: Option<u32>,
    enabled: bool,
    /// The next moment; absent if the schedule is disabled or over.
    next_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Schedule> for ScheduleBody {
    fn from(schedule: Schedule) -> Self {
        let (at, cron) = match schedule.when {
            When::At(at) => (Some(at), None),
            When::Cron(cron) => (None, Some(cron)),
        };
        Self {
            id: schedule.id.0,
            script: schedule.script_name.to_string(),
            made_by: schedule.made_by_name.to_string(),
            at,
            time_zone: cron.as_ref().map(|cron| cron.time_zone().to_owned()),
            cron: cron.map(|cron| cron.to_string()),
            vm: schedule.targets.map(|targets| targets.iter().map(ToString::to_string).collect()),
            arguments: schedule.arguments.map(|arguments| arguments.as_slice().to_vec()),
            timeout: schedule.timeout.map(|timeout| timeout.as_secs()),
            at_once: schedule.at_once,
            enabled: schedule.enabled,
            next_at: schedule.next_at,
            created_at: schedule.created_at,
        }
    }
}

/// The result of a moment of a schedule. `fired` began a run; `missed` came too late, or while the previous run was in
/// progress; `failed` could not begin a run.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "FiringState", rename_all = "lowercase")]
enum FiringStateWord {
    Fired,
    Missed,
    Failed,
}

impl From<FiringState> for FiringStateWord {
    fn from(state: FiringState) -> Self {
        match state {
            FiringState::Fired => Self::Fired,
            FiringState::Missed => Self::Missed,
            FiringState::Failed => Self::Failed,
        }
    }
}

/// The result of a moment of a schedule, or of several missed moments in a row.
#[derive(Debug, Object)]
#[oai(rename = "Firing", skip_serializing_if_is_none)]
struct FiringBody {
    /// The moment at which the script was due; the first one of several.
    due_at: DateTime<Utc>,
    /// The last one of several moments.
    last_due_at: DateTime<Utc>,
    /// The number of moments, counted up to 10,000.
    times: u32,
    state: FiringStateWord,
    /// The id of the run that began, while its record is kept.
    run: Option<i64>,
    /// The reason why no run began.
    reason: Option<String>,
}

impl From<Firing> for FiringBody {
    fn from(firing: Firing) -> Self {
        Self {
            due_at: firing.due_at,
            last_due_at: firing.last_due_at,
            times: firing.times,
            state: firing.state.into(),
            run: firing.run.map(|id| id.0),
            reason: firing.reason,
        }
    }
}

/// A schedule with its newest 100 moments, newest first.
#[derive(Debug, Object)]
#[oai(rename = "ScheduleWithFirings", skip_serializing_if_is_none)]
struct ScheduleWithFiringsBody {
    #[oai(flatten)]
    schedule: ScheduleBody,
    firing: Vec<FiringBody>,
}

/// Schedules.
#[derive(Debug, Object)]
#[oai(rename = "Schedules", skip_serializing_if_is_none)]
struct SchedulesBody {
    schedule: Vec<ScheduleBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

impl From<Vec<Schedule>> for SchedulesBody {
    fn from(schedules: Vec<Schedule>) -> Self {
        Self { schedule: schedules.into_iter().map(ScheduleBody::from).collect(), next: None }
    }
}

#[OpenApi(tag = "Tag::Script")]
impl ScheduleApi {
    /// Make schedules for scripts. The script's owner and admins only.
    ///
    /// The script runs for the account that makes the schedule, in its newest version, with its stored login. A moment
    /// that vmm reaches more than a minute late, or during the previous run, is missed.
    #[oai(path = "/vm/script/schedule", method = "post", operation_id = "createSchedules")]
    async fn create(&self, caller: Caller, body: Body<NewSchedulesBody>) -> Result<Json<SchedulesBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("schedule", body.0.schedule, ScheduleDraft::try_from)?;
        let create = |draft| login.vmm.create_schedule(&login.actor, draft);
        Ok(Json(batch::in_order("schedule", drafts, create).await?.into()))
    }

    /// Enable or disable schedules. The script's owner and admins only.
    #[oai(path = "/vm/script/schedule", method = "put", operation_id = "updateSchedules")]
    async fn update(&self, caller: Caller, body: Body<ScheduleChangesBody>) -> Result<Json<SchedulesBody>, Failure> {
        let login = &caller.0;
        let changes = body.0.schedule;
        let schedules = batch::in_order("schedule", changes, |ScheduleChangeBody { id, enabled }| async move {
            login.vmm.enable_schedule(&login.actor, ScheduleId(id), enabled).await
        });
        Ok(Json(schedules.await?.into()))
    }

    /// List schedules in order of id.
    #[oai(path = "/vm/script/schedule", method = "get", operation_id = "listSchedules")]
    async fn list(
        &self,
        caller: Caller,
        /// Only schedules of the script of this name.
        script: Query<Option<TextOf<ScriptName>>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<SchedulesBody>, Failure> {
        let login = caller.0;
        let filter = ScheduleFilter {
            script: named("script", script.0.map(ScriptName::new).transpose())?,
            after: cursor::read("schedule", after.0, cursor::id)?.map(ScheduleId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.schedules(&login.actor, &filter).await?;
        let next = page.next.map(|key| cursor::write("schedule", key));
        Ok(Json(SchedulesBody { next, ..page.items.into() }))
    }

    /// Get a schedule with its recent moments: runs, failures and missed moments.
    #[oai(path = "/vm/script/schedule/:id", method = "get", operation_id = "getSchedule")]
    async fn get(&self, caller: Caller, id: Path<i64>) -> Result<Json<ScheduleWithFiringsBody>, Failure> {
        let login = caller.0;
        let (schedule, firings) = login.vmm.schedule(&login.actor, ScheduleId(id.0)).await?;
        let firing = firings.into_iter().map(FiringBody::from).collect();
        Ok(Json(ScheduleWithFiringsBody { schedule: schedule.into(), firing }))
    }

    /// Delete a schedule; its runs stay. The script's owner and admins only.
    #[oai(path = "/vm/script/schedule", method = "delete", operation_id = "deleteSchedule")]
    async fn delete(&self, caller: Caller, id: Query<i64>) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.delete_schedule(&login.actor, ScheduleId(id.0)).await?;
        Ok(Done::Done)
    }
}
