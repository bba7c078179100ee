//! The lines of a grid and their labels.

use chrono::{DateTime, TimeDelta};
use vmm_core::model::Timestamp;

/// About so many lines lie above zero.
const LINES: f64 = 4.0;
/// The lowest upper end of a scale of bytes a second.
const LEAST: f64 = 100.0;

/// A scale from zero.
#[derive(Debug, PartialEq)]
pub(super) struct Axis {
    /// The value at its upper end.
    pub(super) highest: f64,
    /// The unit of its numbers.
    pub(super) unit: &'static str,
    step: f64,
    /// The value of the number 1.
    one: f64,
}

impl Axis {
    /// Percent of something that has no more than 100. A machine that does little is not shown as doing nothing.
    pub(super) fn percent(highest: f64) -> Self {
        let (highest, step) = match highest {
            ..=10.0 => (10.0, 2.5),
            ..=40.0 => (40.0, 10.0),
            _ => (100.0, 25.0),
        };
        Self { highest, step, unit: "%", one: 1.0 }
    }

    /// MiB of memory: as much as there is, or as is used if that is more.
    pub(super) fn memory(all: f64, highest: f64) -> Self {
        let highest = highest.max(all).max(1.0);
        let step = (highest / LINES).log2().floor().exp2();
        let step = if highest / step > LINES + 1.0 { step * 2.0 } else { step };
        let (unit, one) = if highest >= 4096.0 { ("GiB", 1024.0) } else { ("MiB", 1.0) };
        Self { highest, step, unit, one }
    }

    /// Bytes a second.
    pub(super) fn rate(highest: f64) -> Self {
        const UNITS: [(&str, f64); 4] =
            [("GiB/s", (1_u64 << 30) as f64), ("MiB/s", (1_u64 << 20) as f64), ("KiB/s", 1024.0), ("B/s", 1.0)];
        let highest = highest.max(LEAST);
        let (unit, one) = UNITS.into_iter().find(|(_, one)| highest >= *one).unwrap_or(("B/s", 1.0));
        let step = round(highest / one / LINES) * one;
        Self { highest: (highest / step).ceil().max(1.0) * step, step, unit, one }
    }

    /// The values that have a line, each with its label.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let count = (self.highest / self.step + 1e-9).floor() as u32;
        (0..=count).map(|number| f64::from(number) * self.step).map(|value| (value, label(value / self.one))).collect()
    }
}

/// The next number up that is 1, 2 or 5 with zeros.
fn round(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power).find(|step| *step >= number * 0.999).unwrap_or(10.0 * power)
}

/// With as many decimals as it has, at most two.
fn label(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The moments that have a label: full minutes of the clock, about four or five.
pub(super) fn clock(from: Timestamp, to: Timestamp) -> Vec<(Timestamp, String)> {
    const STEPS: [i64; 8] = [5, 10, 30, 60, 120, 300, 600, 900];
    let window = (to - from).num_seconds();
    let step = STEPS.into_iter().find(|step| window / step <= 5).unwrap_or(900);
    let form = if step < 60 { "%H:%M:%S" } else { "%H:%M" };
    let first = from.timestamp() + (-from.timestamp()).rem_euclid(step);
    let moments = (0..)
        .map_while(|number| DateTime::from_timestamp(first, 0)?.checked_add_signed(TimeDelta::seconds(number * step)));
    moments.take_while(|at| *at <= to).map(|at| (at, at.format(form).to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> String {
        let labels: Vec<_> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        format!("{} {}", labels.join(" "), axis.unit)
    }

    #[test]
    fn a_scale_begins_at_zero_and_holds_the_highest_value() {
        const KIB: f64 = 1024.0;
        for (highest, expected) in [
            (0.0, "0 50 100 B/s"),
            (900.0, "0 500 1000 B/s"),
            (KIB, "0 0.5 1 KiB/s"),
            (3.7 * KIB, "0 1 2 3 4 KiB/s"),
            (700.0 * KIB, "0 200 400 600 800 KiB/s"),
            (1.4 * KIB * KIB, "0 0.5 1 1.5 MiB/s"),
            (3.0 * KIB * KIB * KIB, "0 1 2 3 GiB/s"),
        ] {
            let axis = Axis::rate(highest);
            assert_eq!(labels(&axis), expected, "{highest}");
            assert!(axis.highest >= highest);
        }
        assert_eq!(labels(&Axis::percent(3.0)), "0 2.5 5 7.5 10 %");
        assert_eq!(labels(&Axis::percent(41.0)), "0 25 50 75 100 %");
    }

    #[test]
    fn memory_is_shown_in_parts_of_powers_of_two() {
        assert_eq!(labels(&Axis::memory(512.0, 100.0)), "0 128 256 384 512 MiB");
        assert_eq!(labels(&Axis::memory(3000.0, 100.0)), "0 1024 2048 MiB");
        assert_eq!(labels(&Axis::memory(8192.0, 9000.0)), "0 2 4 6 8 GiB");
        assert_eq!(Axis::memory(8192.0, 9000.0).highest, 9000.0);
    }

    #[test]
    fn times_are_those_of_the_clock() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let labels =
            |from, to| clock(at(from), at(to)).into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels("2026-11-25T13:20:07Z", "2026-11-25T14:20:07Z"), "13:30 13:45 14:00 14:15");
        assert_eq!(labels("2026-11-25T23:55:00Z", "2026-11-26T00:05:00Z"), "23:56 23:58 00:00 00:02 00:04");
        assert_eq!(labels("2026-11-25T13:00:58Z", "2026-11-25T13:01:08Z"), "13:01:00 13:01:05");
    }
}
