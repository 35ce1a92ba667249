//! What Dask's clusters have and those of this machine do not: many workers'
//! memory, resources, and an operator.

use std::time::Instant;

use crate::common::INCREMENT;
use crate::dask::shared;

pub(crate) const TESTS: &[(&str, fn())] =
    &[("ten_thousand_calls_of_futures_are_few_tasks", ten_thousand_calls_of_futures)];

fn ten_thousand_calls_of_futures() {
    let client = shared().connect();
    let mut futures = client.map(&INCREMENT, 0..10_000);
    for _ in 0..3 {
        let started = Instant::now();
        futures = client.map(&INCREMENT, &futures);
        assert!(distributed::wait(&futures, crate::common::DEADLINE));
        println!("{:.1} us a call", started.elapsed().as_secs_f64() * 1e6 / 10_000.0);
    }
    let values = client.gather(futures).expect("values");
    assert!(values.into_iter().eq(3 + 1..10_004), "they are in order");
}
