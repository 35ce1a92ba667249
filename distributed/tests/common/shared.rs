//! What is asked of clients here and of those of a Dask cluster alike.

use distributed::{Client, Error, Future, With, as_completed, delayed};

use super::{
    ADD, INCREMENT, LOG, PANIC_ON_ODD, SUM, SUM_BYTES, TOUCH, WAIT_FOR, directory, eventually, text,
};

pub(crate) fn futures_are_arguments(client: &Client) {
    let one = client.submit(&INCREMENT, 0);
    let two = client.submit(&INCREMENT, &one);
    let three = client.submit(&ADD, With((&one, &two)));
    let thirteen = client.submit(&ADD, With((&three, 10)));
    let twice = client.submit(&ADD, With((&thirteen, &thirteen)));
    let sum = client.submit(&SUM, &[one, two, three, thirteen]);
    assert_eq!(twice.result().expect("a value"), 26);
    assert_eq!(sum.result().expect("a value"), 1 + 2 + 3 + 13);
    let none: &[Future<u64>] = &[];
    assert_eq!(client.submit(&SUM, none).result().expect("a value"), 0);
}

pub(crate) fn a_panic(client: &Client) {
    let directory = directory();
    let file = directory.path().join("ran");
    let odd = client.submit(&PANIC_ON_ODD, 7);
    let next = client.submit(&INCREMENT, &odd);
    let touched = client.submit(&TOUCH, With((&next, text(&file))));
    for error in [touched.result().err(), next.result().err(), odd.result().err()] {
        match error {
            Some(Error::Panicked { task: "panic_on_odd", message, .. }) => {
                assert_eq!(message, "7 is odd");
            }
            other => panic!("{other:?}"),
        }
    }
    let late = client.submit(&INCREMENT, &next);
    assert!(matches!(late.result(), Err(Error::Panicked { .. })));
    assert!(!file.exists());
    let mixed = client.map(&PANIC_ON_ODD, 0..100);
    let fine = mixed.iter().filter(|future| future.result().is_ok()).count();
    assert_eq!(fine, 50, "a panic is of no other call, whatever it shares");
}

pub(crate) fn results_come_as_they_are_done(client: &Client) {
    let directory = directory();
    let gate = directory.path().join("gate");
    let held = client.submit(&WAIT_FOR, text(&gate));
    let quick = client.submit(&WAIT_FOR, text(directory.path()));
    let held_id = held.id();
    let mut completed = as_completed([held, quick]);
    assert_eq!(completed.len(), 2);
    assert_ne!(completed.next().expect("the quick one").id(), held_id);
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(completed.next().expect("the other").id(), held_id);
    assert!(completed.next().is_none());
}

pub(crate) fn scattered_data_is_an_argument_of_many(client: &Client) {
    let data = client.scatter(&vec![1_u8; 1 << 20]);
    let sums: Vec<_> = (0..4).map(|_| client.submit(&SUM_BYTES, &data)).collect();
    assert_eq!(client.gather(sums).expect("sums"), vec![1 << 20; 4]);
    assert_eq!(data.result().expect("it can be read back").len(), 1 << 20);
}

pub(crate) fn a_graph_runs_each_node_once(client: &Client) {
    let directory = directory();
    let log = text(&directory.path().join("log"));
    let root = delayed(&LOG, (log.clone(), 1));
    let left = delayed(&LOG, With((log.clone(), &root)));
    let right = delayed(&LOG, With((log.clone(), &root)));
    let unused = delayed(&LOG, With((log.clone(), &left)));
    let sum = delayed(&SUM, &[left, right, root.clone()]);
    assert_eq!(sum.compute(client).expect("a sum"), 3 + 3 + 2);
    let lines = std::fs::read_to_string(&log).expect("a log").lines().count();
    assert_eq!(lines, 3, "root, left and right ran once each");
    assert_eq!(unused.compute(client).expect("a value"), 4);
    eventually("all is forgotten", || client.info().waiting == 0);
}
