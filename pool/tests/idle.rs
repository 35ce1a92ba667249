//! An idle pool of threads leaves the cores to others. A binary of its own, so that
//! no other test computes meanwhile.

use std::thread;
use std::time::Duration;

use pool::ThreadPool;

/// What the threads of this process whose names begin so have run, in all.
fn processor_time(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let of_thread = |task: std::path::PathBuf| {
        let comm = std::fs::read_to_string(task.join("comm")).ok()?;
        // The first number is the time on a processor, in nanoseconds.
        let times = std::fs::read_to_string(task.join("schedstat")).ok()?;
        let ran = times.split(' ').next()?.parse().ok()?;
        comm.starts_with(name).then(|| Duration::from_nanos(ran))
    };
    tasks.filter_map(|task| of_thread(task.ok()?.path())).sum()
}

#[test]
#[cfg_attr(miri, ignore = "it reads what Linux knows of the threads")]
fn an_idle_pool_uses_less_than_a_hundredth_of_a_processor() {
    let pool = ThreadPool::builder().workers(4).name("idle").build().expect("threads start");
    pool.map_chunked(&[(); 8], 1, |()| thread::sleep(Duration::from_millis(1))).expect("no panic");
    pool.submit(|| ()).expect("open").join().expect("no panic");
    // They look for work for a moment before they sleep.
    thread::sleep(Duration::from_millis(50));
    let (before, idle) = (processor_time("idle-"), Duration::from_millis(500));
    assert!(before > Duration::ZERO, "they have worked");
    thread::sleep(idle);
    let used = processor_time("idle-") - before;
    assert!(used < idle / 100, "{used:?} in {idle:?}");
}
