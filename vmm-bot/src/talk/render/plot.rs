//! The picture of a machine's last hour.

mod axis;
mod canvas;

use std::time::Duration;

use plotters::style::RGBColor;
use vmm_core::model::Timestamp;
use vmm_core::{History, HistoryPoint};

use axis::{Axis, clock};
use canvas::{Canvas, Ink, Spot, Weight};

/// Size of the picture in pixels.
const WIDTH: f64 = 1280.0;
const HEIGHT: f64 = 720.0;
/// The top of the panels, below the title.
const TOP: f64 = 68.0;
/// The margins of a panel around its figures: for its name above, the times below and the numbers on the left.
const ABOVE: f64 = 50.0;
const BELOW: f64 = 46.0;
const LEFT: f64 = 100.0;
const RIGHT: f64 = 42.0;
/// Sizes of letters.
const TITLE: f64 = 44.0;
const NAME: f64 = 33.0;
const LABEL: f64 = 30.0;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(17, 24, 39);
const GREY: RGBColor = RGBColor(84, 92, 105);
const GRID: RGBColor = RGBColor(209, 213, 219);
const UNKNOWN: RGBColor = RGBColor(236, 238, 241);
// A pair that people who see no red or no green tell apart too.
const BLUE: RGBColor = RGBColor(29, 91, 214);
const ORANGE: RGBColor = RGBColor(217, 95, 2);

/// The text in a gap that is wide enough for it.
const NOTHING: &str = "no data";
const NOTHING_WIDTH: f64 = 108.0;

/// One figure of a point.
type Figure = fn(&HistoryPoint) -> Option<f64>;
/// Its word, if it has one, itself, and its colour.
type Line = (&'static str, Figure, RGBColor);

/// The content of one of the four drawings.
struct Panel {
    name: &'static str,
    axis: Axis,
    /// One, whose area is filled, or two with their words.
    lines: Vec<Line>,
}

/// A PNG of 1280 × 720 pixels; `None` if nothing is known to be drawn.
pub(crate) fn png(history: &History) -> Option<Vec<u8>> {
    let known = |point: &HistoryPoint| point.cpu_percent.is_some() || point.memory_used.is_some();
    if !history.points.iter().any(known) {
        return None;
    }
    let drawn = canvas::draw(WIDTH, HEIGHT, PAPER, |canvas| picture(canvas, history));
    drawn.inspect_err(|error| tracing::error!(%error, "a picture could not be drawn")).ok()
}

fn picture(canvas: &Canvas<'_>, history: &History) -> Ink {
    title(canvas, history)?;
    let (width, height) = (WIDTH / 2.0, (HEIGHT - TOP) / 2.0);
    for (place, panel) in panels(history).iter().enumerate() {
        let (column, row) = ((place % 2) as f64, (place / 2) as f64);
        let (left, top) = (column * width + LEFT, TOP + row * height + ABOVE);
        let frame = Frame {
            left,
            top,
            right: (column + 1.0) * width - RIGHT,
            bottom: TOP + (row + 1.0) * height - BELOW,
            from: history.from,
            to: history.to,
            highest: panel.axis.highest,
        };
        draw_panel(canvas, &frame, panel, &history.points)?;
    }
    Ok(())
}

fn title(canvas: &Canvas<'_>, history: &History) -> Ink {
    let (from, to) = (history.from.format("%-d %b %Y, %H:%M"), history.to.format("%H:%M"));
    let when = format!("{from} – {to} UTC");
    let room = WIDTH - 3.0 * RIGHT - canvas.width(&when, LABEL, Weight::Regular)?;
    let name = history.vm.name.as_str();
    let size = (TITLE * room / canvas.width(name, TITLE, Weight::Bold)?).min(TITLE);
    canvas.text(name, Spot::left(RIGHT, 36.0), size, Weight::Bold, INK)?;
    canvas.text(&when, Spot::right(WIDTH - RIGHT, 38.0), LABEL, Weight::Regular, GREY)
}

fn panels(history: &History) -> [Panel; 4] {
    let highest = |figures: &[Figure]| {
        let values = history.points.iter().flat_map(|point| figures.iter().filter_map(|figure| figure(point)));
        values.fold(0.0, f64::max)
    };
    let memory: Figure = |point| point.memory_used;
    let disk: [Figure; 2] = [|point| point.disk_read, |point| point.disk_written];
    let net: [Figure; 2] = [|point| point.net_received, |point| point.net_sent];
    let cpu: Figure = |point| point.cpu_percent;
    [
        Panel { name: "CPU", axis: Axis::percent(highest(&[cpu])), lines: vec![("", cpu, BLUE)] },
        Panel {
            name: "Memory",
            axis: Axis::memory(f64::from(history.vm.memory), highest(&[memory])),
            lines: vec![("", memory, BLUE)],
        },
        Panel {
            name: "Disk",
            axis: Axis::rate(highest(&disk)),
            lines: vec![("read", disk[0], BLUE), ("write", disk[1], ORANGE)],
        },
        Panel {
            name: "Network",
            axis: Axis::rate(highest(&net)),
            lines: vec![("in", net[0], BLUE), ("out", net[1], ORANGE)],
        },
    ]
}

/// The area of a panel's figures, and the values at its edges.
struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    from: Timestamp,
    to: Timestamp,
    highest: f64,
}

impl Frame {
    fn x(&self, at: Timestamp) -> f64 {
        let share = (at - self.from).as_seconds_f64() / (self.to - self.from).as_seconds_f64();
        self.left + (self.right - self.left) * share.clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * (value / self.highest).clamp(0.0, 1.0)
    }
}

fn draw_panel(canvas: &Canvas<'_>, frame: &Frame, panel: &Panel, points: &[HistoryPoint]) -> Ink {
    heading(canvas, frame, panel)?;
    for (value, label) in panel.axis.ticks() {
        let y = frame.y(value);
        canvas.line([frame.left, y], [frame.right, y], 2.0, GRID)?;
        canvas.text(&label, Spot::right(frame.left - 12.0, y), LABEL, Weight::Regular, GREY)?;
    }
    for [from, to] in unknown(panel, points, frame) {
        canvas.rectangle([from, frame.top, to, frame.bottom], UNKNOWN)?;
        if to - from > NOTHING_WIDTH {
            let middle = Spot::middle((from + to) / 2.0, (frame.top + frame.bottom) / 2.0);
            canvas.text(NOTHING, middle, LABEL, Weight::Regular, GREY)?;
        }
    }
    for (at, label) in clock(frame.from, frame.to) {
        let x = frame.x(at);
        canvas.line([x, frame.bottom], [x, frame.bottom + 8.0], 2.0, GREY)?;
        canvas.text(&label, Spot::middle(x, frame.bottom + 26.0), LABEL, Weight::Regular, GREY)?;
    }
    canvas.line([frame.left, frame.bottom], [frame.right, frame.bottom], 2.0, GREY)?;
    for (_, figure, colour) in behind_each_other(panel, points) {
        for stretch in stretches(points, *figure) {
            let path: Vec<_> = stretch.iter().map(|(at, value)| [frame.x(*at), frame.y(*value)]).collect();
            if panel.lines.len() == 1 {
                canvas.area(&path, frame.bottom, *colour)?;
            }
            canvas.path(&path, 4.0, *colour)?;
        }
    }
    Ok(())
}

/// The lines of a panel, the highest first, so that what is low is drawn over it.
fn behind_each_other<'a>(panel: &'a Panel, points: &[HistoryPoint]) -> Vec<&'a Line> {
    let mut lines: Vec<_> = panel.lines.iter().collect();
    let sum = |(_, figure, _): &Line| points.iter().filter_map(figure).sum::<f64>();
    lines.sort_by(|one, other| sum(other).total_cmp(&sum(one)));
    lines
}

/// The panel's name and unit, and what its colours mean.
fn heading(canvas: &Canvas<'_>, frame: &Frame, panel: &Panel) -> Ink {
    let y = frame.top - 24.0;
    canvas.text(panel.name, Spot::left(frame.left, y), NAME, Weight::Bold, INK)?;
    let behind = frame.left + canvas.width(panel.name, NAME, Weight::Bold)? + 14.0;
    canvas.text(panel.axis.unit, Spot::left(behind, y), LABEL, Weight::Regular, GREY)?;
    let mut right = frame.right;
    for (word, _, colour) in panel.lines.iter().rev().filter(|(word, ..)| !word.is_empty()) {
        canvas.text(word, Spot::right(right, y), LABEL, Weight::Regular, INK)?;
        let left = right - canvas.width(word, LABEL, Weight::Regular)? - 10.0;
        canvas.line([left - 26.0, y], [left, y], 8.0, *colour)?;
        right = left - 26.0 - 28.0;
    }
    Ok(())
}

/// The longest parts without a gap.
fn stretches(points: &[HistoryPoint], figure: Figure) -> Vec<Vec<(Timestamp, f64)>> {
    let values = points.iter().map(|point| Some((point.at, figure(point)?))).collect::<Vec<_>>();
    values
        .split(Option::is_none)
        .filter(|part| !part.is_empty())
        .map(|part| part.iter().flatten().copied().collect())
        .collect()
}

/// From where to where nothing is known of what a panel shows.
fn unknown(panel: &Panel, points: &[HistoryPoint], frame: &Frame) -> Vec<[f64; 2]> {
    /// Figures are of the time since the point before, so that one begins up to so much earlier.
    const SINCE: Duration = Duration::from_secs(31);
    let Some((_, figure, _)) = panel.lines.first() else { return Vec::new() };
    let (mut from, mut context) = (frame.from, Vec::new());
    for stretch in stretches(points, *figure) {
        let ([(first, _), ..], [.., (last, _)]) = (&stretch[..], &stretch[..]) else { continue };
        context.push([from, *first]);
        from = *last;
    }
    context.push([from, frame.to]);
    context.retain(|[from, to]| (*to - *from).to_std().is_ok_and(|gap| gap > SINCE));
    context.into_iter().map(|part| part.map(|at| frame.x(at))).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use vmm_core::model::VmName;
    use vmm_testkit::fixture::TestDesk;

    use super::*;

    /// An hour of a machine, with what `live` makes of its points; it gets the seconds since the beginning.
    async fn hour(live: impl Fn(u32, &mut HistoryPoint)) -> History {
        let mut desk = TestDesk::new().await;
        let vm = desk.provision("r1", "name,os,memory\nweb-1,debian:12,2048\n").await.remove(0);
        desk.stop_worker().await;
        desk.live_an_hour(&vm).await;
        let window = Duration::from_secs(3600);
        let mut history = desk.vmm.monitor_history(&desk.user, &vm.name, window).await.expect("an answer");
        let known = history.points.pop().expect("a point");
        let point = |number: u32| {
            let mut point = known.clone();
            point.at = history.from + TimeDelta::seconds(i64::from(number) * 10);
            live(number * 10, &mut point);
            point
        };
        history.points = (1..=360).map(point).collect();
        history
    }

    /// Draws, and leaves the picture in the folder that `VMM_PICTURES` names, to be looked at.
    fn drawn(name: &str, history: &History) -> Vec<u8> {
        let file = png(history).expect("a picture");
        if let Some(folder) = std::env::var_os("VMM_PICTURES") {
            std::fs::write(std::path::Path::new(&folder).join(name).with_extension("png"), &file).expect("room");
        }
        assert!(file.len() < 300_000, "{} bytes", file.len());
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("it is not so large")];
        let info = reader.next_frame(&mut pixels).expect("a whole one");
        assert_eq!((info.width, info.height, info.color_type), (1280, 720, png::ColorType::Rgb));
        pixels
    }

    /// Counts the pixels of this colour.
    fn count(pixels: &[u8], RGBColor(red, green, blue): RGBColor) -> usize {
        pixels.chunks_exact(3).filter(|pixel| *pixel == [red, green, blue]).count()
    }

    /// Figures that look like those of a busy machine, the same ones at each call.
    fn busy(seconds: u32, point: &mut HistoryPoint) {
        let noise = |salt: u32| {
            f64::from((seconds.wrapping_mul(2_654_435_761) ^ salt.wrapping_mul(40_503)) >> 16 & 255) / 255.0
        };
        let wave = (f64::from(seconds) / 600.0).sin() + 1.0;
        point.cpu_percent = Some(20.0 + 25.0 * wave + 15.0 * noise(1));
        point.memory_used = Some(900.0 + 250.0 * wave + 10.0 * noise(2));
        point.disk_read = Some(40_000.0 * wave * noise(3));
        point.disk_written = Some(2_500_000.0 * noise(4) * noise(5) * noise(6));
        point.net_received = Some(90_000.0 * (1.0 + noise(7)));
        point.net_sent = Some(400_000.0 * (0.5 + wave * noise(8)));
    }

    #[tokio::test]
    async fn an_hour_is_drawn() {
        let pixels = drawn("hour", &hour(busy).await);
        assert!(count(&pixels, BLUE) > 3000 && count(&pixels, ORANGE) > 3000);
        assert_eq!(count(&pixels, UNKNOWN), 0);
    }

    #[tokio::test]
    async fn a_gap_stays_empty() {
        let history = hour(|seconds, point| {
            busy(seconds, point);
            if (1200..2000).contains(&seconds) {
                point.cpu_percent = None;
                (point.memory_used, point.disk_read, point.disk_written) = (None, None, None);
                (point.net_received, point.net_sent) = (None, None);
            }
        });
        let pixels = drawn("gap", &history.await);
        assert!(count(&pixels, UNKNOWN) > 4 * 80 * 200);
        let share = |second: f64| (LEFT + second / 3600.0 * (WIDTH / 2.0 - LEFT - RIGHT)) as usize;
        let (from, to) = (share(1200.0), share(1990.0));
        for row in pixels.chunks_exact(1280 * 3) {
            let gap = &row[from * 3..to * 3];
            assert_eq!((count(gap, BLUE), count(gap, ORANGE)), (0, 0));
        }
    }

    #[tokio::test]
    async fn one_point_a_long_name_and_idleness_are_drawn() {
        let mut history = hour(|_, point| {
            (point.cpu_percent, point.memory_used) = (Some(0.0), None);
            (point.disk_read, point.disk_written) = (Some(0.0), Some(0.0));
            (point.net_received, point.net_sent) = (None, None);
        })
        .await;
        history.vm.name = VmName::new("w".repeat(63)).expect("as long as can be");
        drawn("idle", &history);
        history.points.drain(..359);
        assert!(count(&drawn("point", &history), BLUE) > 0);
    }

    #[tokio::test]
    async fn without_figures_there_is_no_picture() {
        let mut history = hour(|_, point| (point.cpu_percent, point.memory_used) = (None, None)).await;
        assert_eq!(png(&history), None);
        history.points.clear();
        assert_eq!(png(&history), None);
    }
}
