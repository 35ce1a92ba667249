//! What is drawn is read back as XML.

use report::document::chart::svg;
use report::document::{Chart, Series};
use report::stats::Estimate;
use roxmltree::{Document, Node};

use super::HOSTILE;

fn around(point: f64) -> Option<Estimate> {
    Some(Estimate { point, lower: point * 0.9, upper: point * 1.2 })
}

fn chart(columns: &[&str], series: &[(&str, &[Option<Estimate>])]) -> Chart {
    let series = series
        .iter()
        .map(|(name, points)| Series { name: (*name).into(), points: points.to_vec() });
    Chart {
        title: "a <title> & \"more\"".into(),
        axis: "elements".into(),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        series: series.collect(),
        ..Chart::default()
    }
}

fn texts(svg: &str) -> Vec<String> {
    let parsed = Document::parse(svg).expect("a chart is well-formed XML");
    let named =
        parsed.descendants().filter(|node| ["title", "text"].contains(&node.tag_name().name()));
    named.filter_map(|node| Some(node.text()?.to_owned())).collect()
}

/// Where each point of a chart is, by its hint: column and row of pixels.
fn points(svg: &str) -> Vec<(String, f64, f64)> {
    let parsed = Document::parse(svg).expect("a chart is well-formed XML");
    let hinted = parsed.descendants().filter_map(|group: Node<'_, '_>| {
        let hint = group
            .children()
            .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")))?;
        let marker = group.children().rfind(|node| node.attribute("d").is_some())?;
        let place = marker.attribute("d")?.strip_prefix('M')?;
        let (x, rest) = place.split_once(' ')?;
        let y = rest.split_once('m')?.0;
        let hint = hint.text()?.to_owned();
        Some((hint, x.parse().ok()?, y.parse().ok()?))
    });
    hinted.filter(|(hint, ..)| hint.contains(" at ")).collect()
}

#[test]
fn every_name_is_there_and_nothing_of_it_is_markup() {
    let points = HOSTILE.map(|_| around(5.0));
    let lines: Vec<(&str, &[_])> = HOSTILE.iter().map(|name| (*name, &points[..2])).collect();
    let lines = svg(&chart(&["1", "10"], &lines));
    let dots = svg(&chart(&HOSTILE, &[("base", &points), ("new", &points)]));
    let alone: Vec<(&str, &[_])> = HOSTILE.iter().map(|name| (*name, &points[..1])).collect();
    let alone = svg(&chart(&["1"], &alone));
    for svg in [lines, dots, alone] {
        let texts = texts(&svg);
        for name in HOSTILE
            .iter()
            .filter(|name| !name.contains(|c: char| c.is_control() || c == '\u{202e}'))
        {
            assert!(texts.iter().any(|text| text == name), "{name} is not in {texts:?}");
        }
        assert_eq!(texts[0], "a <title> & \"more\"");
        assert!(!svg.contains('\u{1b}') && !svg.contains('\u{202e}'));
        let parsed = Document::parse(&svg).expect("a chart is well-formed XML");
        let mut attributes = parsed.descendants().flat_map(|node| node.attributes());
        assert!(attributes.all(|attribute| !["href", "src"].contains(&attribute.name())));
        assert!(!svg.contains("url(") && !svg.contains("@import"), "it links to nothing");
    }
}

#[test]
fn decades_are_equally_far_apart() {
    let points_at = [around(1e3), around(1e4), around(1e5)];
    let svg = svg(&chart(&["10", "100", "1000"], &[("a", &points_at)]));
    let points = points(&svg);
    assert_eq!(points[1].0, "a at 100: 10.0 µs [9.00, 12.0]");
    let step = |a: usize, b: usize| (points[b].1 - points[a].1, points[b].2 - points[a].2);
    let ((across, up), (again, once_more)) = (step(0, 1), step(1, 2));
    assert!(across > 50.0 && up < -50.0, "it rises to the right: {points:?}");
    assert!((across - again).abs() < 0.3 && (up - once_more).abs() < 0.3, "{points:?}");
}

#[test]
fn names_have_their_dots_side_by_side() {
    let svg = svg(&chart(
        &["x", "y"],
        &[("old", &[around(1e3), around(1e4)]), ("new", &[around(1e3), None])],
    ));
    let points = points(&svg);
    let hints: Vec<_> =
        points.iter().map(|(hint, ..)| hint.split(':').next().expect("a name")).collect();
    assert_eq!(
        hints,
        ["old at x", "old at y", "new at x"],
        "nothing is drawn of what was not measured"
    );
    assert!(
        (points[0].1 - points[2].1).abs() < 0.01 && points[0].2 + 10.0 < points[2].2,
        "{points:?}"
    );
}

#[test]
fn a_gap_is_where_nothing_was_measured() {
    let with_gap = [around(1.0), None, around(3.0), around(4.0)];
    let svg = svg(&chart(&["1", "2", "3", "4"], &[("a", &with_gap)]));
    let parsed = Document::parse(&svg).expect("a chart is well-formed XML");
    let series =
        parsed.descendants().find(|node| node.attribute("class") == Some("s0")).expect("a series");
    let line = series.first_element_child().and_then(|path| path.attribute("d")).expect("a line");
    assert_eq!((line.matches('M').count(), line.matches('L').count()), (2, 1), "{line}");
}

/// Everything that says where something is drawn.
fn drawn_figures(svg: &str) -> impl Iterator<Item = String> {
    let document = Document::parse(svg).expect("well-formed");
    let figures: Vec<String> = document
        .descendants()
        .flat_map(|node| node.attributes().map(|a| (a.name().to_owned(), a.value().to_owned())))
        .filter(|(name, _)| !matches!(name.as_str(), "class" | "style" | "role"))
        .map(|(_, value)| value)
        .collect();
    figures.into_iter()
}

#[test]
fn odd_figures_are_drawn_or_left_out() {
    let estimate = |lower, point, upper| Some(Estimate { point, lower, upper });
    let odd = [
        estimate(f64::NAN, f64::NAN, f64::NAN),
        estimate(-1.0, 0.0, 1.0),
        estimate(0.0, f64::MAX, f64::INFINITY),
        estimate(f64::MIN_POSITIVE, 1.0, 2.0),
        around(5.0),
        around(6.0),
    ];
    for columns in [["1", "2", "4", "8"], ["a", "b", "c", "d"], ["0", "-1", "NaN", "inf"]] {
        let svg = svg(&chart(&columns, &[("a", &odd), ("b", &odd[1..2]), ("c", &[])]));
        assert!(
            Document::parse(&svg).is_ok()
                && drawn_figures(&svg).all(|of| !of.contains("NaN") && !of.contains("inf")),
            "{svg}"
        );
        for (hint, x, y) in points(&svg) {
            assert!((0.0..=860.0).contains(&x) && (0.0..=900.0).contains(&y), "{hint} at {x}, {y}");
        }
    }
    for empty in [chart(&[], &[]), chart(&["1", "2"], &[("a", &[None, None])])] {
        assert!(texts(&svg(&empty)).contains(&"Nothing was measured.".to_owned()));
    }
}
