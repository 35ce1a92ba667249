//! What a Dask cluster has and those of this machine do not: memory of its workers'
//! own, resources, and somebody else who says how many workers there are.

use std::time::{Duration, Instant};

use distributed::{Client, Error, Place, With};

use crate::common::{
    ADD, DEADLINE, INCREMENT, LENGTH, SLEEP, SUM_BYTES, WAIT_FOR, directory, eventually, text,
};
use crate::dask::{Cluster, Setup, shared};

/// On the cluster that all share.
pub(crate) const SHARED: &[(&str, fn())] = &[
    ("ten_thousand_calls_of_futures_are_few_tasks", ten_thousand_calls_of_futures),
    ("a_late_task_gives_its_worker_up", a_late_task_gives_its_worker_up),
    ("a_gather_does_not_wait_for_others", a_gather_does_not_wait_for_others),
];

/// Each on one of its own.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("data_of_64_mib_is_broadcast", data_of_64_mib_is_broadcast),
    ("resources_are_asked_for_and_kept_to", resources_are_asked_for_and_kept_to),
    ("fewer_workers_keep_every_value", fewer_workers_keep_every_value),
];

/// What the scheduler says to an expression, in which it is `s`.
fn asked(cluster: &Cluster, expression: &str) -> String {
    let ask = "print(client.run_on_scheduler(lambda dask_scheduler: ";
    cluster.ask(&format!("{ask}(lambda s: {expression})(dask_scheduler)))"))
}

fn ten_thousand_calls_of_futures() {
    let cluster = shared();
    let client = cluster.connect();
    let mut all = vec![client.map(&INCREMENT, 0..10_000)];
    for _ in 0..3 {
        let started = Instant::now();
        let futures = client.map(&INCREMENT, all.last().expect("a map"));
        assert!(distributed::wait(&futures, DEADLINE));
        println!("{:.1} us a call", started.elapsed().as_secs_f64() * 1e6 / 10_000.0);
        all.push(futures);
    }
    // 40,000 calls; each is kept.
    let tasks: u32 = asked(&cluster, "len(s.tasks)").parse().expect("a number");
    assert!(tasks < 1_000, "{tasks} tasks");
    let values = client.gather(all.pop().expect("a map")).expect("values");
    assert!(values.into_iter().eq(4..10_004), "they are in order");
}

/// Neither for a long call that nobody waits for, nor for one that somebody does.
fn a_gather_does_not_wait_for_others() {
    let directory = directory();
    let gate = text(&directory.path().join("gate"));
    let client = shared().connect();
    let long = client.map(&WAIT_FOR, [gate.clone()]);
    eventually("it runs", || client.info().running == 1);
    let gathers = |times: u32| {
        let started = Instant::now();
        for _ in 0..times {
            let values = client.gather(client.map(&INCREMENT, 0..20)).expect("values");
            assert!(values.into_iter().eq(1..21));
        }
        started.elapsed() / times
    };
    // Signs of life, which used to be waited for, come once a second.
    let beside = gathers(10);
    println!("20 calls beside one that runs: {beside:.2?}");
    assert!(beside < Duration::from_millis(800), "{beside:?}");
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(distributed::wait(&long, DEADLINE)));
        let beside = gathers(10);
        println!("20 calls beside one that is waited for: {beside:.2?}");
        assert!(beside < Duration::from_millis(800), "{beside:?}");
        std::fs::write(&gate, "").expect("a file");
    });
}

fn data_of_64_mib_is_broadcast() {
    // By default Dask drops copies that no task waits for, every two seconds.
    let keep = "import dask
dask.config.set({'distributed.scheduler.active-memory-manager.start': False})";
    let setup = Setup { workers: 2, scheduler_first: keep, ..Setup::default() };
    let mut cluster = setup.start();
    let client = cluster.connect();
    let data = "a".repeat(64 << 20);
    let started = Instant::now();
    let data = client.broadcast(&data);
    // What takes it waits until it is done.
    assert_eq!(client.submit(&LENGTH, &data).result().expect("a length"), 64 << 20);
    let copies = "[len(t.who_has or ()) for t in s.tasks.values() if t.nbytes >= 64 << 20]";
    let states = "[(w.status.name, len(w.has_what)) for w in s.workers.values()]";
    assert_eq!(asked(&cluster, copies), "[2]", "{}", asked(&cluster, states));
    println!("64 MiB were on both workers after at most {:.2?}", started.elapsed());
    let started = Instant::now();
    let lengths = client.map(&LENGTH, [&data; 8]);
    assert_eq!(client.gather(lengths).expect("values"), vec![64 << 20; 8]);
    println!("8 calls with it took {:.2?}", started.elapsed());
    // One that comes later and has it from the others.
    cluster.add_worker();
    eventually("it is there", || client.info().workers.len() == 3);
    let lengths = client.map(&LENGTH, [&data; 6]);
    assert_eq!(client.gather(lengths).expect("values"), vec![64 << 20; 6]);
}

fn resources_are_asked_for_and_kept_to() {
    let mut cluster = Cluster::start(1);
    let client = cluster.connect();
    let with_gpu = || client.with().resource("GPU", 1.0);
    let waits = with_gpu().map(&INCREMENT, 0..100);
    // Without one there is none to run them, and they are in nobody's way.
    let others = client.map(&INCREMENT, 0..1_000);
    assert_eq!(client.gather(others).expect("values").len(), 1_000);
    assert!(waits.iter().all(|future| !future.done()), "there is no GPU");
    cluster.add_worker_with(&["--nthreads", "2", "--resources", "GPU=1"]);
    let next = client.map(&ADD, waits.iter().map(|future| With((future, 1))));
    assert!(client.gather(next).expect("values").into_iter().eq(2..102));
    let info = client.info();
    let gpu = info.workers.iter().find(|worker| threads(&worker.place) == 2);
    assert!(gpu.is_some_and(|worker| worker.done >= 100), "{info}");
    // Two threads, one GPU: one at a time.
    let started = Instant::now();
    let slow = with_gpu().map(&SLEEP, vec![200; 4]);
    assert_eq!(client.gather(slow).expect("values"), vec![200; 4]);
    assert!(started.elapsed().as_millis() >= 800, "{:?}", started.elapsed());
    let here = Client::local().n_workers(1).processes(false).start().expect("a cluster");
    let refused = here.with().resource("GPU", 1.0).submit(&INCREMENT, 1).result();
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
}

fn a_late_task_gives_its_worker_up() {
    let directory = directory();
    let gate = text(&directory.path().join("gate"));
    let client = shared().connect();
    let late =
        client.with().deadline(Duration::from_millis(100)).map(&WAIT_FOR, vec![gate.clone(); 4]);
    for future in &late {
        assert!(matches!(future.result(), Err(Error::Timeout { .. })));
    }
    // Both workers have threads that wait still.
    assert_eq!(client.gather(client.map(&SLEEP, vec![1; 8])).expect("values"), vec![1; 8]);
    std::fs::write(gate, "").expect("a file");
}

fn threads(place: &Place) -> u32 {
    if let Place::Remote { threads, .. } = place { *threads } else { 0 }
}

fn fewer_workers_keep_every_value() {
    let cluster = Cluster::start(3);
    let client = cluster.connect();
    let before = client.map(&SLEEP, vec![2; 300]);
    assert!(distributed::wait(&before, DEADLINE));
    let data = client.scatter(&vec![1_u8; 1 << 20]);
    let during = client.map(&SLEEP, vec![5; 200]);
    match client.scale(4) {
        Err(Error::Unsupported { what }) => assert!(what.contains("its deployment"), "{what}"),
        other => panic!("{other:?}"),
    }
    client.scale(3).expect("so many there are");
    client.scale(2).expect("one retires");
    client.scale(1).expect("and another");
    eventually("two have gone", || client.info().workers.len() == 1);
    assert_eq!(client.gather(during).expect("values"), vec![5; 200]);
    let after = client.map(&ADD, before.iter().map(|future| With((future, future))));
    assert_eq!(client.gather(after).expect("values"), vec![4; 300]);
    assert_eq!(client.submit(&SUM_BYTES, &data).result().expect("a sum"), 1 << 20);
    assert!(matches!(client.scale(2), Err(Error::Unsupported { .. })));
    assert_eq!(client.info().workers.len(), 1, "one stays");
}
