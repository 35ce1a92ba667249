//! Our thread pool beside rayon, chili and paralight, over the cost and the
//! number of items, measured interleaved.
//!
//! ```sh
//! cargo run --release -p pool --example pool-rivals             # 2 workers
//! cargo run --release -p pool --example pool-rivals -- --workers 4 --idle
//! ```
//!
//! A round visits every model, in an order that turns; a ratio is taken round
//! by round, so what slows the machine for a while slows both of its sides. The
//! intervals are 95 % bootstrap intervals of the median ratio. `--idle` lets
//! every model sleep for 10 ms before each map.

mod pools;

use std::thread;
use std::time::{Duration, Instant};

use report::stats::{Estimate, median, ratio_estimate};
use report::work::steps;

/// What an item takes, in nanoseconds.
const COSTS: [u64; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// How many items there are.
const ITEMS: [u64; 4] = [100, 1_000, 10_000, 100_000];

/// Cells whose loop takes longer are left out.
const LONGEST: Duration = Duration::from_secs(1);

/// The place of our pool among the models, behind the loop.
const OURS: usize = 1;

struct Options {
    workers: usize,
    idle: bool,
    /// How long one cell may take.
    budget: Duration,
    costs: Vec<u64>,
}

/// One cell: the times of each model, round by round, in nanoseconds.
struct Cell {
    cost: u64,
    items: u64,
    times: Vec<Vec<f64>>,
}

fn main() {
    let options = options();
    let models = if options.idle { "after 10 ms of idleness" } else { "back to back" };
    println!("{} workers, {models}; times are medians of a map", options.workers);
    let cells: Vec<Cell> = options
        .costs
        .iter()
        .flat_map(|&cost| ITEMS.map(|items| (cost, items)))
        .filter(|&(cost, items)| Duration::from_nanos(cost * items) <= LONGEST)
        .map(|(cost, items)| measure(cost, items, &options))
        .collect();
    print_times(&cells, options.workers);
    print_verdict(&cells);
}

fn options() -> Options {
    let mut options =
        Options { workers: 2, idle: false, budget: Duration::from_secs(4), costs: COSTS.to_vec() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
            value.unwrap_or_else(|| usage())
        };
        match argument.as_str() {
            "--workers" => options.workers = number() as usize,
            "--seconds" => options.budget = Duration::from_secs(number()),
            "--cost" => options.costs = vec![number()],
            "--idle" => options.idle = true,
            _ => usage(),
        }
    }
    options
}

fn usage() -> ! {
    eprintln!("pool-rivals [--workers N] [--idle] [--seconds N a cell] [--cost NANOSECONDS]");
    std::process::exit(2)
}

fn measure(cost: u64, items: u64, options: &Options) -> Cell {
    /// So long a visit lasts, or one map if that is longer.
    const VISIT: Duration = Duration::from_millis(2);
    /// Fewer rounds make no interval.
    const ROUNDS: std::ops::RangeInclusive<usize> = 7..=60;

    let input = vec![steps(Duration::from_nanos(cost)); items as usize];
    let mut models = pools::all(options.workers);
    let expected = (models[0])(&input);
    let mut visit = |model: usize, maps: u32| {
        let mut took = Duration::ZERO;
        // The first map of a visit finds what the model before has left.
        for map in 0..=maps {
            if options.idle {
                thread::sleep(Duration::from_millis(10));
            }
            let start = Instant::now();
            let results = (models[model])(&input);
            if map > 0 {
                took += start.elapsed();
            }
            assert!(results == expected, "{} is wrong", pools::NAMES[model]);
        }
        took / maps
    };
    let alone = visit(0, 1);
    let maps = (VISIT.as_nanos() / alone.as_nanos().max(1)).clamp(1, 200) as u32;
    let maps = if options.idle { maps.min(3) } else { maps };
    let start = Instant::now();
    for model in 0..pools::NAMES.len() {
        visit(model, maps);
    }
    let rounds = options.budget.as_secs_f64() / start.elapsed().as_secs_f64();
    let rounds = (rounds as usize).clamp(*ROUNDS.start(), *ROUNDS.end());
    let mut times = vec![Vec::new(); pools::NAMES.len()];
    for round in 0..rounds {
        for place in 0..times.len() {
            let backwards = times.len() - 1 - place;
            let place = if round % 2 == 0 { place } else { backwards };
            let model = (place + round / 2) % times.len();
            times[model].push(visit(model, maps).as_nanos() as f64);
        }
    }
    Cell { cost, items, times }
}

fn print_times(cells: &[Cell], workers: usize) {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let perfect = workers.min(processors) as f64;
    print!("{:>9} {:>8}", "ns/item", "items");
    for name in pools::NAMES {
        print!(" {name:>13}");
    }
    println!("   efficiency [95 %]   rounds");
    for cell in cells {
        print!("{:>9} {:>8}", cell.cost, cell.items);
        for times in &cell.times {
            print!(" {:>10.2} us", median(times) / 1e3);
        }
        let efficiency = ratio_estimate(&cell.times[0], &cell.times[OURS]);
        let share = |ratio: f64| 100.0 * ratio / perfect;
        println!(
            "   {:>3.0} [{:>3.0}, {:>3.0}] %   {:>6}",
            share(efficiency.point),
            share(efficiency.lower),
            share(efficiency.upper),
            cell.times[0].len()
        );
    }
}

fn print_verdict(cells: &[Cell]) {
    println!("\nour time over a rival's, and its interval");
    print!("{:>9} {:>8}", "ns/item", "items");
    for name in &pools::NAMES[OURS + 1..] {
        print!(" {name:>22}");
    }
    println!();
    let mut logarithms = vec![Vec::new(); pools::NAMES.len()];
    for cell in cells {
        print!("{:>9} {:>8}", cell.cost, cell.items);
        for (rival, logarithms) in logarithms.iter_mut().enumerate().skip(OURS + 1) {
            let Estimate { point, lower, upper } =
                ratio_estimate(&cell.times[OURS], &cell.times[rival]);
            let mark = if lower > 1.1 { '!' } else { ' ' };
            print!("   {point:>5.2} [{lower:>5.2}, {upper:>5.2}]{mark}");
            logarithms.push(point.ln());
        }
        println!();
    }
    print!("{:>18}", "geometric mean");
    for logarithms in &logarithms[OURS + 1..] {
        let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
        print!("   {:>5.2}{:>16}", mean.exp(), "");
    }
    println!("\n! the whole interval is above 1.1");
}
