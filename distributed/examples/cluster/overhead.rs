//! What a call costs that does next to nothing: ours, in chunks, and, in the same
//! rounds on the same Dask cluster, a task of Python's own.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use distributed::Client;
use report::stats::median;

use crate::tasks::{RENDER, Tile};

/// The median of what is measured lies between the least and the most of six rounds
/// with a probability of 1 - 2 / 2^6, 97 %, however it is distributed.
const ROUNDS: usize = 6;

const PYTHON: &str = include_str!("overhead.py");

/// Prints what each of so many calls costs, in microseconds.
///
/// # Errors
/// What a task or Python came to instead of a result.
pub(crate) fn print(
    client: &Client,
    calls: u32,
    dask: Option<(&Path, &str)>,
) -> Result<(), Box<dyn Error>> {
    println!("{calls} calls that do next to nothing, from map to gather");
    // How long a call takes is not known yet, so the first chunks are small.
    println!("the first map of a client: {:.2} us a call", ours(client, calls)?);
    let mut python = dask.map(|(python, address)| Python::start(python, address)).transpose()?;
    // Its first tasks make Dask's workers load what they need.
    python.as_mut().map(|python| python.map(calls.min(1_000))).transpose()?;
    let (mut rust, mut pythons) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rust.push(ours(client, calls)?);
        if let Some(python) = &mut python {
            pythons.push(python.map(calls)?);
        }
    }
    println!("us a call: median of {ROUNDS} rounds [least, most]");
    println!("  Rust, calls in chunks       {}", spread(&rust));
    if python.is_some() {
        let ratios: Vec<_> =
            rust.iter().zip(&pythons).map(|(rust, python)| rust / python).collect();
        println!("  Python, a task of its own   {}", spread(&pythons));
        println!("  ratio, of one round each    {}", spread(&ratios));
    }
    Ok(())
}

/// Microseconds a call.
fn ours(client: &Client, calls: u32) -> Result<f64, distributed::Error> {
    let tile = Tile { size: 1, at: (0, 0), side: 1, limit: 1 };
    let started = Instant::now();
    let results = client.gather(client.map(&RENDER, (0..calls).map(|_| tile)))?;
    let took = started.elapsed();
    assert_eq!(results, vec![vec![1]; calls as usize]);
    Ok(took.as_secs_f64() * 1e6 / f64::from(calls))
}

fn spread(rounds: &[f64]) -> String {
    let least = rounds.iter().copied().fold(f64::MAX, f64::min);
    let most = rounds.iter().copied().fold(f64::MIN, f64::max);
    let digits = if most < 1.0 { 5 } else { 2 };
    format!("{:.digits$} [{least:.digits$}, {most:.digits$}]", median(rounds))
}

/// Dask's own client, in a Python of its own.
struct Python {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start(python: &Path, address: &str) -> std::io::Result<Self> {
        let mut command = Command::new(python);
        command.args(["-P", "-c", PYTHON, address]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self { child, requests, answers })
    }

    /// Microseconds a task of so many, by Python's clock.
    fn map(&mut self, tasks: u32) -> Result<f64, Box<dyn Error>> {
        writeln!(self.requests.as_mut().expect("open until the end"), "{tasks}")?;
        let mut seconds = String::new();
        self.answers.read_line(&mut seconds)?;
        let seconds: f64 = seconds.trim().parse().map_err(|_| "Python on Dask gave no time")?;
        Ok(seconds * 1e6 / f64::from(tasks))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}
