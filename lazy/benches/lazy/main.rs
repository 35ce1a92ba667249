//! What is measured of laziness, and how each result is known to be right.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use lazy::{
    EagerFactorial, LazyFactorial, chain, factorial, multiply, parallel_swing, prime_swing, race,
    take,
};
use num_bigint::BigUint;
use report::suite::{Claim, Routine, Scale, Suite, Workload, fresh, observed, repeat, timed};

#[cfg(lazy_malachite)]
mod malachite;

fn main() -> ExitCode {
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("lazy")
        .workload(factorials())
        .workload(algorithms(scale))
        .workload(on_threads(scale))
        .workload(squares())
        .workload(comparisons())
        .workload(chains(scale))
        .workload(takes())
}

/// The lecture's class at its own n: what creating, computing and asking again cost.
fn factorials() -> Workload<BigUint> {
    Workload::new("factorial", "a factorial made at once, put off, computed, and asked for again")
        .parameter("factors", vec![1, 100, 300, 1_000])
        .unranked()
        .expect(descending_product)
        .expect_python(|n| format!("{:x}", descending_product(n)))
        .model("eager", |n| repeat(move || EagerFactorial::new(small(n)).into_value()))
        .model("lazy_create", |n| {
            let n = small(n);
            // Values that nobody asked for are looked at one in a batch: to
            // compute all of them would take a thousand times as long as
            // what is measured.
            observed(
                LazyFactorial::new(n),
                move |lazy| *lazy = LazyFactorial::new(black_box(n)),
                |lazy| lazy.compute().clone(),
            )
        })
        .model("lazy_first", |n| {
            fresh(
                move || LazyFactorial::new(small(n)),
                |lazy| {
                    lazy.compute();
                    lazy.into_value()
                },
            )
        })
        .model("lazy_cached", |n| {
            let lazy = LazyFactorial::new(small(n));
            lazy.compute();
            observed(
                lazy,
                |lazy| {
                    black_box(lazy.compute());
                },
                |lazy| lazy.compute().clone(),
            )
        })
        .model("lazy_shared", |n| raced(small(n)))
        .python("python_eager")
        .python("python_lazy_create")
        .python("python_lazy_first")
        .python("python_lazy_cached")
        .note(
            "lazy_create only creates; lazy_first computes what was created before the clock \
             started; lazy_cached asks again, by reference.",
        )
        .note(
            "lazy_shared is lazy_first with two threads that ask at the same moment: its time \
             includes their meeting before each value and the waking of whoever came second, not \
             their start.",
        )
        .note("Values read by reference are looked at once a batch of at most 65,536.")
        .claim(
            Claim::new(36, "creating a lazy value costs nothing beside computing it")
                .compares("lazy_create", "lazy_first")
                .at(1_000)
                .at_most(1e-2)
                .predicted("about 3e-5: a nanosecond against some tens of microseconds"),
        )
        .claim(
            Claim::new(37, "the second compute finds the value in the cache")
                .compares("lazy_cached", "lazy_first")
                .at(1_000)
                .at_most(1e-3)
                .predicted("about 3e-5, because the value is lent; a clone would cost 1e-3"),
        )
}

/// Two threads ask for each of `iterations` values.
fn raced(n: u32) -> Routine<BigUint> {
    // Enough that starting two threads for so many is lost even in wall time,
    // and few enough to keep.
    const AT_A_TIME: u64 = 1_024;
    timed(move |iterations| {
        let (mut taken, mut results) = (Duration::ZERO, Vec::new());
        let mut left = iterations;
        while left > 0 {
            let size = left.min(AT_A_TIME);
            let values: Vec<_> = (0..size).map(|_| LazyFactorial::new(n)).collect();
            taken += race(&values, 2, |value| {
                black_box(value.compute());
            });
            results.extend(values.into_iter().map(LazyFactorial::into_value));
            // Equal results are checked, and kept, once.
            results.dedup();
            left -= size;
        }
        Ok((taken, results))
    })
}

/// The work itself, whenever it is done: what a better algorithm is worth.
fn algorithms(scale: Scale) -> Workload<BigUint> {
    let workload =
        Workload::new("algorithms", "n! by the lecture's loop, and by better algorithms")
            .parameter("factors", scale.pick([1_000, 10_000], [1_000, 10_000, 100_000]))
            .expect(known_factorial)
            .expect_python(|n| format!("{:x}", known_factorial(n)))
            .model("loop", |n| repeat(move || factorial(black_box(small(n)))))
            .model("prime_swing", |n| repeat(move || prime_swing(black_box(small(n)))));
    #[cfg(lazy_malachite)]
    let workload = workload.model("malachite", |n| malachite::factorial(small(n)));
    let workload = workload
        .python("python_loop")
        .python("python_math")
        .python("python_gmpy2")
        .note("python_math is `math.factorial`, written in C; python_gmpy2 is GMP, by `gmpy2.fac`.")
        .note("At 100,000 Python's loop takes seconds, so that is for full runs.")
        .claim(faster_than_math(1_000, 2.5, "0.26"))
        .claim(faster_than_math(10_000, 3.0, "0.18"));
    match scale {
        Scale::Quick => workload,
        Scale::Full => workload.claim(faster_than_math(100_000, 4.0, "0.07")),
    }
}

/// That prime swing takes at most one in so many parts of `math.factorial`'s time. The
/// lecture only has the loop.
fn faster_than_math(n: u64, times: f64, seen: &str) -> Claim {
    Claim::new(35, format!("{n}! by prime swing is {times} times as fast as math.factorial's"))
        .compares("prime_swing", "python_math")
        .at(n)
        .at_most(1.0 / times)
        .predicted(format!("{seen}, which had been seen when this was written; the rule is older"))
}

/// Factorials so long that a second thread is worth its waking.
fn on_threads(scale: Scale) -> Workload<BigUint> {
    Workload::new("parallel", "n! by prime swing, on one thread and on many")
        .parameter("factors", scale.pick([300_000], [300_000, 1_000_000]))
        .expect(known_factorial)
        .expect_python(|n| format!("{:x}", known_factorial(n)))
        .model("prime_swing", |n| repeat(move || prime_swing(black_box(small(n)))))
        .model("parallel_swing", |n| {
            // Asking is what starts the pool.
            black_box(rayon::current_num_threads());
            repeat(move || parallel_swing(black_box(small(n))))
        })
        .python("python_gmpy2")
        .note("parallel_swing runs on rayon's global pool, which is started before the clock.")
}

/// What factorials are made of: our multiplication beside num-bigint's.
fn squares() -> Workload<BigUint> {
    let workload = Workload::new("square", "the square of a power of 7 of about n words")
        .parameter("words", vec![30, 100, 300, 1_000, 10_000])
        .expect(|words| BigUint::from(7_u32).pow(2 * sevens(words)))
        .expect_python(|words| format!("{:x}", BigUint::from(7_u32).pow(2 * sevens(words))))
        .model("num_bigint", |words| {
            let number = BigUint::from(7_u32).pow(sevens(words));
            repeat(move || black_box(&number) * black_box(&number))
        })
        .model("multiply_product", |words| {
            let (a, b) =
                (BigUint::from(7_u32).pow(sevens(words)), BigUint::from(7_u32).pow(sevens(words)));
            repeat(move || multiply::product(black_box(&a), black_box(&b)))
        })
        .model("multiply_square", |words| {
            let number = BigUint::from(7_u32).pow(sevens(words));
            repeat(move || multiply::square(black_box(&number)))
        });
    #[cfg(lazy_malachite)]
    let workload = workload.model("malachite", |words| malachite::square(sevens(words)));
    workload
        .python("python_int")
        .python("python_gmpy2")
        .note("multiply_product is not told that its factors are equal.")
}

/// The power of 7 that fills so many words.
fn sevens(words: u64) -> u32 {
    small((words as f64 * 64.0 / 7_f64.log2()) as u64)
}

/// The known answer, by a product tree: quick, and neither of the two.
fn known_factorial(n: u64) -> BigUint {
    fn product(from: u64, to: u64) -> BigUint {
        if to - from < 8 {
            return (from..=to).product();
        }
        let middle = u64::midpoint(from, to);
        product(from, middle) * product(middle + 1, to)
    }
    product(1, n)
}

/// `LazyFactorial(100) < LazyFactorial(300)`, which the lecture misspells.
fn comparisons() -> Workload<Compared> {
    Workload::new("compare", "whether n! < (3n)!, by value and by n")
        .parameter("factors of the smaller", vec![100, 1_000])
        .check(|_, (less, _)| if *less { Ok(()) } else { Err("n! came out as not less".into()) })
        .expect_python(|_| "True".into())
        .model("by_value", |n| {
            fresh(
                move || pair(n),
                |(a, b)| {
                    let less = a.compute() < b.compute();
                    // Handed back, so that freeing both numbers is not timed.
                    (less, Some((a, b)))
                },
            )
        })
        .model("by_value_cached", |n| {
            let (a, b) = pair(n);
            a.compute();
            b.compute();
            comparing((a, b), |(a, b)| a.compute() < b.compute())
        })
        .model("by_n", |n| comparing(pair(n), |(a, b)| a < b))
        .python("python_by_value")
        .python("python_by_n")
        .note("by_value computes both factorials first; by_value_cached finds them computed.")
        .note("Values read by reference are looked at once a batch of at most 65,536.")
        .claim(
            Claim::new(38, "lazy factorials compare without being computed")
                .compares("by_n", "by_value")
                .at(100)
                .at_most(1e-2)
                .predicted("about 3e-4: two integers against two loops of 100 and 300 products"),
        )
}

type Pair = (LazyFactorial, LazyFactorial);
type Compared = (bool, Option<Pair>);

fn pair(n: u64) -> Pair {
    (LazyFactorial::new(small(n)), LazyFactorial::new(small(3 * n)))
}

/// A comparison that leaves its operands as they are.
fn comparing(pair: Pair, less: impl Fn(&Pair) -> bool + 'static) -> Routine<Compared> {
    observed(
        (pair, false),
        move |(pair, answer)| *answer = less(black_box(pair)),
        |(_, answer)| (*answer, None),
    )
}

/// Every result is wanted: what do the values between the stages cost?
fn chains(scale: Scale) -> Workload<u64> {
    Workload::new("chain", "the sum of the halves of the even 3x + 1, for x below n")
        .parameter("elements", scale.pick([100_000, 1_000_000], [100_000, 1_000_000, 10_000_000]))
        .elements(|n| n)
        .expect(sum_of_halves)
        .expect_python(|n| sum_of_halves(n).to_string())
        .model("eager", |n| summing(n, |x| chain::eager(x, triple_plus_one, is_even, half)))
        .model("lazy", |n| summing(n, |x| chain::lazy(x, triple_plus_one, is_even, half)))
        .model("handwritten", |n| {
            summing(n, |x| chain::handwritten(x, triple_plus_one, is_even, half))
        })
        .python("python_list")
        .python("python_generator")
        .python("numpy_eager")
        .note(
            "All models call each stage equally often; the eager ones store what is between them.",
        )
        .claim(
            Claim::new(
                31,
                "avoid calculating unneeded intermediate values: fused stages store nothing",
            )
            .compares("lazy", "eager")
            .at(1_000_000)
            .at_most(0.5)
            .predicted("0.05 to 0.3: eager's time goes to memory, page faults included"),
        )
}

/// What [`chains`] comes to: x must be odd, and x = 2i + 1 gives 3i + 2.
fn sum_of_halves(n: u64) -> u64 {
    (0..n / 2).map(|i| 3 * i + 2).sum()
}

fn triple_plus_one(x: u64) -> u64 {
    3 * x + 1
}

fn is_even(x: &u64) -> bool {
    x.is_multiple_of(2)
}

fn half(x: u64) -> u64 {
    x / 2
}

fn summing(n: u64, sum: impl Fn(&[u64]) -> u64 + 'static) -> Routine<u64> {
    let input: Vec<u64> = (0..n).collect();
    repeat(move || sum(black_box(&input)))
}

/// How many results there are to take from.
const LENGTH: u64 = 100_000;

/// Only the first k results are wanted: where does laziness stop to pay?
fn takes() -> Workload<Vec<u64>> {
    Workload::new("take", "the first k of 100,000 results of three maps")
        .parameter("results wanted", vec![1, 10, 100, 10_000, LENGTH])
        .elements(|k| k)
        .expect(|k| (0..k).map(|x| 3 * x + 4).collect())
        .expect_python(|k| format!("{k} results, sum {}", 3 * k * (k - 1) / 2 + 4 * k))
        .model("eager", |k| taking(k, |x, k| take::eager(x, k, plus_one, triple, plus_one)))
        .model("lazy", |k| taking(k, |x, k| take::lazy(x, k, plus_one, triple, plus_one)))
        .model("lazy_boxed", |k| taking(k, |x, k| take::boxed(x, k, plus_one, triple, plus_one)))
        .python("python_list")
        .python("python_generator")
        .note("lazy_boxed calls its stages through dyn Iterator, much as Python's generators do.")
        .note(
            "Where all results are wanted, eager evaluation may have the cheaper bookkeeping: a \
             store where lazy_boxed has an indirect call. Fused stages have neither.",
        )
        .claim(
            Claim::new(30, "fastest code is code that does not run")
                .compares("lazy", "eager")
                .at(10)
                .at_most(0.01)
                .predicted("about 1e-3: 30 calls against 300,000, one allocation against three"),
        )
}

fn plus_one(x: u64) -> u64 {
    x + 1
}

fn triple(x: u64) -> u64 {
    3 * x
}

fn taking(k: u64, take: impl Fn(&[u64], usize) -> Vec<u64> + 'static) -> Routine<Vec<u64>> {
    let input: Vec<u64> = (0..LENGTH).collect();
    let k = usize::try_from(k).expect("k is at most the length of a slice");
    repeat(move || take(black_box(&input), black_box(k)))
}

/// n! by another loop than the library's: downwards.
fn descending_product(n: u64) -> BigUint {
    (1..=n).rev().product()
}

/// The suite counts in `u64`, a factorial in `u32`.
fn small(n: u64) -> u32 {
    u32::try_from(n).expect("no suite asks for the factorial of four billion")
}
