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

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    processes::worker_entry(driver::registry());
    let (mut seconds, mut seed, mut haste) = (60, 1, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each argument has a number")?.parse()?;
        match argument.as_str() {
            "--seconds" => seconds = value,
            "--seed" => seed = value,
            "--haste" => haste = value,
            _ => return Err("there are --seconds, --seed and --haste".into()),
        }
    }
    let outcome = driver::run(Duration::from_secs(seconds), seed, haste)?;
    println!("seed {seed}\n{outcome}");
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
