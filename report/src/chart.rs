//! A sweep as a picture: time against the parameter, both logarithmic, a line
//! for each model with the interval at each point.

use std::path::Path;

use plotters::prelude::*;

use crate::comparison::{Row, Table};
use crate::error::Error;
use crate::units;

/// A sweep has at least this many parameters; fewer are better read than seen.
const POINTS: usize = 3;

/// Okabe and Ito's colours, which people with any colour vision tell apart
/// (Color Universal Design, 2008).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 94, 240),
];

const SIZE: (u32, u32) = (860, 420);

/// Whether a table is a sweep that a chart shows better.
pub fn is_worth_it(table: &Table) -> bool {
    let most = table.rows.iter().map(|row| points(row, &table.parameters).count()).max();
    most >= Some(POINTS) && table.parameters.iter().all(|&parameter| parameter > 0)
}

/// Draws a table's chart as SVG into a file.
///
/// # Errors
/// [`Error::Chart`] with the file and what the library says.
pub fn draw(table: &Table, path: &Path) -> Result<(), Error> {
    let mut svg = String::new();
    draw_into(table, &mut svg)
        .map_err(|e| Error::Chart { path: path.into(), why: e.to_string() })?;
    Ok(std::fs::write(path, svg)?)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_into(table: &Table, svg: &mut String) -> Drawn {
    let all = table.rows.iter().flat_map(|row| points(row, &table.parameters));
    let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
    for (_, low, _, high) in all {
        (lowest, highest) = (lowest.min(low), highest.max(high));
    }
    let (first, last) =
        (table.parameters[0] as f64, table.parameters[table.parameters.len() - 1] as f64);

    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    // The legend stands beside the plot, where it cannot hide a line.
    let (plot, legend) = area.split_horizontally(SIZE.0 as i32 - 190);
    let mut chart = ChartBuilder::on(&plot)
        .caption(format!("{}: time of one iteration", table.group), ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(72)
        .build_cartesian_2d(
            (first / 1.1..last * 1.1).log_scale(),
            (lowest / 1.3..highest * 1.3).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(&table.description.parameter)
        .x_label_formatter(&|x| units::count(x.round() as u64))
        .y_label_formatter(&|y| units::time(*y))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (row, style) in table.rows.iter().zip(styles()) {
        let points: Vec<_> = points(row, &table.parameters).collect();
        chart.draw_series(LineSeries::new(points.iter().map(|(x, _, y, _)| (*x, *y)), style))?;
        for (x, low, y, high) in points {
            chart.draw_series([PathElement::new([(x, low), (x, high)], style)])?;
            chart.draw_series([Circle::new((x, y), 3, style.filled())])?;
        }
    }
    for (place, (row, style)) in table.rows.iter().zip(styles()).enumerate() {
        let y = 52 + 22 * place as i32;
        legend.draw(&PathElement::new([(4, y), (28, y)], style))?;
        legend.draw(&Text::new(row.model.clone(), (34, y - 7), ("sans-serif", 13)))?;
    }
    area.present()?;
    drop((plot, legend, chart));
    Ok(())
}

/// A colour for each row; the second turn through the colours is thin.
fn styles() -> impl Iterator<Item = ShapeStyle> {
    let style = |width| move |colour: &RGBColor| colour.stroke_width(width);
    COLOURS.iter().map(style(2)).chain(COLOURS.iter().map(style(1))).cycle()
}

/// Where a model was measured: parameter, lower end, median, upper end.
fn points<'a>(
    row: &'a Row,
    parameters: &'a [u64],
) -> impl Iterator<Item = (f64, f64, f64, f64)> + 'a {
    row.cells.iter().zip(parameters).filter_map(|(cell, &parameter)| {
        let time = cell.time()?;
        // A logarithm wants something above nothing.
        (time.lower > 0.0).then_some((parameter as f64, time.lower, time.point, time.upper))
    })
}
