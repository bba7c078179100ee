//! Schedules: scripts that run by themselves.

use std::fmt;
use std::time::Duration;

use chrono::Utc;
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::{ScriptArguments, ScriptId, ScriptName, ScriptTarget, Timestamp, UserId, UserName, row_id};
use crate::error::{Error, Result};
use crate::text::quoted;

row_id!(
    /// Names a schedule.
    ScheduleId
);

/// The greatest delay of a firing, for example after a restart. One that is later is missed.
pub(crate) const GRACE: chrono::TimeDelta = chrono::TimeDelta::seconds(60);
/// The number up to which missed firings are counted.
const MOST_COUNTED: u32 = 10_000;

/// Moments as crontab(5) writes them: minute, hour, day of month, month, day of week, on the clocks of a time zone.
///
/// A time that the clocks skip in spring comes when they have skipped it. One that they show twice in autumn comes
/// once, the first time, if it names its hours; what comes every hour or minute comes in both.
#[derive(Clone, Debug)]
pub struct CronExpression {
    text: String,
    zone: Tz,
    cron: Box<Cron>,
}

impl CronExpression {
    /// Reads an expression for the clocks of a time zone like `Europe/Berlin`; of UTC if `None`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong and what would be right.
    pub fn new(text: &str, time_zone: Option<&str>) -> Result<Self> {
        const RULE: &str = "must be minute, hour, day of month, month and day of week (0 or 7 is Sunday), like 30 4 * * 1-5 for \
                            4:30 from Monday to Friday";
        let wrong = |why: String| Error::invalid("cron", format!("{} {RULE}{why}", quoted(text)));
        let zone = time_zone.map_or(Ok(Tz::UTC), str::parse).map_err(|_| {
            let name = quoted(time_zone.unwrap_or_default());
            Error::invalid("time_zone", format!("{name} is not the name of a time zone like Europe/Berlin"))
        })?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "*,-/ ".contains(c);
        let fields = text.split(' ').filter(|part| !part.is_empty()).count();
        if text.len() > 128 || !text.chars().all(allowed) || fields != 5 {
            return Err(wrong(String::new()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| wrong(format!("; {error}")))?;
        let expression = Self { text: text.to_owned(), zone, cron: Box::new(cron) };
        match expression.after(Utc::now()) {
            Some(_) => Ok(expression),
            None => Err(Error::invalid("cron", format!("{} is a moment that never comes", quoted(text)))),
        }
    }

    /// The name of its time zone.
    pub fn time_zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The first moment after another one; `None` if there is none.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&moment.with_timezone(&self.zone), false);
        next.ok().map(|next| next.to_utc())
    }

    /// The last moment up to another one; `None` if there is none.
    fn last_until(&self, moment: Timestamp) -> Option<Timestamp> {
        let last = self.cron.find_previous_occurrence(&moment.with_timezone(&self.zone), true);
        last.ok().map(|last| last.to_utc())
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone == other.zone
    }
}

impl Eq for CronExpression {}

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Once.
    At(Timestamp),
    /// Again and again.
    Cron(CronExpression),
}

/// The due moments of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// The missed moments.
    pub(crate) missed: Option<Missed>,
    /// The moment that fires now.
    pub(crate) fires: Option<Timestamp>,
    /// When it fires next.
    pub(crate) next: Option<Timestamp>,
}

/// Firings in a row that it is too late for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// When the first was due.
    pub first: Timestamp,
    /// When the last was due.
    pub last: Timestamp,
    /// The number of moments; counted up to 10,000.
    pub times: u32,
}

impl When {
    /// The first moment after another one; `None` if there is none.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at).filter(|at| *at > moment),
            Self::Cron(cron) => cron.after(moment),
        }
    }

    /// Returns the moments that are due at `now` for a schedule whose next moment `first` has come.
    pub(crate) fn due(&self, first: Timestamp, now: Timestamp) -> Due {
        let (mut missed, mut last) = (None::<Missed>, first);
        while let Some(next) = self.after(last).filter(|next| *next <= now) {
            let counted = missed.get_or_insert(Missed { first, last, times: 0 });
            (counted.last, counted.times, last) = (last, counted.times + 1, next);
            if counted.times == MOST_COUNTED
                && let Self::Cron(cron) = self
                && let Some(newest) = cron.last_until(now)
            {
                last = newest;
            }
        }
        let next = self.after(now);
        if now - last <= GRACE {
            return Due { missed, fires: Some(last), next };
        }
        let before = missed.unwrap_or(Missed { first, last, times: 0 });
        Due { missed: Some(Missed { last, times: before.times + 1, ..before }), fires: None, next }
    }
}

/// A schedule. It runs its script with the login that is stored with it, in the name of who made the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its row.
    pub id: ScheduleId,
    /// The script.
    pub script: ScriptId,
    /// Its name.
    pub script_name: ScriptName,
    /// The script's owner.
    pub owner: UserId,
    /// The account that made the schedule.
    pub made_by: UserId,
    /// That person's name.
    pub made_by_name: UserName,
    /// When it fires.
    pub when: When,
    /// The machines; `None` for those that the script names when it fires.
    pub targets: Option<Vec<ScriptTarget>>,
    /// The script's arguments on its command line; `None` for those who may not see it.
    pub arguments: Option<ScriptArguments>,
    /// The time that each machine has, if it is not the usual time.
    pub timeout: Option<Duration>,
    /// On how many machines it works at a time, if it is not the usual number.
    pub at_once: Option<u32>,
    /// True if the schedule fires.
    pub enabled: bool,
    /// When it fires next; `None` if it is disabled or over.
    pub next_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A schedule to make.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// The script.
    pub script: ScriptId,
    /// The account that makes the schedule.
    pub made_by: UserId,
    /// When it fires.
    pub when: When,
    /// The machines; `None` for those that the script names when it fires.
    pub targets: Option<Vec<ScriptTarget>>,
    /// The script's arguments on its command line.
    pub arguments: ScriptArguments,
    /// The time that each machine has.
    pub timeout: Option<Duration>,
    /// On how many machines it works at a time.
    pub at_once: Option<u32>,
    /// When it fires first.
    pub next_at: Timestamp,
}

/// Which moment of a schedule a run is for, and when the next one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiringOf {
    /// The schedule.
    pub schedule: ScheduleId,
    /// The moment.
    pub due_at: Timestamp,
    /// The next one.
    pub next_at: Option<Timestamp>,
}

/// Which schedules to list, in order of id. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Only those of the script of this name.
    pub script: Option<ScriptName>,
    /// Only those behind this one.
    pub after: Option<ScheduleId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-01T{text}Z").parse().expect("a moment")
    }

    fn cron(text: &str) -> When {
        When::Cron(CronExpression::new(text, None).expect("a cron expression"))
    }

    #[test]
    fn a_cron_expression_is_five_fields_of_moments_that_come() {
        for good in ["* * * * *", "*/5 0-6 1,15 * MON-FRI", "0 0 29 2 *", "30  4 * JAN sun"] {
            assert_eq!(CronExpression::new(good, None).expect(good).to_string(), good);
        }
        let long = format!("{} * * * *", "1,".repeat(70));
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "@daily",
            "a b c d e",
            "0 0 30 2 *",
            &long,
        ] {
            let error = CronExpression::new(bad, None).expect_err(bad);
            assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "cron"), "{error}");
        }
    }

    #[test]
    fn without_a_time_zone_moments_are_in_utc_and_sunday_is_0() {
        let next = |text: &str| cron(text).after(at("12:00:30")).expect("a moment").to_rfc3339();
        assert_eq!(next("* * * * *"), "2026-03-01T12:01:00+00:00");
        assert_eq!(next("0 12 * * *"), "2026-03-02T12:00:00+00:00");
        assert_eq!(next("0 0 29 2 *"), "2028-02-29T00:00:00+00:00");
        // 2026-03-01 is a Sunday.
        assert_eq!(next("0 13 * * 0"), "2026-03-01T13:00:00+00:00");
        assert_eq!(next("0 13 * * 7"), "2026-03-01T13:00:00+00:00");
    }

    #[test]
    fn moments_follow_the_clocks_of_their_time_zone() {
        let after = |text: &str, zone: &str, moment: &str| -> Vec<String> {
            let cron = CronExpression::new(text, Some(zone)).expect("a cron expression");
            let moment: Timestamp = moment.parse().expect("a moment");
            let moments = std::iter::successors(cron.after(moment), |last| cron.after(*last));
            moments.take(3).map(|moment| moment.format("%d %H:%M").to_string()).collect()
        };
        // Clocks in Berlin skip 2:00 to 3:00 on 29 March 2026, and show it twice on 25 October.
        let spring = "2026-03-28T00:00:00Z";
        assert_eq!(after("30 4 * * *", "Europe/Berlin", spring), ["28 03:30", "29 02:30", "30 02:30"]);
        assert_eq!(after("30 2 * * *", "Europe/Berlin", spring), ["28 01:30", "29 01:00", "30 00:30"]);
        let autumn = "2026-10-24T12:00:00Z";
        assert_eq!(after("30 2 * * *", "Europe/Berlin", autumn), ["25 00:30", "26 01:30", "27 01:30"]);
        assert_eq!(after("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z"), ["25 00:30", "25 01:30", "25 02:30"]);
        for bad in ["", "Berlin", "europe", "UTC+1", "../etc/passwd"] {
            let error = CronExpression::new("* * * * *", Some(bad)).expect_err(bad);
            assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "time_zone"), "{error}");
        }
    }

    #[test]
    fn what_is_due_fires_and_what_is_too_late_is_missed() {
        let five = cron("*/5 * * * *");
        let (first, next) = (at("12:00:00"), Some(at("12:05:00")));
        for now in ["12:00:00", "12:00:59", "12:01:00"] {
            assert_eq!(five.due(first, at(now)), Due { missed: None, fires: Some(first), next });
        }
        let one = Missed { first, last: first, times: 1 };
        assert_eq!(five.due(first, at("12:01:01")), Due { missed: Some(one), fires: None, next });
        assert_eq!(
            five.due(first, at("12:10:30")),
            Due {
                missed: Some(Missed { first, last: at("12:05:00"), times: 2 }),
                fires: Some(at("12:10:00")),
                next: Some(at("12:15:00")),
            }
        );
        assert_eq!(
            five.due(first, at("12:12:00")),
            Due {
                missed: Some(Missed { first, last: at("12:10:00"), times: 3 }),
                fires: None,
                next: Some(at("12:15:00"))
            }
        );
    }

    #[test]
    fn once_is_once() {
        let (once, first) = (When::At(at("12:00:00")), at("12:00:00"));
        assert_eq!(once.due(first, at("12:00:10")), Due { missed: None, fires: Some(first), next: None });
        let missed = Some(Missed { first, last: first, times: 1 });
        assert_eq!(once.due(first, at("13:00:00")), Due { missed, fires: None, next: None });
        assert_eq!((once.after(at("11:00:00")), once.after(first)), (Some(first), None));
    }

    #[test]
    fn ten_years_of_missed_minutes_are_soon_told() {
        let first = at("12:00:00");
        let now = first + chrono::TimeDelta::days(3650);
        let due = cron("* * * * *").due(first, now);
        let missed = due.missed.expect("it is too late for most");
        assert_eq!((due.fires, missed.first, missed.times), (Some(now), first, MOST_COUNTED));
    }
}
