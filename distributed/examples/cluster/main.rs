//! The Mandelbrot set in tiles, each a task, on a cluster.
//!
//! ```text
//! cargo run --release -p distributed --example cluster -- [--size 1024] [--picture FILE]
//! ```
//!
//! The picture is written as a portable graymap, which most viewers open. The
//! line that is printed is the same wherever the tasks ran.

mod tasks;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use distributed::{Client, progress};

use tasks::{RENDER, Tile, registry};

/// The tiles' side, in pixels.
const SIDE: u32 = 32;

/// Steps after which a point counts as one of the set.
const LIMIT: u32 = 1_000;

struct Options {
    /// The picture's side, in pixels: a multiple of the tiles'.
    size: u32,
    picture: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    processes::worker_entry(registry());
    let options = options()?;
    let client = Client::local().start()?;
    let picture = render(&client, options.size)?;
    write(&options.picture, &picture, options.size)?;
    print!("{}", client.info());
    println!("{}", summary(&picture));
    println!("the picture is {}", options.picture.display());
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { size: 1_024, picture: "mandelbrot.pgm".into() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match &argument[..] {
            "--size" => options.size = value()?.parse()?,
            "--picture" => options.picture = value()?.into(),
            other => return Err(format!("there is no {other}: --size N, --picture FILE").into()),
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
