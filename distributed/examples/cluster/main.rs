//! The Mandelbrot set in tiles, each a task, on this machine's cluster or on Dask's.
//!
//! ```text
//! cargo build --release -p distributed --example cluster_tasks   # what Dask's workers load
//! cargo run --release -p distributed --example cluster -- --local
//! cargo run --release -p distributed --example cluster -- --dask
//! cargo run --release -p distributed --example cluster -- --dask tcp://host:8786
//! ```
//!
//! Without an address `--dask` starts a scheduler and two workers on this machine by
//! `scripts/dask-cluster`, and ends them. `--size` is the picture's side in pixels,
//! `--picture` its file: a portable graymap, which most viewers open. The last line
//! but one is the same wherever the tasks ran. `--overhead N` maps N tiny tasks in its
//! place, five times, and prints what one costs.

mod tasks;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use distributed::{Client, progress};

use tasks::{RENDER, Tile, registry};

/// The tiles' side, in pixels.
const SIDE: u32 = 32;

/// Steps after which a point counts as one of the set.
const LIMIT: u32 = 1_000;

struct Options {
    /// Where the tasks run.
    cluster: Cluster,
    /// The picture's side, in pixels: a multiple of the tiles'.
    size: u32,
    picture: PathBuf,
    /// So many tiles of one pixel and one step, in place of the picture: what is
    /// left is what a task costs.
    overhead: Option<u32>,
}

enum Cluster {
    Local,
    /// At this address, or one that is started for the purpose.
    Dask(Option<String>),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    processes::worker_entry(registry());
    let options = options()?;
    // The one line that differs.
    let client = match &options.cluster {
        Cluster::Local => Client::local().start()?,
        Cluster::Dask(Some(address)) => Client::connect(address)?,
        Cluster::Dask(None) => return beside_a_cluster(),
    };
    if let Some(tasks) = options.overhead {
        for _ in 0..5 {
            println!("{tasks} tiny tasks: {:.2} us each", overhead(&client, tasks)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    let picture = render(&client, options.size)?;
    let took = started.elapsed();
    write(&options.picture, &picture, options.size)?;
    print!("{}", client.info());
    println!("rendered in {took:.2?}");
    println!("{}", summary(&picture));
    println!("the picture is {}", options.picture.display());
    Ok(ExitCode::SUCCESS)
}

/// This program again, beside a cluster that lives as long as it does.
fn beside_a_cluster() -> Result<ExitCode, Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/dask-cluster");
    let mut command = Command::new(script);
    command.arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    let status = command.status()?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

fn options() -> Result<Options, Box<dyn Error>> {
    let (cluster, picture) = (Cluster::Local, "mandelbrot.pgm".into());
    let mut options = Options { cluster, size: 1_024, picture, overhead: None };
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(argument) = arguments.next() {
        if argument == "--dask" {
            // The script says where it has started one.
            let named = arguments.next_if(|next| !next.starts_with("--"));
            let address = named.or_else(|| std::env::var("POLYPHONY_CLUSTER").ok());
            options.cluster = Cluster::Dask(address);
            continue;
        }
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match &argument[..] {
            "--local" => options.cluster = Cluster::Local,
            "--size" => options.size = value()?.parse()?,
            "--overhead" => options.overhead = Some(value()?.parse()?),
            "--picture" => options.picture = value()?.into(),
            other => {
                let those = "--local, --dask [ADDRESS], --size N, --picture FILE, --overhead N";
                return Err(format!("there is no {other}, but {those}").into());
            }
        }
    }
    if options.size == 0 || !options.size.is_multiple_of(SIDE) {
        return Err(format!("the size must be a multiple of {SIDE}").into());
    }
    Ok(options)
}

/// All pixels' steps, row by row.
fn render(client: &Client, size: u32) -> Result<Vec<u32>, distributed::Error> {
    let corners = (0..size).step_by(SIDE as usize);
    let at = corners.clone().flat_map(|y| corners.clone().map(move |x| (x, y)));
    let tiles: Vec<_> = at.map(|at| Tile { size, at, side: SIDE, limit: LIMIT }).collect();
    let futures = client.map(&RENDER, tiles.iter().copied());
    progress(&futures);
    let mut picture = vec![0; size as usize * size as usize];
    for (tile, pixels) in tiles.iter().zip(client.gather(futures)?) {
        for (row, pixels) in pixels.chunks(SIDE as usize).enumerate() {
            let begin = (tile.at.1 as usize + row) * size as usize + tile.at.0 as usize;
            picture[begin..begin + pixels.len()].copy_from_slice(pixels);
        }
    }
    Ok(picture)
}

/// Microseconds a task, of so many that do next to nothing.
fn overhead(client: &Client, tasks: u32) -> Result<f64, distributed::Error> {
    let tile = Tile { size: 1, at: (0, 0), side: 1, limit: 1 };
    let started = Instant::now();
    let futures = client.map(&RENDER, (0..tasks).map(|_| tile));
    let results = client.gather(futures)?;
    assert_eq!(results, vec![vec![1]; tasks as usize]);
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(tasks))
}

/// What a picture comes to: two that differ in a pixel differ here.
fn summary(picture: &[u32]) -> String {
    let inside = picture.iter().filter(|steps| **steps == LIMIT).count();
    // FNV-1a, of each pixel as a whole.
    let mixed = picture.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, steps| {
        (hash ^ u64::from(*steps)).wrapping_mul(0x100_0000_01B3)
    });
    format!("{inside} of {} pixels are in the set; checksum {mixed:016x}", picture.len())
}

/// Writes a portable graymap: the set in black, around it the brighter the
/// longer a point takes to escape.
fn write(path: &PathBuf, picture: &[u32], size: u32) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "P5 {size} {size} 255")?;
    let shade = |steps: &u32| match *steps {
        LIMIT => 0,
        steps => (f64::from(steps + 1).ln() / f64::from(LIMIT).ln() * 255.0).min(255.0) as u8,
    };
    file.write_all(&picture.iter().map(shade).collect::<Vec<_>>())?;
    file.flush()
}
