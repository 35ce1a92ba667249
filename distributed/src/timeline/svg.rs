//! A picture of a run: a lane for each worker, a bar for each attempt.

use std::fmt::Write;

use super::{Bounds, Ended, Record, workers};
use crate::scheduler::WorkerId;

/// The width of the picture, and of the part that the lanes' names take.
const WIDTH: f64 = 1200.0;
const NAMES: f64 = 90.0;
const RIGHT: f64 = 20.0;
/// Room above the lanes for the lines' names, and below for the axis.
const ABOVE: f64 = 40.0;
const BELOW: f64 = 30.0;
/// The height of all lanes is at most this, unless they become too thin.
const HIGHEST: f64 = 1600.0;

/// Colours of the kinds of tasks, in the order of their first appearance, and
/// from the first again. Like those of the outcomes below they can be told apart
/// on light and dark pages, and by those who do not see red and green (Okabe
/// and Ito, 2008).
const KINDS: [&str; 5] = ["#56b4e9", "#0072b2", "#009e73", "#cc79a7", "#f0e442"];

const STYLE: &str = "\
svg { font: 12px sans-serif; color: #222; background: #fff; }
@media (prefers-color-scheme: dark) { svg { color: #ddd; background: #181818; } }
text { fill: currentColor; }
.lane, .axis { stroke: currentColor; stroke-opacity: 0.25; }
.bound { stroke: currentColor; stroke-dasharray: 4 3; }
.failed { fill: #e69f00; } .killed { fill: #d55e00; } .cancelled { fill: #999999; }
rect { stroke: currentColor; stroke-opacity: 0.4; stroke-width: 0.3; }
";

/// Draws the records and the bounds, as an SVG document. Tasks of one name
/// have one colour; attempts that brought no value are orange, red or grey.
///
/// A bar is some 150 bytes, so a picture of more than about 20,000 attempts is
/// slow to look at; [`chrome_trace`](super::chrome_trace) is for those.
pub fn svg(records: &[Record], bounds: Bounds) -> String {
    let workers = workers(records);
    let last = records.iter().map(|record| record.end_ns);
    let end_ns = last.chain(bounds.lines().map(|(_, ns)| ns)).max().unwrap_or(0).max(1);
    let lane = (HIGHEST / workers.len().max(1) as f64).clamp(2.0, 22.0);
    let lanes = lane * workers.len() as f64;
    let height = ABOVE + lanes + BELOW;
    let mut out = String::new();
    let x = |ns: u64| NAMES + ns as f64 / end_ns as f64 * (WIDTH - NAMES - RIGHT);
    let y = |worker: WorkerId| {
        let position = workers.binary_search(&worker).expect("all workers have a lane");
        ABOVE + lane * position as f64
    };
    write_to(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.1}\" \
         width=\"{WIDTH}\" height=\"{height:.1}\">\n<style>\n{STYLE}</style>\n"
        ),
    );
    for worker in &workers {
        let y = y(*worker);
        write_to(
            &mut out,
            format_args!(
                "<line class=\"lane\" x1=\"{NAMES}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n",
                WIDTH - RIGHT
            ),
        );
        // Thin lanes have no room for names.
        if lane >= 12.0 {
            let middle = y + lane / 2.0 + 4.0;
            write_to(
                &mut out,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{worker}</text>\n",
                    NAMES - 6.0
                ),
            );
        }
    }
    let mut kinds: Vec<&str> = Vec::new();
    for record in records {
        let known = kinds.iter().position(|kind| *kind == record.task);
        let kind = known.unwrap_or_else(|| {
            kinds.push(&record.task);
            kinds.len() - 1
        });
        let fill = match record.ended {
            Ended::Returned => format!(" fill=\"{}\"", KINDS[kind % KINDS.len()]),
            _ => String::new(),
        };
        write_to(
            &mut out,
            format_args!(
                "<rect class=\"{}\"{fill} x=\"{:.2}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{:.1}\">\
             <title>{}</title></rect>\n",
                record.ended.name(),
                x(record.start_ns),
                y(record.worker) + lane * 0.1,
                // What is shorter than the eye can see is still there.
                (x(record.end_ns) - x(record.start_ns)).max(0.2),
                lane * 0.8,
                escaped(&describe(record)),
            ),
        );
    }
    for (row, (name, ns)) in bounds.lines().enumerate() {
        let (x, label) = (x(ns), ABOVE - 26.0 + 14.0 * row as f64);
        let anchor = if x > WIDTH / 2.0 { "end" } else { "start" };
        write_to(
            &mut out,
            format_args!(
                "<line class=\"bound\" x1=\"{x:.2}\" x2=\"{x:.2}\" y1=\"{label:.1}\" y2=\"{:.1}\"/>\n\
             <text x=\"{x:.1}\" y=\"{label:.1}\" text-anchor=\"{anchor}\"> {name}: {} </text>\n",
                ABOVE + lanes,
                duration(ns),
            ),
        );
    }
    draw_axis(&mut out, end_ns, ABOVE + lanes, x);
    out.push_str("</svg>\n");
    out
}

fn draw_axis(out: &mut String, end_ns: u64, y: f64, x: impl Fn(u64) -> f64) {
    for tick in 0..=5 {
        let ns = (end_ns as f64 * f64::from(tick) / 5.0) as u64;
        let x = x(ns);
        write_to(
            out,
            format_args!(
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{:.1}\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                y + 5.0,
                y + 19.0,
                duration(ns),
            ),
        );
    }
}

fn describe(record: &Record) -> String {
    let took = duration(record.end_ns.saturating_sub(record.start_ns));
    let attempt = match (record.attempt, record.ended) {
        (1, Ended::Returned) => String::new(),
        (attempt, ended) => format!(", attempt {attempt} {}", ended.name()),
    };
    format!("{}: {took}{attempt}", record.task)
}

/// A time, in the unit in which it has one to three digits before the point.
fn duration(ns: u64) -> String {
    match ns as f64 {
        ns if ns < 1e3 => format!("{ns} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// A text as XML has it. What XML cannot have at all is shown as unknown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn write_to(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes any text");
}
