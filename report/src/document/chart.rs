//! A chart as SVG: a line for each series where the columns are numbers, else
//! dots side by side.
//!
//! A picture is whole by itself. Its colours stand in attributes, which every
//! renderer knows, and a media query changes them where the reader's screen is
//! dark; so it is the same file inside a page, beside a markdown report and in
//! an image viewer.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::names::{elide, visible};
use super::scale::Scale;
use super::xml::escaped;
use super::{Chart, Series};
use crate::stats::Estimate;
use crate::units::{self, count, round_time, time_interval};

/// Pixels from left to right; a narrow screen shows them smaller, or scrolls.
const WIDTH: f64 = 860.0;

/// Pixels from top to bottom of a chart of lines with few series.
const HEIGHT: f64 = 420.0;

const TOP: f64 = 48.0;
const BOTTOM: f64 = 58.0;
const LEGEND_LINE: f64 = 22.0;
const FONT: f64 = 13.0;

/// Okabe and Ito's colours, which people with any colour vision tell apart
/// (Color Universal Design, 2008), for light and for dark paper. Their first is
/// black, here the colour of the text; their yellow is invisible on white, and
/// violet stands for it.
const COLOURS: [(&str, &str); 8] = [
    ("#1f2328", "#e6edf3"),
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#f0803c"),
    ("#009e73", "#2bc79b"),
    ("#cc79a7", "#e39cc4"),
    ("#b37700", "#f0b429"),
    ("#2b83ba", "#3d8fd1"),
    ("#785ef0", "#9f8cff"),
];

const PAPER: (&str, &str) = ("#ffffff", "#0d1117");

/// What is measured: the axis of values is always this.
const VALUES: &str = "time of one iteration";

/// Draws a chart, in time linear in its points; it links to nothing.
///
/// Numbers in the columns, at least two, make a line for each series, with its
/// interval at each point; a gap is where nothing was measured. Otherwise each
/// column has its dots side by side, and of a single column the series are the
/// names. Axes are logarithmic where all values are above nothing.
///
/// ```
/// use report::document::chart::svg;
/// use report::document::{Chart, Series};
/// use report::stats::Estimate;
/// let at = |point| Some(Estimate { point, lower: point * 0.9, upper: point * 1.1 });
/// let picture = svg(&Chart {
///     title: "sums".into(),
///     axis: "elements".into(),
///     columns: vec!["10".into(), "1000".into()],
///     series: vec![Series { name: "serial".into(), points: vec![at(50.0), at(4_000.0)] }],
///     ..Chart::default()
/// });
/// assert!(picture.starts_with("<svg") && picture.contains("serial at 1,000: 4.00 µs"));
/// ```
pub fn svg(chart: &Chart) -> String {
    let points = chart.series.iter().flat_map(|series| known(chart, series));
    let values = points.flat_map(|(_, x)| [x.lower, x.point, x.upper]);
    let Some(values) = Scale::holding(values) else {
        let note = "<text x=\"24\" y=\"70\" fill=\"currentColor\">Nothing was measured.</text>";
        return framed(chart, 100.0, note);
    };
    match numbers(&chart.columns) {
        Some(numbers) => lines(chart, &numbers, &values),
        None => dots(chart, &values),
    }
}

/// The columns as numbers, if they all are and there are several.
fn numbers(columns: &[String]) -> Option<Vec<f64>> {
    let number = |text: &String| text.parse::<f64>().ok().filter(|x| x.is_finite());
    let numbers: Vec<f64> = columns.iter().map(number).collect::<Option<_>>()?;
    (numbers.len() > 1).then_some(numbers)
}

/// The points of a series that can be drawn, with their columns.
fn known<'a>(
    chart: &Chart,
    series: &'a Series,
) -> impl Iterator<Item = (usize, Estimate)> + Clone + use<'a> {
    let points = series.points.iter().take(chart.columns.len()).enumerate();
    points.filter_map(|(column, point)| {
        let Estimate { point, lower, upper } = (*point).filter(|x| x.point.is_finite())?;
        let or_point = |end: f64| if end.is_nan() { point } else { end };
        Some((column, Estimate { point, lower: or_point(lower), upper: or_point(upper) }))
    })
}

fn lines(chart: &Chart, numbers: &[f64], values: &Scale) -> String {
    let ticks = values.ticks(8);
    let labels: Vec<String> = ticks.iter().map(|&tick| round_time(tick)).collect();
    let widest = labels.iter().map(|label| width_of(label)).fold(0.0, f64::max);
    let (legend, legend_width) = legend(&chart.series);
    let height = HEIGHT.max(TOP + BOTTOM + LEGEND_LINE * chart.series.len() as f64);
    let (left, right) = (44.0 + widest, WIDTH - legend_width);
    let (top, bottom) = (TOP, height - BOTTOM);
    let Some(across) = Scale::holding(numbers.iter().copied()) else { return String::new() };
    let x = |value: f64| left + across.place(value) * (right - left);
    let y = |value: f64| bottom - values.place(value) * (bottom - top);

    let mut out = String::new();
    for (tick, label) in ticks.iter().zip(&labels) {
        let y = y(*tick);
        rule(&mut out, (left, y), (right, y));
        text(&mut out, (left - 8.0, y + 4.5), "end", label);
    }
    let heads: Vec<(f64, String)> =
        numbers.iter().zip(&chart.columns).map(|(n, name)| (x(*n), told(name))).collect();
    for (x, label) in apart(heads) {
        rule(&mut out, (x, top), (x, bottom));
        text(&mut out, (x, bottom + 18.0), "middle", &label);
    }
    text(&mut out, (f64::midpoint(left, right), height - 14.0), "middle", &chart.axis);
    let (turned_x, turned_y) = (18.0, f64::midpoint(top, bottom));
    let _ = write!(
        out,
        "<text transform=\"translate({turned_x:.1} {turned_y:.1}) rotate(-90)\" \
         text-anchor=\"middle\" fill=\"currentColor\">{VALUES}</text>"
    );
    axis(&mut out, (left, top), (left, bottom), (right, bottom));
    for (place, series) in chart.series.iter().enumerate() {
        let style = Style::of(place);
        style.open(&mut out);
        let mut path = String::new();
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        let mut drawing = false;
        for column in order {
            let point = series.points.get(column).copied().flatten().map(|x| x.point);
            match point.filter(|point| point.is_finite()) {
                Some(point) => {
                    let command = if drawing { 'L' } else { 'M' };
                    let _ = write!(path, "{command}{:.1} {:.1}", x(numbers[column]), y(point));
                    drawing = true;
                }
                None => drawing = false,
            }
        }
        let dashes = style.dashes();
        let _ = write!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"currentColor\"{dashes}/>");
        for (column, estimate) in known(chart, series) {
            let x = x(numbers[column]);
            let ends = [estimate.lower, estimate.upper].map(|end| (x, y(end)));
            let hint = hint(&series.name, &chart.columns[column], estimate);
            style.point(&mut out, (x, y(estimate.point)), ends, &hint);
        }
        out.push_str("</g>");
    }
    legend_at(&mut out, &legend, right + 20.0);
    framed(chart, height, &out)
}

fn dots(chart: &Chart, values: &Scale) -> String {
    // Of a single column, the series are what is compared.
    let alone = chart.columns.len() == 1;
    let names: Vec<&str> = if alone {
        chart.series.iter().map(|series| series.name.as_str()).collect()
    } else {
        chart.columns.iter().map(String::as_str).collect()
    };
    let beside = if alone { 1 } else { chart.series.len() };
    let band = 16.0 * beside as f64 + 12.0;
    let short: Vec<String> = names.iter().map(|name| elide(&visible(name), 36)).collect();
    let (legend, legend_width) = if alone { (Vec::new(), 24.0) } else { legend(&chart.series) };
    let height = (band * names.len() as f64).max(LEGEND_LINE * legend.len() as f64) + TOP + BOTTOM;
    let left = 24.0 + short.iter().map(|name| width_of(name)).fold(0.0, f64::max);
    let (right, top, bottom) = (WIDTH - legend_width, TOP, height - BOTTOM);
    let x = |value: f64| left + values.place(value) * (right - left);

    let mut out = String::new();
    let ticks = values.ticks(((right - left) / 70.0) as usize);
    for (x, label) in apart(ticks.iter().map(|tick| (x(*tick), round_time(*tick))).collect()) {
        rule(&mut out, (x, top), (x, bottom));
        text(&mut out, (x, bottom + 18.0), "middle", &label);
    }
    text(&mut out, (f64::midpoint(left, right), height - 14.0), "middle", VALUES);
    axis(&mut out, (left, top), (left, bottom), (right, bottom));
    let middle = |row: usize| top + band * (row as f64 + 0.5);
    for (row, (name, short)) in names.iter().zip(&short).enumerate() {
        let y = middle(row);
        rule(&mut out, (left, y + band / 2.0), (right, y + band / 2.0));
        let _ = write!(out, "<g><title>{}</title>", escaped(name));
        text(&mut out, (left - 10.0, y + 4.5), "end", short);
        out.push_str("</g>");
    }
    for (place, series) in chart.series.iter().enumerate() {
        let style = Style::of(if alone { 0 } else { place });
        style.open(&mut out);
        for (column, estimate) in known(chart, series) {
            let row = if alone { place } else { column };
            let lane = if alone { 0.0 } else { place as f64 - (beside as f64 - 1.0) / 2.0 };
            let y = middle(row) + 16.0 * lane;
            let ends = [estimate.lower, estimate.upper].map(|end| (x(end), y));
            let hint = hint(&series.name, &chart.columns[column], estimate);
            style.point(&mut out, (x(estimate.point), y), ends, &hint);
        }
        out.push_str("</g>");
    }
    legend_at(&mut out, &legend, right + 20.0);
    framed(chart, height, &out)
}

/// The file around a drawing.
fn framed(chart: &Chart, height: f64, drawing: &str) -> String {
    let mut dark = String::new();
    let (paper, dark_paper) = PAPER;
    let _ = write!(dark, ".chart{{color:{}}}.chart .paper{{fill:{dark_paper}}}", COLOURS[0].1);
    for (place, (_, colour)) in COLOURS.iter().enumerate() {
        let _ = write!(dark, ".chart .s{place}{{color:{colour}}}");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" \
         viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         color=\"{ink}\" font-family=\"system-ui, sans-serif\" font-size=\"{FONT}\">\
         <title>{title}</title>\
         <style>@media (prefers-color-scheme:dark){{{dark}}}</style>\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"{paper}\"/>\
         <text x=\"24\" y=\"28\" font-size=\"16\" font-weight=\"600\" fill=\"currentColor\">{head}\
         </text>{drawing}</svg>\n",
        ink = COLOURS[0].0,
        title = escaped(&chart.title),
        head = escaped(&elide(&visible(&chart.title), 90)),
    )
}

fn rule(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = write!(
        out,
        "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"currentColor\" \
         stroke-opacity=\"0.15\"/>"
    );
}

fn axis(out: &mut String, end: (f64, f64), corner: (f64, f64), other: (f64, f64)) {
    let points = [end, corner, other].map(|(x, y)| format!("{x:.1} {y:.1}")).join("L");
    let _ = write!(out, "<path d=\"M{points}\" fill=\"none\" stroke=\"currentColor\"/>");
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = write!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"currentColor\">{words}\
         </text>"
    );
}

/// About how wide a text is; SVG cannot ask the font, so this is generous.
fn width_of(text: &str) -> f64 {
    visible(text).width() as f64 * FONT * 0.6
}

/// A column's name as an axis marks it.
fn told(name: &str) -> String {
    name.parse().map_or_else(|_| visible(name).into_owned(), count)
}

/// The labels that do not run into one another: the last, and as many before it
/// as have room.
fn apart(mut labels: Vec<(f64, String)>) -> Vec<(f64, String)> {
    labels.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut free = f64::INFINITY;
    labels.retain(|(x, label)| {
        let half = width_of(label) / 2.0;
        let fits = x + half < free;
        if fits {
            free = x - half - 10.0;
        }
        fits
    });
    labels
}

fn hint(series: &str, column: &str, estimate: Estimate) -> String {
    let column = told(column);
    let at = match (series, column.as_str()) {
        ("", _) => column,
        (_, "") => series.to_owned(),
        _ => format!("{series} at {column}"),
    };
    let Estimate { point, lower, upper } = estimate;
    let bare = lower == point && upper == point;
    format!("{at}: {}", if bare { units::time(point) } else { time_interval(estimate) })
}

/// What a legend says, line by line, whole and elided; and how wide it is.
fn legend(series: &[Series]) -> (Vec<(&str, String)>, f64) {
    let lines: Vec<_> =
        series.iter().map(|s| (s.name.as_str(), elide(&visible(&s.name), 28))).collect();
    let widest = lines.iter().map(|(_, name)| width_of(name)).fold(0.0, f64::max);
    (lines, widest + 76.0)
}

fn legend_at(out: &mut String, lines: &[(&str, String)], left: f64) {
    for (place, (whole, short)) in lines.iter().enumerate() {
        let y = TOP + 10.0 + LEGEND_LINE * place as f64;
        let style = Style::of(place);
        style.open(out);
        style.point(out, (left + 13.0, y), [(left, y), (left + 26.0, y)], whole);
        out.push_str("</g>");
        text(out, (left + 34.0, y + 4.5), "start", short);
    }
}

/// How a series is told from the others: by colour, and without it by the
/// shape of its points; past eight series also by dashes.
#[derive(Clone, Copy)]
struct Style {
    place: usize,
}

impl Style {
    fn of(place: usize) -> Self {
        Self { place }
    }

    fn open(self, out: &mut String) {
        let colour = self.place % COLOURS.len();
        let _ = write!(
            out,
            "<g class=\"s{colour}\" color=\"{}\" stroke-width=\"2\" stroke-linejoin=\"round\">",
            COLOURS[colour].0
        );
    }

    fn dashes(self) -> &'static str {
        match self.place / COLOURS.len() {
            0 => "",
            1 => " stroke-dasharray=\"6 4\"",
            _ => " stroke-dasharray=\"2 3\"",
        }
    }

    /// A point with its interval, which may be upright or lie.
    fn point(self, out: &mut String, at: (f64, f64), ends: [(f64, f64); 2], hint: &str) {
        let [(x1, y1), (x2, y2)] = ends;
        let mut bar = format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}");
        if (x1 - x2).abs() < f64::EPSILON {
            for y in [y1, y2] {
                let _ = write!(bar, "M{:.1} {y:.1}h6", x1 - 3.0);
            }
        }
        let _ = write!(
            out,
            "<g><title>{}</title><path d=\"{bar}\" fill=\"none\" stroke=\"currentColor\" \
             stroke-width=\"1.5\"/><path d=\"{}\" fill=\"currentColor\" stroke=\"currentColor\" \
             stroke-width=\"1.5\"/></g>",
            escaped(hint),
            self.marker(at),
        );
    }

    /// The outline of its mark.
    fn marker(self, (x, y): (f64, f64)) -> String {
        let shape = (self.place + self.place / COLOURS.len()) % 8;
        let outline = match shape {
            0 => "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
            1 => "m-3.2 -3.2h6.4v6.4h-6.4z",
            2 => "m0 -4.6l4.4 7.6h-8.8z",
            3 => "m0 -4.8l4.8 4.8l-4.8 4.8l-4.8 -4.8z",
            4 => "m0 4.6l4.4 -7.6h-8.8z",
            5 => "m-3.6 -3.6l7.2 7.2m0 -7.2l-7.2 7.2",
            6 => "m-4.6 0h9.2m-4.6 -4.6v9.2",
            _ => "m-3.8 -3.6h7.6l-7.6 7.2h7.6z",
        };
        format!("M{x:.1} {y:.1}{outline}")
    }
}
