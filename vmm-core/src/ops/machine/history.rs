//! Figures of machines as they were.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use crate::desk::{Desk, Vmm};
use crate::error::{Error, Result};
use crate::model::{Sample, Timestamp, Vm, VmName};
use crate::policy::{Action, Actor, Target};

use super::monitor::{Monitor, figures, monitor_call};

/// The shortest and the longest stretch of history.
const WINDOW: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(3600)];
/// Samples that are further apart than so many times the interval between them have a gap between them.
const GAP: u32 = 3;
/// And no gap is shorter.
const SHORTEST_GAP: Duration = Duration::from_secs(30);

/// A machine's load and traffic of the last minutes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// Its record.
    pub vm: Vm,
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends: now.
    pub to: Timestamp,
    /// The measured points, oldest first, one every ten seconds unless [`Settings`](crate::Settings) have another
    /// interval.
    ///
    /// There is none for a time at which vmm did not look, or the machine was off. The first one after such a gap knows
    /// nothing, so that no line is drawn over it; so does the first one after the machine was started anew.
    pub points: Vec<HistoryPoint>,
}

/// A machine at one moment. What is not known is `None`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryPoint {
    /// When.
    pub at: Timestamp,
    /// Share of its virtual processors that was busy since the point before, in percent.
    pub cpu_percent: Option<f64>,
    /// Memory in use, in MiB: what the guest uses, if its balloon driver says so anywhere in the history; otherwise
    /// what the host spends on it.
    pub memory_used: Option<f64>,
    /// Bytes read from all its disks, for each second since the point before.
    pub disk_read: Option<f64>,
    /// Bytes written to all its disks, for each second since the point before.
    pub disk_written: Option<f64>,
    /// Bytes received through all its network interfaces, for each second since the point before.
    pub net_received: Option<f64>,
    /// Bytes sent through all its network interfaces, for each second since the point before.
    pub net_sent: Option<f64>,
}

impl Vmm {
    /// A machine's load and traffic of the last `window`, from 10 seconds to an hour. It is recorded where
    /// [`work`](Self::work) runs; nothing is asked of the host.
    ///
    /// # Errors
    /// `Invalid` for another window, `Conflict` for a machine that does not exist yet.
    pub async fn monitor_history(&self, actor: &Actor, name: &VmName, window: Duration) -> Result<History> {
        let (desk, vm) = self.monitored(actor, name).await?;
        history(&desk, vm, window).await
    }

    /// Returns the history together with the present figures of the machine.
    ///
    /// # Errors
    /// As [`monitor_history`](Self::monitor_history) and [`monitor`](Self::monitor).
    pub async fn monitor_with_history(
        &self,
        actor: &Actor,
        name: &VmName,
        window: Duration,
    ) -> Result<(Monitor, History)> {
        let (desk, vm) = self.monitored(actor, name).await?;
        let _call = monitor_call(&desk, actor)?;
        let history = history(&desk, vm.clone(), window).await?;
        Ok((figures(&desk, vm).await?, history))
    }

    /// The machine of this name, for an actor who may see its figures.
    pub(in crate::ops) async fn monitored(&self, actor: &Actor, name: &VmName) -> Result<(Desk, Vm)> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let desk = self.read(actor, Action::VmMonitor, &Target::from(&vm))?;
        vm.check_exists()?;
        Ok((desk, vm))
    }
}

async fn history(desk: &Desk, vm: Vm, window: Duration) -> Result<History> {
    let [shortest, longest] = WINDOW;
    if !(shortest..=longest).contains(&window) {
        let (shortest, longest) = (shortest.as_secs(), longest.as_secs());
        return Err(Error::invalid("window", format!("{window:?} is not from {shortest} to {longest} seconds")));
    }
    let gap = delta(desk.settings().sample_interval.saturating_mul(GAP).max(SHORTEST_GAP));
    let to = Utc::now();
    let from = to - delta(window);
    // What a point shows began at the sample before it.
    let since = from.checked_sub_signed(gap).unwrap_or(Timestamp::UNIX_EPOCH);
    let samples = desk.repository().history().of_vm(vm.id, since).await?;
    let mut points = points(&samples, gap);
    points.retain(|point| point.at >= from);
    Ok(History { vm, from, to, points })
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// A point for each sample but the first.
fn points(samples: &[(Timestamp, Sample)], gap: TimeDelta) -> Vec<HistoryPoint> {
    let guest_reports = samples.iter().any(|(_, sample)| sample.memory_used.is_some());
    let pairs = samples.windows(2).map(|pair| {
        let [(since, before), (at, after)] = pair else { return None };
        let passed = *at - *since;
        let continues = before.run == after.run && before.cpu_time <= after.cpu_time && passed <= gap;
        if !continues {
            return Some(HistoryPoint::unknown(*at));
        }
        let seconds = passed.as_seconds_f64();
        let rate = |before: Option<u64>, after: Option<u64>| {
            // Fewer than before: one of the devices is gone.
            Some(after?.checked_sub(before?)? as f64 / seconds).filter(|rate| rate.is_finite())
        };
        let busy = rate(Some(before.cpu_time), Some(after.cpu_time));
        let resident = Some(after.memory_resident).filter(|_| !guest_reports);
        Some(HistoryPoint {
            at: *at,
            cpu_percent: busy.map(|busy| (busy / 1e7 / f64::from(after.vcpu.max(1))).clamp(0.0, 100.0)),
            memory_used: after.memory_used.or(resident).map(|kib| kib as f64 / 1024.0),
            disk_read: rate(before.disk_read, after.disk_read),
            disk_written: rate(before.disk_written, after.disk_written),
            net_received: rate(before.net_received, after.net_received),
            net_sent: rate(before.net_sent, after.net_sent),
        })
    });
    pairs.flatten().collect()
}

impl HistoryPoint {
    /// A moment at which nothing is known.
    fn unknown(at: Timestamp) -> Self {
        Self {
            at,
            cpu_percent: None,
            memory_used: None,
            disk_read: None,
            disk_written: None,
            net_received: None,
            net_sent: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VmId;

    const GIGA: u64 = 1_000_000_000;

    fn at(seconds: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a moment")
    }

    fn taken(seconds: i64, cpu_seconds: u64) -> (Timestamp, Sample) {
        let counter = cpu_seconds * 1000;
        let sample = Sample {
            vm: VmId(1),
            run: Some(1),
            vcpu: 2,
            cpu_time: cpu_seconds * GIGA,
            memory_used: Some(512 * 1024),
            memory_resident: 768 * 1024,
            disk_read: Some(counter),
            disk_written: Some(2 * counter),
            net_received: Some(3 * counter),
            net_sent: Some(4 * counter),
        };
        (at(seconds), sample)
    }

    fn figures(samples: &[(Timestamp, Sample)]) -> Vec<HistoryPoint> {
        points(samples, TimeDelta::seconds(30))
    }

    #[test]
    fn rates_are_those_of_a_second() {
        let found = figures(&[taken(0, 100), taken(10, 110), taken(30, 110)]);
        let [busy, idle] = &found[..] else { panic!("{found:?}") };
        assert_eq!((busy.at, busy.cpu_percent, busy.memory_used), (at(10), Some(50.0), Some(512.0)));
        let rates = [busy.disk_read, busy.disk_written, busy.net_received, busy.net_sent];
        assert_eq!(rates, [1000.0, 2000.0, 3000.0, 4000.0].map(Some));
        assert_eq!((idle.cpu_percent, idle.net_sent), (Some(0.0), Some(0.0)));
        assert_eq!(figures(&[taken(0, 100)]), []);
    }

    #[test]
    fn nothing_is_known_over_a_gap_or_a_new_start() {
        let mut restarted = taken(20, 300);
        restarted.1.run = Some(2);
        for next in [taken(41, 300), taken(20, 100), restarted] {
            let found =
                figures(&[taken(0, 190), taken(10, 200), next.clone(), (next.0 + TimeDelta::seconds(10), next.1)]);
            assert!(found[0].cpu_percent.is_some() && found[2].memory_used.is_some());
            assert_eq!(found[1], HistoryPoint::unknown(next.0));
        }
    }

    #[test]
    fn a_counter_that_is_missing_or_falls_is_a_gap_of_its_own() {
        let mut odd = taken(10, 110);
        (odd.1.disk_read, odd.1.net_sent, odd.1.memory_used) = (Some(1), None, None);
        let found = figures(&[taken(0, 100), odd, taken(20, 120)]);
        assert_eq!((found[0].disk_read, found[0].net_sent, found[0].memory_used), (None, None, None));
        assert!(found[0].cpu_percent.is_some() && found[0].disk_written.is_some());
        assert_eq!((found[1].net_sent, found[1].net_received), (None, Some(3000.0)));
    }

    #[test]
    fn memory_is_what_the_host_spends_where_no_guest_reports() {
        let silent = [taken(0, 100), taken(10, 110)].map(|(at, mut sample)| {
            sample.memory_used = None;
            (at, sample)
        });
        assert_eq!(figures(&silent)[0].memory_used, Some(768.0));
    }
}
