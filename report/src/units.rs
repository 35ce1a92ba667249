//! Figures as people read them: three digits and a unit.

use crate::benchmark::Work;
use crate::stats::Estimate;

/// Nanoseconds a unit, rising.
const TIMES: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];

/// Units a multiple, rising.
const COUNTS: [(f64, &str); 5] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")];

/// Bytes a multiple, rising.
const BYTES: [(f64, &str); 5] = [
    (1.0, "B"),
    (1024.0, "KiB"),
    (1_048_576.0, "MiB"),
    (1_073_741_824.0, "GiB"),
    (1_099_511_627_776.0, "TiB"),
];

/// A time of so many nanoseconds.
///
/// ```
/// use report::units::time;
/// assert_eq!(time(6_852_000.0), "6.85 ms");
/// assert_eq!(time(0.25), "0.250 ns");
/// assert_eq!(time(999.7), "1.00 µs");
/// ```
pub fn time(nanoseconds: f64) -> String {
    let (scale, unit) = scale(nanoseconds, &TIMES);
    format!("{} {unit}", digits(nanoseconds / scale))
}

/// A round time, such as an axis marks, with no more digits than it has.
///
/// ```
/// use report::units::round_time;
/// let times = [0.5, 20_000.0, 1_005_000.0, 5e12, 0.0];
/// assert_eq!(times.map(round_time), ["0.5 ns", "20 µs", "1.005 ms", "5,000 s", "0 ns"]);
/// ```
pub fn round_time(nanoseconds: f64) -> String {
    let (scale, unit) = scale(nanoseconds, &TIMES);
    let value = nanoseconds / scale;
    let is_exact = |&places: &usize| {
        let power = 10_f64.powi(places as i32);
        ((value * power).round() / power - value).abs() <= value.abs() * 1e-9
    };
    match (0..=6).find(is_exact) {
        Some(0) if (1000.0..VAST).contains(&value) => format!("{} {unit}", count(value as u64)),
        Some(places) if value.abs() < VAST => format!("{value:.places$} {unit}"),
        _ => format!("{value:e} {unit}"),
    }
}

/// A time with its interval, in one unit.
///
/// ```
/// use report::{stats::Estimate, units::time_interval};
/// let time = Estimate { point: 1_850.0, lower: 990.0, upper: 12_400.0 };
/// assert_eq!(time_interval(time), "1.85 µs [0.990, 12.4]");
/// ```
pub fn time_interval(Estimate { point, lower, upper }: Estimate) -> String {
    let (scale, unit) = scale(point, &TIMES);
    let [point, lower, upper] = [point, lower, upper].map(|x| digits(x / scale));
    format!("{point} {unit} [{lower}, {upper}]")
}

/// A ratio with its interval.
pub fn ratio_interval(Estimate { point, lower, upper }: Estimate) -> String {
    format!("×{} [{}, {}]", digits(point), digits(lower), digits(upper))
}

/// A rate in units a second, in decimal multiples.
///
/// ```
/// use report::units::rate;
/// assert_eq!(rate(2.59e8, "elements"), "259 M elements/s");
/// assert_eq!(rate(7.36e9, "B"), "7.36 GB/s");
/// ```
pub fn rate(per_second: f64, unit: &str) -> String {
    let (scale, multiple) = scale(per_second, &COUNTS);
    let gap = if multiple.is_empty() || matches!(unit, "B" | "bit") { "" } else { " " };
    format!("{} {multiple}{gap}{unit}/s", digits(per_second / scale))
}

/// The rates of work that takes so many nanoseconds: one, or two where the
/// work is counted in two ways. Bits and decimal bytes come in multiples of a
/// thousand (SI), bytes in multiples of 1,024 (IEC 80000-13), as criterion
/// means them.
///
/// ```
/// use report::{benchmark::Work, units::throughput};
/// assert_eq!(throughput(Work::Bytes(1 << 20), 1e6), ["1,000 MiB/s"]);
/// assert_eq!(throughput(Work::BytesDecimal(1_000_000), 1e6), ["1.00 GB/s"]);
/// assert_eq!(throughput(Work::Bits(8_000), 1e6), ["8.00 Mbit/s"]);
/// let both = Work::ElementsAndBytes { elements: 1_000, bytes: 4_096 };
/// assert_eq!(throughput(both, 1e6), ["1.00 M elements/s", "3.91 MiB/s"]);
/// ```
pub fn throughput(work: Work, nanoseconds: f64) -> Vec<String> {
    let per_second = |n: u64| n as f64 / (nanoseconds / 1e9);
    let binary = |n: u64| {
        let (scale, unit) = scale(per_second(n), &BYTES);
        format!("{} {unit}/s", digits(per_second(n) / scale))
    };
    match work {
        Work::Bits(n) => vec![rate(per_second(n), "bit")],
        Work::Bytes(n) => vec![binary(n)],
        Work::BytesDecimal(n) => vec![rate(per_second(n), "B")],
        Work::Elements(n) => vec![rate(per_second(n), "elements")],
        Work::ElementsAndBytes { elements, bytes } => {
            vec![rate(per_second(elements), "elements"), binary(bytes)]
        }
    }
}

/// Bytes in binary multiples.
pub fn bytes(bytes: u64) -> String {
    const GIB: f64 = (1_u64 << 30) as f64;
    format!("{} GiB", digits(bytes as f64 / GIB))
}

/// A whole number with its thousands set apart.
///
/// ```
/// assert_eq!(report::units::count(1_000_000), "1,000,000");
/// assert_eq!(report::units::count(50), "50");
/// ```
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// From here on a figure is told in powers of ten.
const VAST: f64 = 1e15;

/// Three significant digits; whole numbers from a hundred on, and powers of
/// ten where the zeros would hide the figure.
///
/// ```
/// use report::units::digits;
/// let figures = [0.0000142, 0.056, 1.0, 9.996, 54.3, 1234.5];
/// assert_eq!(figures.map(digits), ["1.42e-5", "0.0560", "1.00", "10.0", "54.3", "1,235"]);
/// assert_eq!([1e14, 1e15, -2.5e20].map(digits), ["100,000,000,000,000", "1.00e15", "-2.50e20"]);
/// ```
pub fn digits(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    if x != 0.0 && !(1e-3..VAST).contains(&x.abs()) {
        return format!("{x:.2e}");
    }
    // Rounding may carry into another digit, so it comes before counting them.
    let places = if x == 0.0 { 2 } else { 2 - magnitude(x) };
    let rounded = if places >= 0 { round_to(x, places) } else { x.round() };
    let places = if rounded == 0.0 { 2 } else { (2 - magnitude(rounded)).max(0) };
    if rounded >= 1000.0 {
        return count(rounded as u64);
    }
    format!("{rounded:.*}", places as usize)
}

fn magnitude(x: f64) -> i32 {
    x.abs().log10().floor() as i32
}

fn round_to(x: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (x * scale).round() / scale
}

/// The largest unit in which `x`, rounded to three digits, is at least one;
/// the smallest if there is none.
fn scale<'a>(x: f64, units: &[(f64, &'a str)]) -> (f64, &'a str) {
    let fits = |(scale, _): &&(f64, &str)| x.abs() / scale >= 0.9995;
    *units.iter().rev().find(fits).unwrap_or(&units[0])
}
