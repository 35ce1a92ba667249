//! Values that cannot be sent, or not be understood: 11 to 18, and 20.

use std::time::Duration;

use distributed::{Client, Error, Future};
use processes::{Error as CallError, Exit, Side};
use serde_bytes::ByteBuf;

use crate::deaths::given_up;
use crate::harness::{both, cluster, fault, timed};
use crate::tasks::{ECHO, Fickle, GIVE, INCREMENT, PID, REFUSE, SLEEP, TAKE};

fn call_error<T: std::fmt::Debug>(outcome: Result<T, Error>) -> CallError {
    match outcome {
        Err(Error::Call(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn pid(client: &Client) -> u32 {
    client.submit(&PID, ()).result().expect("a pid")
}

#[test]
fn fault_11_argument_cannot_be_encoded() {
    fault("coding::fault_11_argument_cannot_be_encoded", || {
        for (name, client) in both(2) {
            let good = client.submit(&TAKE, Fickle(7));
            let bad = client.submit(&TAKE, Fickle(1));
            let what = format!("11 {name}: `Encode` to its caller; cluster goes on");
            match timed(&what, || call_error(bad.result())) {
                CallError::Encode { side: Side::Input, why, .. } => {
                    assert_eq!(why, "a one is not sent");
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(good.result().expect("it is fine"), 7);
            // What takes its result fails alike.
            let dependant = client.submit(&GIVE, &bad);
            assert!(matches!(call_error(dependant.result()), CallError::Encode { .. }));
        }
    });
}

#[test]
fn fault_12_a_hundred_arguments_cannot_be_encoded() {
    fault("coding::fault_12_a_hundred_arguments_cannot_be_encoded", || {
        for (name, client) in both(2) {
            timed(&format!("12 {name}: 100 `Encode`, the good ones done"), || {
                let bad: Vec<_> = (0..100).map(|_| client.submit(&TAKE, Fickle(1))).collect();
                let good: Vec<_> = (0..10).map(|n| client.submit(&INCREMENT, n)).collect();
                for future in bad {
                    assert!(matches!(call_error(future.result()), CallError::Encode { .. }));
                }
                assert_eq!(client.gather(good).expect("fine"), (1..11).collect::<Vec<_>>());
            });
            let mixed = (0..101).map(|n| Fickle(if n == 100 { 9 } else { 1 }));
            let outcomes: Vec<_> = client.map(&TAKE, mixed).iter().map(Future::result).collect();
            assert!(outcomes[..100].iter().all(Result::is_err));
            assert_eq!(outcomes[100].as_ref().ok(), Some(&9));
        }
    });
}

#[test]
fn fault_13_argument_cannot_be_decoded() {
    fault("coding::fault_13_argument_cannot_be_decoded", || {
        for (name, client) in both(1) {
            let before = pid(&client);
            let futures = client.map(&TAKE, [0, 2, 3, 6].map(Fickle));
            let outcomes: Vec<_> =
                timed(&format!("13 {name}: `Decode`, same worker; cluster goes on"), || {
                    futures.iter().map(Future::result).collect()
                });
            assert_eq!(outcomes[0].as_ref().ok(), Some(&0));
            match call_error(outcomes[1].clone()) {
                CallError::Decode { side: Side::Input, why, .. } => {
                    assert_eq!(why, "a two is not understood");
                }
                other => panic!("{other:?}"),
            }
            assert!(matches!(outcomes[2], Err(Error::Panicked { .. })));
            assert_eq!(outcomes[3].as_ref().ok(), Some(&6));
            assert_eq!(pid(&client), before, "the worker lives on");
        }
    });
}

/// A task that leaves its process before or after its own code has run counts
/// like one that does so in the middle.
fn dies_while_it_codes(client: &Client, what: &str, code: i32, outcome: impl FnOnce() -> Error) {
    let error = timed(what, outcome);
    let (attempts, exit, _) = given_up::<()>(Err(error));
    assert_eq!((attempts, exit), (4, Exit::Exited(code)));
    assert_eq!(client.submit(&INCREMENT, 3).result().expect("the cluster works on"), 4);
}

#[test]
fn fault_14_worker_dies_while_it_decodes() {
    fault("coding::fault_14_worker_dies_while_it_decodes", || {
        let client = cluster(1);
        let future = client.submit(&TAKE, Fickle(4));
        let what = "14 `WorkerKilled` after 4 attempts; cluster goes on";
        dies_while_it_codes(&client, what, 4, || future.result().expect_err("it dies"));
    });
}

#[test]
fn fault_15_result_cannot_be_encoded() {
    fault("coding::fault_15_result_cannot_be_encoded", || {
        for (name, client) in both(1) {
            let before = pid(&client);
            let future = client.submit(&GIVE, 1);
            let what = format!("15 {name}: `Encode`, same worker; cluster goes on");
            let error = timed(&what, || call_error(future.result()));
            assert!(matches!(error, CallError::Encode { side: Side::Output, .. }), "{error:?}");
            assert_eq!(pid(&client), before, "the worker lives on");
        }
    });
}

#[test]
fn fault_16_worker_dies_while_it_encodes() {
    fault("coding::fault_16_worker_dies_while_it_encodes", || {
        let client = cluster(1);
        let future = client.submit(&GIVE, 5);
        let what = "16 `WorkerKilled` after 4 attempts; cluster goes on";
        dies_while_it_codes(&client, what, 5, || future.result().expect_err("it dies"));
    });
}

#[test]
fn fault_17_result_cannot_be_decoded() {
    fault("coding::fault_17_result_cannot_be_decoded", || {
        for (name, client) in both(1) {
            let before = pid(&client);
            let future = client.submit(&GIVE, 2);
            let what = format!("17 {name}: `Decode` to who asks; cluster goes on");
            let error = timed(&what, || call_error(future.result()));
            assert!(matches!(error, CallError::Decode { side: Side::Output, .. }), "{error:?}");
            // Another task that takes it cannot decode it either.
            let error = call_error(client.submit(&TAKE, &future).result());
            assert!(matches!(error, CallError::Decode { side: Side::Input, .. }), "{error:?}");
            // One that panics, in the thread of who asks.
            let panicked = client.submit(&GIVE, 3).result();
            assert!(matches!(panicked, Err(Error::Panicked { .. })), "{panicked:?}");
            let futures = client.map(&GIVE, [0, 3, 2, 6]);
            let outcomes: Vec<_> = futures.iter().map(Future::result).collect();
            assert_eq!(outcomes[0].as_ref().ok(), Some(&Fickle(0)));
            assert!(matches!(outcomes[1], Err(Error::Panicked { .. })));
            assert!(matches!(outcomes[2], Err(Error::Call(_))));
            assert_eq!(outcomes[3].as_ref().ok(), Some(&Fickle(6)));
            assert_eq!(pid(&client), before, "the worker lives on, and so does the cluster");
        }
    });
}

#[test]
fn fault_18_error_cannot_be_sent() {
    fault("coding::fault_18_error_cannot_be_sent", || {
        let client = cluster(1);
        let future = client.submit(&REFUSE, 7);
        match timed("18 `Unsendable` with the error's text; cluster goes on", || {
            call_error(future.result())
        }) {
            CallError::Unsendable { task: "refuse", error, why } => {
                assert_eq!(error, "connection 7 refused");
                assert_eq!(why, "it holds a socket");
            }
            other => panic!("{other:?}"),
        }
        let fine = client.submit(&REFUSE, 0).result().expect("it is sent");
        assert_eq!(fine.ok(), Some(0));
    });
}

#[test]
fn fault_20_large_argument_and_result() {
    fault("coding::fault_20_large_argument_and_result", || {
        // Signs of life must go on while so much is under way.
        let cluster = Client::local().n_workers(2).time_to_live(Duration::from_secs(2));
        let client = cluster.allowed_failures(0).start().expect("workers start");
        let bytes = ByteBuf::from((0..64_u32 << 20).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        let slow = client.submit(&SLEEP, 2_500);
        let echo = client.submit(&ECHO, bytes.clone());
        assert!(timed("20 equal bytes", || echo.result()).expect("an echo") == bytes);
        assert_eq!(slow.result().expect("a worker that works is not killed"), 2_500);
    });
}
