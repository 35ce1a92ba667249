//! A cluster under chaos: workers are killed, stopped, added and retired at
//! random while graphs run whose results are known. Prints what came of it, and
//! fails if any result was wrong or lost, or anything was left behind.
//!
//! ```text
//! cargo run --release -p distributed --example chaos
//! cargo run --release -p distributed --example chaos -- --seconds 600 --seed 2
//! cargo run --release -p distributed --example chaos -- --haste 10   # ten times as many
//! ```

#[path = "../tests/chaos/driver/mod.rs"]
mod driver;
#[path = "common/usage.rs"]
mod usage;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
chaos [--seconds N] [--seed N] [--haste N]

Graphs whose results are known, while workers are killed, stopped, added and retired:
for so long (60), drawn from this seed (1), so many times as fast (1).";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    processes::worker_entry(driver::registry());
    let (mut seconds, mut seed, mut haste) = (60, 1, 1);
    for pair in usage::arguments(USAGE).chunks(2) {
        let of = match pair[0].as_str() {
            "--seconds" => &mut seconds,
            "--seed" => &mut seed,
            "--haste" => &mut haste,
            odd => usage::refuse(USAGE, &format!("there is no {odd:?}")),
        };
        *of = match pair.get(1).map(|value| (value, value.parse())) {
            Some((_, Ok(number))) => number,
            Some((odd, Err(_))) => {
                usage::refuse(USAGE, &format!("{} takes a number, not {odd:?}", pair[0]))
            }
            None => usage::refuse(USAGE, &format!("{} takes a number", pair[0])),
        };
    }
    let outcome = driver::run(Duration::from_secs(seconds), seed, haste)?;
    println!("seed {seed}\n{outcome}");
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
