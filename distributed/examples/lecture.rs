//! The lecture's last cell, and the Dask tutorial that it switches to.
//!
//! ```text
//! cargo run --release -p distributed --example distributed-lecture
//! ```

#[path = "common/usage.rs"]
mod usage;

use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};

use distributed::{Client, LocalCluster, Place, Placement, With, as_completed, delayed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use processes::{Registry, Task};

const USAGE: &str = "\
distributed-lecture [--help]

The lecture's last cell and the tutorial of Dask's, in Rust, cell by cell.";

const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);

/// The tutorial's `inc` and `add`, each with its second of sleep.
const SLOW_INC: Task<i64, i64> = Task::new("slow_inc", |x| {
    sleep(Duration::from_secs(1));
    x + 1
});
const SLOW_ADD: Task<(i64, i64), i64> = Task::new("slow_add", |(x, y)| {
    sleep(Duration::from_secs(1));
    x + y
});

const WAIT: Task<Duration, ()> = Task::new("wait", sleep);

const DIVIDE: Task<(i64, i64), i64> = Task::new("divide", |(x, y)| x / y);

fn main() -> Result<(), Box<dyn Error>> {
    let registry =
        Registry::new().with(&INC).with(&SLOW_INC).with(&SLOW_ADD).with(&WAIT).with(&DIVIDE);
    processes::worker_entry(registry);
    if let [odd, ..] = &usage::arguments(USAGE)[..] {
        usage::refuse(USAGE, &format!("it takes no argument, such as {odd:?}"));
    }

    the_last_cell()?;
    threads_or_processes()?;
    the_tutorial()?;
    a_graph_first()?;
    as_they_come()?;
    more_workers()?;
    whoever_is_free()?;
    a_worker_dies()?;
    a_task_fails()
}

fn the_last_cell() -> Result<(), Box<dyn Error>> {
    println!("client = Client(n_workers=4, processes=True)");
    let begin = Instant::now();
    let client = Client::local().n_workers(4).processes(true).start()?;
    println!("started in {:.1?}", begin.elapsed());

    println!("\n10 tasks: map, and gather in order");
    let futures = client.map(&INC, 0..10);
    println!("{:?}", client.gather(futures)?);
    print!("{}", client.info());

    let begin = Instant::now();
    client.close();
    println!("closed in {:.1?}", begin.elapsed());
    Ok(())
}

fn threads_or_processes() -> Result<(), Box<dyn Error>> {
    println!("\n\"n_workers could be the number of threads or processes\"");
    for processes in [false, true] {
        let client = Client::local().n_workers(4).processes(processes).start()?;
        // The first of them start threads, fault pages in, and fill caches.
        client.gather(client.map(&INC, 0..1_000))?;
        let begin = Instant::now();
        let sum: i64 = client.gather(client.map(&INC, 0..10_000))?.iter().sum();
        let each = begin.elapsed() / 10_000;
        println!("processes({processes}): 10,000 tasks, sum {sum}, {each:.1?} each");
    }
    Ok(())
}

fn the_tutorial() -> Result<(), Box<dyn Error>> {
    println!("\nThe tutorial: add(inc(1), inc(2)), each a second long");
    let begin = Instant::now();
    let z = SLOW_ADD.run((SLOW_INC.run(1), SLOW_INC.run(2)));
    println!("one after the other: {z} in {:.2?}", begin.elapsed());

    let client = Client::local().n_workers(4).start()?;
    let begin = Instant::now();
    let (x, y) = (client.submit(&SLOW_INC, 1), client.submit(&SLOW_INC, 2));
    // Futures are arguments: the client does not wait for x and y.
    let z = client.submit(&SLOW_ADD, With((&x, &y)));
    println!("submitted:           in {:.2?}", begin.elapsed());
    println!("two at a time:       {} in {:.2?}", z.result()?, begin.elapsed());
    Ok(())
}

fn a_graph_first() -> Result<(), Box<dyn Error>> {
    println!("\nThe tutorial's delayed: described first, computed when asked for");
    let (x, y) = (delayed(&SLOW_INC, 1), delayed(&SLOW_INC, 2));
    let z = delayed(&SLOW_ADD, With((&x, &y)));
    let _unused = delayed(&SLOW_ADD, With((&z, 1_000)));
    print!("{}", z.to_dot());

    let client = Client::local().n_workers(4).start()?;
    let begin = Instant::now();
    println!("computed: {} in {:.2?}", z.compute(&client)?, begin.elapsed());
    println!("{} tasks ran; the unused one did not", client.info().done);
    Ok(())
}

fn as_they_come() -> Result<(), Box<dyn Error>> {
    println!("\nas_completed: whoever is done first comes first");
    let client = Client::local().n_workers(4).start()?;
    let waits = [400, 100, 300, 200].map(Duration::from_millis);
    let begin = Instant::now();
    let futures = client.map(&WAIT, waits);
    let names: Vec<_> = futures.iter().map(|future| future.id()).collect();
    for future in as_completed(futures) {
        future.result()?;
        let place = names.iter().position(|id| *id == future.id()).ok_or("a stranger")?;
        println!("{:?} after {:.0?}", waits[place], begin.elapsed());
    }
    Ok(())
}

fn more_workers() -> Result<(), Box<dyn Error>> {
    println!("\nscale: 8 waits of 200 ms, and another three workers after the first");
    let client = Client::local().n_workers(1).start()?;
    let begin = Instant::now();
    let futures = client.map(&WAIT, [Duration::from_millis(200); 8]);
    futures[0].result()?;
    client.scale(4)?;
    client.gather(futures)?;
    println!("done in {:.2?}, by one it would be 1.6 s", begin.elapsed());
    print!("{}", client.info());
    Ok(())
}

fn whoever_is_free() -> Result<(), Box<dyn Error>> {
    println!("\nOne task of 1 s ahead of 100 tasks of 10 ms, on 2 workers");
    let mut waits = vec![Duration::from_millis(10); 101];
    waits[0] = Duration::from_secs(1);
    for placement in [Placement::StaticBlocks, Placement::Dynamic] {
        let cluster: LocalCluster = Client::local().n_workers(2).placement(placement);
        let client = cluster.start()?;
        let begin = Instant::now();
        client.gather(client.map(&WAIT, waits.iter().copied()))?;
        let took = begin.elapsed();
        let shares: Vec<u64> = client.info().workers.iter().map(|worker| worker.done).collect();
        println!("{placement:?}: {took:.2?}, tasks a worker: {shares:?}");
    }
    Ok(())
}

fn a_worker_dies() -> Result<(), Box<dyn Error>> {
    println!("\nkill -9 of a worker in the middle of its task");
    let client = Client::local().n_workers(1).start()?;
    let sum = client.submit(&SLOW_ADD, (40, 2));
    if sum.wait_timeout(Duration::from_millis(300)) {
        return Err("a second cannot be over after 300 ms".into());
    }
    print!("{}", client.info());
    if let Place::Process { pid } = client.info().workers[0].place {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL)?;
    }
    println!("the answer is still {}", sum.result()?);
    print!("{}", client.info());
    Ok(())
}

fn a_task_fails() -> Result<(), Box<dyn Error>> {
    println!("\nA task that panics is the error of its own future");
    let client = Client::local().n_workers(2).start()?;
    for future in client.map(&DIVIDE, [(84, 2), (1, 0), (126, 3)]) {
        match future.result() {
            Ok(quotient) => println!("{quotient}"),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
