//! Which worker ran what when: a real run on two worker processes, dealt out in
//! equal blocks and handed to whoever is free, as files to look at.
//!
//! ```text
//! cargo run --release -p distributed --example timeline            # timeline-*.svg, timeline-*.json
//! cargo run --release -p distributed --example timeline -- target/run
//! ```
//!
//! A long task stands ahead of a hundred short ones, and all of them are added
//! up. The `.svg` is a picture with both bounds of the makespan; the `.json`
//! opens in [Perfetto](https://ui.perfetto.dev).

#[path = "common/usage.rs"]
mod usage;

use std::time::Duration;

use distributed::{Client, Placement};
use processes::{Registry, Task};

const USAGE: &str = "\
timeline [STEM]

Which of two workers ran what when, dealt out in equal blocks and handed to whoever is
free: STEM-static.svg, STEM-dynamic.svg and the same as .json (timeline).";

/// Waits for so many milliseconds, and returns them.
const WAIT: Task<u64, u64> = Task::new("wait", |ms| {
    std::thread::sleep(Duration::from_millis(ms));
    ms
});

const ADD: Task<Vec<u64>, u64> = Task::new("add", |all| all.iter().sum());

fn main() -> Result<(), Box<dyn std::error::Error>> {
    processes::worker_entry(Registry::new().with(&WAIT).with(&ADD));
    let stem = match &usage::arguments(USAGE)[..] {
        [] => "timeline".to_owned(),
        [stem] if !stem.starts_with('-') => stem.clone(),
        [odd] | [_, odd, ..] => {
            usage::refuse(USAGE, &format!("it takes one stem of files, not {odd:?}"))
        }
    };
    for (name, placement) in [("static", Placement::StaticBlocks), ("dynamic", Placement::Dynamic)]
    {
        let client = Client::local().n_workers(2).placement(placement).timeline(true).start()?;
        let inputs = std::iter::once(200).chain([2; 100]);
        let waits = client.map(&WAIT, inputs);
        let sums: Vec<_> = waits.chunks(10).map(|part| client.submit(&ADD, part)).collect();
        client.submit(&ADD, &sums).result()?;
        let timeline = client.timeline();
        timeline.write(format!("{stem}-{name}"))?;
        let ms = |ns: u64| ns as f64 / 1e6;
        println!(
            "{name}: {:.0} ms for {} tasks; no run takes less than {:.0} (longest chain) or {:.0} \
             (work over workers); {stem}-{name}.svg, .json",
            ms(timeline.makespan_ns()),
            timeline.records.len(),
            ms(timeline.bounds.critical_path_ns.unwrap_or(0)),
            ms(timeline.bounds.work_ns.unwrap_or(0)),
        );
    }
    Ok(())
}
