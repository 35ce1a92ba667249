//! Every family of graphs under every policy on a made-up cluster, and where
//! one scheduler saturates.
//!
//! ```sh
//! cargo run --release -p distributed --example simulate             # 100,000 tasks, 1,000 workers
//! cargo run --release -p distributed --example simulate -- --tasks 1000000 --workers 10000
//! cargo run --release -p distributed --example simulate -- --family tree --workers 8 --tasks 127 --timeline tree
//! cargo run --release -p distributed --example simulate -- --saturation
//! ```

#[path = "common/usage.rs"]
mod usage;

use std::time::Instant;

use distributed::scheduler::{Fifo, Locality, Random};
use distributed::simulation::{Durations, Family, Grain, Graph, Run, Setup, simulate};
use distributed::timeline::Timeline;

const USAGE: &str = "\
simulate [--tasks N] [--workers N] [--depth N] [--family NAME] [--policy NAME]
         [--durations constant|uniform|pareto] [--mean MICROSECONDS] [--bytes N]
         [--latency MICROSECONDS] [--seed N] [--ideal] [--saturation] [--timeline FILE]";

const POLICIES: [&str; 3] = ["locality", "random", "fifo"];

struct Options {
    tasks: usize,
    families: Vec<Family>,
    policies: Vec<&'static str>,
    grain: Grain,
    setup: Setup,
    saturation: bool,
    /// Where the timeline goes, `.json` and `.svg`.
    timeline: Option<String>,
}

fn main() {
    let options = options().unwrap_or_else(|error| usage::refuse(USAGE, &error));
    if options.saturation {
        saturation(&options);
    } else {
        families(&options);
    }
}

fn options() -> Result<Options, String> {
    let durations = Durations::Uniform;
    let mut options = Options {
        tasks: 100_000,
        families: Family::ALL.to_vec(),
        policies: POLICIES.to_vec(),
        grain: Grain { mean_ns: 100_000_000, durations, bytes: 100_000, seed: 1 },
        setup: Setup::rack(1000),
        saturation: false,
        timeline: None,
    };
    let mut arguments = usage::arguments(USAGE).into_iter();
    while let Some(argument) = arguments.next() {
        let mut text = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| {
            text.parse::<u64>().map_err(|_| format!("{argument} takes a number, not {text:?}"))
        };
        let unknown = |text: &str| format!("{argument} does not know {text:?}");
        match argument.as_str() {
            "--tasks" => options.tasks = number(text()?)? as usize,
            "--workers" => {
                let workers = u32::try_from(number(text()?)?).ok().filter(|workers| *workers > 0);
                options.setup.workers = workers.ok_or("--workers takes at least one")?;
            }
            "--depth" => options.setup.depth = number(text()?)? as u32,
            "--mean" => options.grain.mean_ns = number(text()?)? * 1000,
            "--bytes" => options.grain.bytes = number(text()?)?,
            "--latency" => options.setup.latency_ns = number(text()?)? * 1000,
            "--seed" => options.grain.seed = number(text()?)?,
            "--ideal" => options.setup = Setup::ideal(options.setup.workers),
            "--saturation" => options.saturation = true,
            "--timeline" => options.timeline = Some(text()?),
            "--family" => {
                let name = text()?;
                let family = Family::ALL.into_iter().find(|family| family.name() == name);
                options.families = vec![family.ok_or(unknown(&name))?];
            }
            "--policy" => {
                let name = text()?;
                let policy = POLICIES.into_iter().find(|policy| *policy == name);
                options.policies = vec![policy.ok_or(unknown(&name))?];
            }
            "--durations" => {
                let name = text()?;
                let durations = Durations::ALL.into_iter().find(|d| d.name() == name);
                options.grain.durations = durations.ok_or(unknown(&name))?;
            }
            other => return Err(format!("there is no {other:?}")),
        }
    }
    options.setup.record = options.timeline.is_some();
    Ok(options)
}

fn run(graph: &Graph, options: &Options, setup: &Setup, policy: &str) -> Run {
    let started = Instant::now();
    let watch = move || started.elapsed().as_nanos() as u64;
    match policy {
        "locality" => simulate(graph, setup, Locality, watch),
        "fifo" => simulate(graph, setup, Fifo, watch),
        _ => simulate(graph, setup, Random::new(options.grain.seed), watch),
    }
}

fn families(options: &Options) {
    let Options { setup, grain, .. } = options;
    println!(
        "about {} tasks of {} µs ({}), {} bytes each, on {} workers; seed {}\n",
        options.tasks,
        grain.mean_ns / 1000,
        grain.durations.name(),
        grain.bytes,
        setup.workers,
        grain.seed
    );
    println!(
        "| family | tasks | edges | bound | policy | makespan | bound / makespan | scheduler busy | messages / task | moved | decided, ns / task | simulated in |"
    );
    println!("|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|");
    let began = Instant::now();
    for family in &options.families {
        let graph = family.graph(options.tasks, *grain);
        let bound = graph.bound_ns(setup.workers);
        for policy in &options.policies {
            let started = Instant::now();
            let run = run(&graph, options, setup, policy);
            let took = started.elapsed();
            println!(
                "| {} | {} | {} | {} | {policy} | {} | {:.3} | {:.0} % | {:.2} | {:.2} GB | {:.0} | {:.2} s |",
                family.name(),
                graph.len(),
                graph.edges(),
                seconds(bound),
                seconds(run.makespan_ns),
                run.efficiency(),
                run.utilisation() * 100.0,
                run.messages as f64 / graph.len() as f64,
                run.moved_bytes as f64 / 1e9,
                run.decided_ns as f64 / graph.len() as f64,
                took.as_secs_f64(),
            );
            write_timeline(options, family.name(), policy, &run);
        }
    }
    println!("\nall in {:.1} s; {}", began.elapsed().as_secs_f64(), peak_memory());
}

/// A bag of tasks on more and more workers, ten tasks for each of them.
fn saturation(options: &Options) {
    let Options { setup, grain, .. } = options;
    println!(
        "ten independent tasks of {} µs ({}) for each worker; {:?}\n",
        grain.mean_ns / 1000,
        grain.durations.name(),
        setup.costs
    );
    println!(
        "| workers | makespan | bound / makespan | scheduler busy | tasks / s | decided, ns / task |"
    );
    println!("|--:|--:|--:|--:|--:|--:|");
    let policy = options.policies[0];
    for workers in [1, 10, 100, 300, 1000, 3000, 10_000, 30_000, 100_000] {
        let graph = Family::Bag.graph(workers as usize * 10, *grain);
        let run = run(&graph, options, &Setup { workers, record: false, ..*setup }, policy);
        println!(
            "| {workers} | {} | {:.3} | {:.0} % | {:.0} | {:.0} |",
            seconds(run.makespan_ns),
            run.efficiency(),
            run.utilisation() * 100.0,
            graph.len() as f64 / (run.makespan_ns as f64 / 1e9),
            run.decided_ns as f64 / graph.len() as f64,
        );
    }
    println!("\n{}", peak_memory());
}

fn write_timeline(options: &Options, family: &str, policy: &str, run: &Run) {
    let Some(name) = &options.timeline else { return };
    let name = format!("{name}-{family}-{policy}");
    let timeline = Timeline { records: run.records.clone(), bounds: run.bounds };
    if let Err(error) = timeline.write(&name) {
        eprintln!("cannot write the timeline {name}: {error}");
        std::process::exit(1);
    }
}

fn seconds(ns: u64) -> String {
    format!("{:.2} s", ns as f64 / 1e9)
}

/// The most memory that this process ever had, where the system says so.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    format!("peak memory {}", peak.map_or("unknown", str::trim))
}
