//! Work on arrays: where memory ends and arithmetic begins, in one thread or two.

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::time::Duration;

use report::suite::{Claim, Routine, Scale, Workload, fresh, observed, refused, repeat};
use threads::simd::{self, Isa};
use threads::{Mapping, Pages, Pinned, scoped, serial, sin, squares, work_stealing};

use crate::{small, spinning};

/// A list of squares, in whatever memory.
type Squares = Box<dyn Deref<Target = [u64]>>;

/// The same squares, where what they take can be seen: is it the arithmetic, or
/// the memory that nobody has touched before?
pub(crate) fn squares_once() -> Workload<Squares> {
    let memory = SameMemory::default();
    let for_limit = memory.clone();
    Workload::new("squares_once", "The squares of 0 to m - 1, in new memory and in old")
        .parameter("m", vec![10_000, 1_000_000])
        .elements(|m| m)
        .check(|m, list: &Squares| {
            let right = list.iter().copied().eq((0..m).map(|x| x * x));
            if right { Ok(()) } else { Err(format!("these are not the squares below {m}")) }
        })
        .expect_python(|m| format!("{m} squares, sum {}", (m - 1) * m * (2 * m - 1) / 6))
        .model("list", |m| repeat(move || Box::new(squares(black_box(small(m)))) as _))
        .limit(
            "fill",
            move |m| {
                observed(
                    (for_limit.of(m), 0),
                    |(out, with)| {
                        *with += 1;
                        simd::fill(&mut out.borrow_mut(), *with);
                    },
                    |(out, with)| {
                        let filled = out.borrow().iter().all(|x| x == with);
                        out.borrow_mut().fill(0);
                        filled
                    },
                )
            },
            |_, filled| if *filled { Ok(()) } else { Err("an element was left out".into()) },
        )
        .model("first_touch", |m| repeat(move || squares_in_new(m, Pages::Small)))
        .model("first_touch_large", |m| repeat(move || squares_in_new(m, Pages::Large)))
        .model("reused", move |m| {
            observed(
                memory.of(m),
                |out| simd::squares_into(&mut out.borrow_mut()),
                |out| {
                    let squares = out.borrow().to_vec();
                    // The squares of the time before must not do for the next.
                    out.borrow_mut().fill(0);
                    Box::new(squares) as _
                },
            )
        })
        .python("python_list")
        .python("numpy_new")
        .python("numpy_reused")
        .note(
            "`list` allocates, and whether that is memory that was touched before is the \
             allocator's affair. `first_touch` has new pages from the system each time, of 4 KiB, \
             `first_touch_large` of 2 MiB if the system has them; `reused` writes over what is \
             there, in pages as large. Memory is given back outside the clock.",
        )
        .note(
            "The limit `fill` writes one number everywhere, over the same memory as `reused`, by \
             the widest instructions that there are.",
        )
        .note("numpy_reused reads 0, 1, 2 and so on from an array, which `reused` counts itself.")
        .claim(
            Claim::new(49, "A list of squares is made fifty times as fast as Python's")
                .compares("list", "python_list")
                .at(1_000_000)
                .at_most(1.0 / 50.0)
                .predicted("0.01: an integer of Python's is an object"),
        )
        .claim(
            Claim::new(49, "Over what is there, squares are 1.3 times as fast as NumPy's")
                .compares("reused", "numpy_reused")
                .at(1_000_000)
                .at_most(1.0 / 1.3)
                .predicted("0.6, for NumPy reads an array as well"),
        )
}

/// One array for all rows that write over what is there. In arrays of their own some
/// took half as long again as others, or twice as long, for as long as a process
/// lived: where memory lies in the machine is the system's affair.
#[derive(Clone, Default)]
struct SameMemory(Rc<RefCell<Weak<RefCell<Mapping<u64>>>>>);

impl SameMemory {
    fn of(&self, m: u64) -> Rc<RefCell<Mapping<u64>>> {
        let m = small(m) as usize;
        let known = self.0.borrow().upgrade().filter(|known| known.borrow().len() == m);
        known.unwrap_or_else(|| {
            let new = Mapping::new(m, Pages::Large);
            let new = Rc::new(RefCell::new(new.unwrap_or_else(|error| refused(error.to_string()))));
            *self.0.borrow_mut() = Rc::downgrade(&new);
            new
        })
    }
}

fn squares_in_new(m: u64, pages: Pages) -> Squares {
    let m = black_box(small(m)) as usize;
    let mut out = Mapping::new(m, pages).unwrap_or_else(|error| refused(error.to_string()));
    simd::squares_into(&mut out);
    Box::new(out)
}

pub(crate) fn sin_in_place(scale: Scale) -> Workload<Vec<f64>> {
    let elements =
        scale.pick([10_000, 100_000, 1_000_000], [10_000, 100_000, 1_000_000, OUT_OF_EVERY_CACHE]);
    let workload = Workload::new("sin", "The sine of each element of an array, in place")
        .parameter("elements", elements)
        .elements(|n| n)
        .check(check_sines())
        .check_python(check_sum_of_sines)
        .model("serial", |n| in_place(n, |x| serial::for_each_chunk(x, sin)))
        .limit(
            "memory",
            |n| in_place(n, |x| simd::scale(x, black_box(-1.0))),
            |n, x| check_negated(n, x),
        )
        .model("scoped_2", |n| in_place(n, |x| scoped::for_each_chunk(x, 2, sin)))
        .model("scoped_10", |n| in_place(n, |x| scoped::for_each_chunk(x, 10, sin)))
        .model("work_stealing", |n| {
            work_stealing::start();
            in_place(n, |x| work_stealing::for_each_chunk(x, sin))
        })
        .model("simd", |n| in_place(n, |x| serial::for_each_chunk(x, simd::sin)))
        .model("simd_avx2", |n| {
            if !Isa::Avx2.is_supported() {
                refused("this machine has no AVX2");
            }
            in_place(n, |x| serial::for_each_chunk(x, |x| Isa::Avx2.sin(x)))
        })
        .model("simd_scoped_2", |n| in_place(n, |x| scoped::for_each_chunk(x, 2, simd::sin)))
        .model("simd_pinned_2", |n| {
            let mut pinned = pinned_2().awake_for(BETWEEN_CALLS);
            in_place(n, move |x| pinned.for_each_chunk(x, simd::sin))
        })
        .model("simd_woken_2", |n| {
            let mut pinned = pinned_2();
            in_place(n, move |x| pinned.for_each_chunk(x, simd::sin))
        })
        .model("simd_spinning_2", |n| spinning::in_two_halves(move || angles(n), simd::sin))
        .python("numpy_serial")
        .python("numpy_threads_2")
        .note(
            "Each iteration has a fresh copy of 0, 1, 2 and so on, made outside the clock: the \
             sine of a sine is another workload, its arguments need no range reduction.",
        )
        .note(
            "Threads are started inside the clock, rayon's and the pinned ones before it. NumPy's \
             form makes a temporary array, and its sine is another one: its sum is checked, not \
             its bits.",
        )
        .note(
            "The `simd` models compute several elements at a time, `simd_avx2` four even where \
             eight can be had. The others call `f64::sin` for each, as NumPy does.",
        )
        .note(
            "The limit `memory` multiplies each element by -1: the same array is read and written, \
             by one thread, and there is hardly anything to compute. Two threads may reach more \
             than all of it.",
        )
        .note(
            "Only the threads of `simd_pinned_2`, `simd_woken_2` and `simd_spinning_2` are pinned; \
             those of the others run where the system likes. Between two calls the second thread \
             of `simd_pinned_2` stays awake for 10 ms, that of `simd_woken_2` sleeps, and that of \
             `simd_spinning_2` is made ready outside the clock: it is what two cores can gain.",
        )
        .claim(
            Claim::new(47, "Two threads gain at least 1.5x over an array (Rust)")
                .compares("scoped_2", "serial")
                .at(1_000_000)
                .at_most(0.667)
                .on_cores(2)
                .predicted("0.55; at 10,000 above 1, where starting threads costs more"),
        )
        .claim(
            Claim::new(47, "Two threads gain at least 1.5x over an array (NumPy)")
                .compares("numpy_threads_2", "numpy_serial")
                .at(1_000_000)
                .at_most(0.667)
                .on_cores(2)
                .predicted("0.6, for NumPy lets go of the interpreter lock in its loops"),
        )
        .claim(
            Claim::new(47, "Two pinned threads gain at least 1.7x (vector instructions)")
                .compares("simd_pinned_2", "simd")
                .at(1_000_000)
                .at_most(1.0 / 1.7)
                .on_cores(2)
                .predicted("0.53: the other thread is awake, so handing over takes some 5 us"),
        )
        .claim(
            Claim::new(45, "Four elements at a time are 2.5 times as fast as NumPy's sine")
                .compares("simd_avx2", "numpy_serial")
                .at(1_000_000)
                .at_most(1.0 / 2.5)
                .predicted("0.15: NumPy calls `sin` for each element, and makes a new array"),
        );
    if Isa::best() != Isa::Avx512 {
        return workload;
    }
    let workload = workload.claim(
        Claim::new(45, "Eight elements at a time are 5.5 times as fast as NumPy's sine")
            .compares("simd", "numpy_serial")
            .at(1_000_000)
            .at_most(1.0 / 5.5)
            .predicted("0.08"),
    );
    match scale {
        Scale::Quick => workload,
        Scale::Full => workload.claim(
            Claim::new(45, "Out of every cache they are 4 times as fast as NumPy's sine")
                .compares("simd", "numpy_serial")
                .at(OUT_OF_EVERY_CACHE)
                .at_most(1.0 / 4.0)
                .predicted("0.1: memory is not yet all of it"),
        ),
    }
}

/// Two threads on a core each, the caller one of them.
fn pinned_2() -> Pinned {
    Pinned::start(2).unwrap_or_else(|error| refused(error.to_string()))
}

/// More than making an array and checking its sines takes at a million elements.
const BETWEEN_CALLS: Duration = Duration::from_millis(10);

/// 800 MB: more than the caches of any machine that this is likely to run on.
const OUT_OF_EVERY_CACHE: u64 = 100_000_000;

fn angles(n: u64) -> Vec<f64> {
    (0..n).map(|x| x as f64).collect()
}

fn in_place(n: u64, mut work: impl FnMut(&mut [f64]) + 'static) -> Routine<Vec<f64>> {
    fresh(
        move || angles(n),
        move |mut x| {
            work(&mut x);
            x
        },
    )
}

fn check_negated(n: u64, x: &[f64]) -> Result<(), String> {
    let right = x.iter().copied().eq((0..n).map(|x| -(x as f64)));
    if right { Ok(()) } else { Err(format!("these are not 0 to {} with the sign changed", n - 1)) }
}

/// All sines must be those of `f64::sin`, or all those of the vector kernel: the
/// two round some to different sides.
fn check_sines() -> impl Fn(u64, &Vec<f64>) -> Result<(), String> {
    // Those of the latest parameter: all of them together may be gigabytes.
    let known = RefCell::new((0, Vec::new(), Vec::new()));
    move |n, sines| {
        let mut known = known.borrow_mut();
        if known.0 != n {
            let (mut scalar, mut vector) = (angles(n), angles(n));
            sin(&mut scalar);
            simd::sin(&mut vector);
            *known = (n, scalar, vector);
        }
        let (_, scalar, vector) = &*known;
        if sines == scalar || sines == vector {
            return Ok(());
        }
        if sines.len() != scalar.len() {
            return Err(format!("{} sines of {n} angles", sines.len()));
        }
        let wrong = |(at, sine): (usize, &f64)| *sine != scalar[at] && *sine != vector[at];
        Err(match sines.iter().enumerate().find(|place| wrong(*place)) {
            Some((at, sine)) => format!("sin {at} is {sine}, expected {}", scalar[at]),
            None => "some of the library's sines and some of the vector kernel's".into(),
        })
    }
}

/// NumPy adds in another order and its sines differ in the last place, so the
/// sum is compared; one element left out or done twice changes it visibly.
fn check_sum_of_sines(n: u64, answer: &str) -> Result<(), String> {
    let expected: f64 = angles(n).into_iter().map(f64::sin).sum();
    let got: Option<f64> = answer.strip_prefix("sum ").and_then(|sum| sum.parse().ok());
    match got {
        Some(sum) if (sum - expected).abs() <= 2e-6 => Ok(()),
        _ => Err(format!("got {answer:?}, expected sum {expected:.6}")),
    }
}

/// One multiplication for each element that is read and written: memory's limit.
pub(crate) fn multiply(scale: Scale) -> Workload<usize> {
    let elements = scale.pick([10_000, 1_000_000], [10_000, 1_000_000, OUT_OF_EVERY_CACHE]);
    let negate = |x: &mut [f64]| simd::scale(x, black_box(-1.0));
    let workload = Workload::new("multiply", "Each element of an array times a number, in place")
        .parameter("elements", elements)
        .elements(|n| n)
        .expect(|_| 0)
        .expect_python(|n| format!("sum {}", (n - 1) * n / 2))
        .model("serial", move |n| negating(n, Pages::Small, negate))
        .model("large_pages", move |n| negating(n, Pages::Large, negate))
        .model("pinned_2", move |n| {
            let mut pinned = pinned_2().awake_for(BETWEEN_CALLS);
            negating(n, Pages::Large, move |x| pinned.for_each_chunk(x, negate))
        })
        .python("numpy_serial")
        .note("The number is -1, so that the array stays as it is but for its signs.")
        .note(
            "`serial` has pages of 4 KiB; `large_pages` and `pinned_2` ask for 2 MiB, as NumPy \
             does by itself. The threads of `pinned_2` have the same half each time.",
        );
    let no_slower = |at| {
        Claim::new(45, "Multiplying in place is no slower than NumPy")
            .compares("large_pages", "numpy_serial")
            .at(at)
            .at_most(1.0)
            .predicted("0.95: memory is all of it")
    };
    let workload = workload.claim(no_slower(1_000_000));
    match scale {
        Scale::Quick => workload,
        Scale::Full => workload.claim(no_slower(OUT_OF_EVERY_CACHE)),
    }
}

/// `negate` on an array that stays; the result is how many elements are wrong.
fn negating(n: u64, pages: Pages, mut negate: impl FnMut(&mut [f64]) + 'static) -> Routine<usize> {
    let n = usize::try_from(n).expect("an array has so many");
    let mut x = Mapping::new(n, pages).unwrap_or_else(|error| refused(error.to_string()));
    x.iter_mut().enumerate().for_each(|(i, x)| *x = i as f64);
    observed(
        (x, false),
        move |(x, negative)| {
            negate(x);
            *negative = !*negative;
        },
        |(x, negative)| {
            let right = |i: usize| if *negative { -(i as f64) } else { i as f64 };
            x.iter().enumerate().filter(|(i, x)| x.to_bits() != right(*i).to_bits()).count()
        },
    )
}
