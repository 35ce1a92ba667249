//! The Mandelbrot set in tiles, each a task, on this machine's cluster or on Dask's.
//!
//! ```text
//! cargo run --release -p distributed --example cluster -- --local
//! cargo run --release -p distributed --example cluster -- --dask
//! cargo run --release -p distributed --example cluster -- --dask tcp://host:8786
//! cargo run --release -p distributed --example cluster -- --help
//! ```
//!
//! `tasks.rs` and `library.rs` are all that a program needs beside its `main` to run
//! on Dask; `dask.rs` starts a cluster where there is none. The line that says what
//! the picture comes to is the same wherever the tasks ran.

mod dask;
mod options;
mod overhead;
mod picture;
mod tasks;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use distributed::Client;

use dask::DaskHere;
use options::{Cluster, HELP, Options};
use tasks::registry;

/// Of a cluster of Dask that is started here.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    processes::worker_entry(registry());
    let options = match options::parse(std::env::args().skip(1), picture::SIDE) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("cluster: {why}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cluster: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let file = &options.picture;
    if options.overhead.is_none() {
        // Whoever waits for a picture would rather know now.
        picture::check_writable(file)
            .map_err(|e| format!("the picture cannot be {}: {e}", file.display()))?;
    }
    match &options.cluster {
        Cluster::Local => work(&Client::local().start()?, options, None),
        Cluster::Dask(Some(address)) => {
            let library = dask::library("cluster_tasks")?;
            let python = dask::python()?;
            eprintln!("connecting to {address}");
            let client = Client::dask(address).python(&python).tasks(library).connect()?;
            work(&client, options, Some((&python, address)))
        }
        Cluster::Dask(None) => {
            let library = dask::library("cluster_tasks")?;
            let python = dask::python()?;
            eprintln!("starting a scheduler and {WORKERS} workers of Dask's");
            let cluster = DaskHere::start(&python, WORKERS, 1)?;
            let client = cluster.connect(&python, &library)?;
            // The client is gone before the cluster is.
            work(&client, options, Some((&python, &cluster.address)))
        }
    }
}

/// What is asked for, on whichever cluster; `dask` is the Python and the address of
/// one of Dask's.
fn work(
    client: &Client,
    options: &Options,
    dask: Option<(&Path, &str)>,
) -> Result<(), Box<dyn Error>> {
    if let Some(calls) = options.overhead {
        return overhead::print(client, calls, dask);
    }
    let started = Instant::now();
    let picture = picture::render(client, options.size)?;
    let took = started.elapsed();
    let file = options.picture.display();
    picture::write(&options.picture, &picture, options.size).map_err(|e| format!("{file}: {e}"))?;
    print!("{}", client.info());
    println!("rendered in {took:.2?}");
    println!("{}", picture::summary(&picture));
    println!("the picture is {file}");
    Ok(())
}
