//! Timelines are read back by parsers that are not ours.

use std::collections::BTreeSet;

use distributed::scheduler::{TaskId, WorkerId};
use distributed::timeline::{Bounds, Ended, Record, Timeline, chrome_trace, svg};
use proptest::prelude::*;
use serde_json::Value;

fn record() -> impl Strategy<Value = Record> {
    let ended = prop_oneof![
        Just(Ended::Returned),
        Just(Ended::Failed),
        Just(Ended::Killed),
        Just(Ended::Cancelled)
    ];
    let times = (0_u64..10_000_000_000, 0_u64..1_000_000_000);
    let names = (0_u64..40, any::<u64>(), any::<String>());
    (names, times, 1_u32..5, ended).prop_map(
        |((worker, id, task), (start_ns, duration), attempt, ended)| Record {
            worker: WorkerId(worker),
            id: TaskId(id),
            task: task.into(),
            start_ns,
            end_ns: start_ns + duration,
            attempt,
            ended,
        },
    )
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let bound = || proptest::option::of(0_u64..20_000_000_000);
    (bound(), bound()).prop_map(|(critical_path_ns, work_ns)| Bounds { critical_path_ns, work_ns })
}

fn parsed_trace(records: &[Record], bounds: Bounds) -> Vec<Value> {
    let mut trace = Vec::new();
    chrome_trace(records, bounds, &mut trace).expect("memory takes any trace");
    let trace: Value = serde_json::from_slice(&trace).expect("JSON");
    trace["traceEvents"].as_array().expect("a list of events").clone()
}

fn known(bounds: Bounds) -> usize {
    usize::from(bounds.critical_path_ns.is_some()) + usize::from(bounds.work_ns.is_some())
}

proptest! {
    #[test]
    fn a_trace_says_what_the_records_say(
        records in proptest::collection::vec(record(), 0..30),
        bounds in bounds(),
    ) {
        let events = parsed_trace(&records, bounds);
        let of = |phase: &str| {
            let phase = phase.to_owned();
            events.iter().filter(move |event| event["ph"] == *phase)
        };
        let workers: BTreeSet<u64> = records.iter().map(|record| record.worker.0).collect();
        let lanes: Vec<u64> = of("M").map(|event| event["tid"].as_u64().unwrap()).collect();
        prop_assert_eq!(lanes, workers.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(of("i").count(), known(bounds));
        prop_assert_eq!(of("X").count(), records.len());
        for (event, record) in of("X").zip(&records) {
            prop_assert_eq!(event["name"].as_str(), Some(&*record.task));
            prop_assert_eq!(event["tid"].as_u64(), Some(record.worker.0));
            prop_assert_eq!(event["args"]["task"].as_u64(), Some(record.id.0));
            prop_assert_eq!(event["args"]["attempt"].as_u64(), Some(u64::from(record.attempt)));
            let ns = |field: &str| (event[field].as_f64().unwrap() * 1000.0).round() as u64;
            prop_assert_eq!(ns("ts"), record.start_ns);
            prop_assert_eq!(ns("dur"), record.end_ns - record.start_ns);
        }
    }

    #[test]
    fn a_picture_has_a_bar_for_each_record_and_a_line_for_each_bound(
        records in proptest::collection::vec(record(), 0..30),
        bounds in bounds(),
    ) {
        let svg = svg(&records, bounds);
        let document = roxmltree::Document::parse(&svg).expect("XML");
        let elements = |name: &'static str, class: &'static str| {
            document.descendants().filter(move |node| {
                node.has_tag_name(("http://www.w3.org/2000/svg", name))
                    && node.attribute("class").is_some_and(|c| class.is_empty() || c == class)
            })
        };
        let workers: BTreeSet<u64> = records.iter().map(|record| record.worker.0).collect();
        prop_assert_eq!(elements("line", "lane").count(), workers.len());
        prop_assert_eq!(elements("line", "bound").count(), known(bounds));
        let bars: Vec<_> = elements("rect", "").collect();
        prop_assert_eq!(bars.len(), records.len());
        for (bar, record) in bars.iter().zip(&records) {
            let number = |name: &str| bar.attribute(name).unwrap().parse::<f64>().unwrap();
            prop_assert!(number("x") >= 0.0 && number("x") + number("width") <= 1200.5);
            prop_assert!(bar.first_element_child().is_some_and(|title| title.text().is_some()));
            let ended = format!("{:?}", record.ended).to_lowercase();
            prop_assert_eq!(bar.attribute("class"), Some(&*ended));
        }
    }
}

#[test]
fn bars_of_one_worker_stand_in_one_lane_in_the_order_of_time() {
    let record = |worker, start_ns, end_ns| Record {
        worker: WorkerId(worker),
        id: TaskId(start_ns),
        task: "a < b & c".into(),
        start_ns,
        end_ns,
        attempt: 2,
        ended: Ended::Returned,
    };
    let records = [record(3, 0, 500_000), record(3, 500_000, 1_000_000), record(7, 0, 1_000_000)];
    let picture = svg(&records, Bounds { critical_path_ns: Some(1_000_000), work_ns: None });
    let document = roxmltree::Document::parse(&picture).expect("XML");
    let bars: Vec<_> = document.descendants().filter(|node| node.has_tag_name("rect")).collect();
    let number = |bar: &roxmltree::Node<'_, '_>, name: &str| -> f64 {
        bar.attribute(name).unwrap().parse().unwrap()
    };
    let at: Vec<_> = bars.iter().map(|bar| (number(bar, "y"), number(bar, "x"))).collect();
    assert_eq!(at.len(), 3, "{picture}");
    assert!(at[0].0 == at[1].0 && at[1].0 < at[2].0, "{at:?}");
    assert!(at[0].1 < at[1].1 && at[0].1 == at[2].1, "{at:?}");
    let title = bars[0].first_element_child();
    assert_eq!(title.and_then(|t| t.text()), Some("a < b & c: 500.0 µs, attempt 2 returned"));
    let bound = document.descendants().find(|node| node.attribute("class") == Some("bound"));
    let end = number(&bars[2], "x") + 1200.0 - 90.0 - 20.0;
    assert!((number(&bound.unwrap(), "x1") - end).abs() < 1.0, "the bound is at the end");
}

#[test]
fn a_timeline_is_written_as_two_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let record = Record {
        worker: WorkerId(0),
        id: TaskId(1),
        task: "inc".into(),
        start_ns: 5,
        end_ns: 9,
        attempt: 1,
        ended: Ended::Returned,
    };
    let timeline = Timeline { records: vec![record], bounds: Bounds::default() };
    assert_eq!(timeline.makespan_ns(), 9);
    timeline.write(directory.path().join("run.1")).expect("files");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).expect("a file");
    let trace: Value = serde_json::from_str(&read("run.1.json")).expect("JSON");
    assert_eq!(trace["traceEvents"].as_array().map(Vec::len), Some(2));
    roxmltree::Document::parse(&read("run.1.svg")).expect("XML");
    timeline.write(directory.path().join("no/such/place")).expect_err("no directory");
}
