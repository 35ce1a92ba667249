//! Products of polynomials by number-theoretic transforms.
//!
//! x^2m - r^2 = (x^m - r)(x^m + r), so what is wanted modulo the left is known
//! from what it is modulo each factor on the right. Going on like this from x^n - 1
//! down to n factors x - r is the transform; there polynomials are multiplied
//! number by number. Each factor is a node of a binary tree: node 0 on every level
//! is x^m - 1, and below node j, x^2m - r^2, are the nodes 2j, x^m - r, and 2j + 1,
//! x^m + r. So r depends on j alone, and one table serves every length and every
//! subtree.
//!
//! Source: J. Pollard, "The fast Fourier transform in a finite field" (1971); the
//! tree is that of D. Bernstein, "Multidigit multiplication for mathematicians"
//! (2001); numbers that are reduced only half the time are D. Harvey's, "Faster
//! arithmetic for number-theoretic transforms" (2014).

use std::marker::PhantomData;

use super::Join;
use super::field::{Prime, exactly, inverse, montgomery, once, times};

/// So many numbers are transformed pass by pass, for they stay in the first cache;
/// more are cut into quarters first.
const IN_CACHE: usize = 1 << 11;

/// So many numbers are worth handing to another thread.
const WORTH_A_THREAD: usize = 1 << 15;

/// The roots r of all nodes below some j, in Montgomery's form.
pub(super) struct Roots<F> {
    table: Vec<u64>,
    field: PhantomData<F>,
}

impl<F: Prime> Roots<F> {
    /// The roots for transforms of up to `len` numbers.
    pub(super) fn up_to(len: usize) -> Self {
        let mut table = Vec::with_capacity(len.div_ceil(2).next_power_of_two());
        table.push(F::ONE);
        while table.len() < len / 2 {
            // Node 1 is a quarter of a turn, node 2 an eighth, node 4 a sixteenth.
            let root = F::ROOTS[table.len().ilog2() as usize + 2];
            for node in 0..table.len() {
                table.push(exactly::<F>(table[node], root));
            }
        }
        Self { table, field: PhantomData }
    }

    fn of(&self, node: usize) -> u64 {
        self.table[node]
    }

    /// What x^m is modulo the polynomial of a node on the left, x^m - r.
    fn below(&self, node: usize) -> u64 {
        self.of(node / 2)
    }

    /// -1/r, which is the root of the node as far from the other end of its level.
    fn mirrored(&self, node: usize) -> u64 {
        match node {
            0 => F::P - F::ONE,
            _ => self.table[(3 << node.ilog2()) - 1 - node],
        }
    }
}

/// Of numbers below 4p modulo node's polynomial to their transform, below 4p.
fn forward<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>, join: impl Join) {
    if values.len() <= IN_CACHE {
        return forward_passes(values, node, roots);
    }
    forward_quarters::<F>(values, node, roots);
    let half = values.len() / 2;
    let (low, high) = values.split_at_mut(half);
    let halves = |part: &mut [u64], node| {
        let (low, high) = part.split_at_mut(half / 2);
        forward(low, 2 * node, roots, join);
        forward(high, 2 * node + 1, roots, join);
    };
    join.both(half >= WORTH_A_THREAD, || halves(low, 2 * node), || halves(high, 2 * node + 1));
}

fn forward_passes<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>) {
    let (mut size, mut first) = (values.len(), node);
    while size >= 4 {
        for (j, block) in values.chunks_exact_mut(size).enumerate() {
            forward_quarters::<F>(block, first + j, roots);
        }
        (size, first) = (size / 4, first * 4);
    }
    if size == 2 {
        for (j, pair) in values.chunks_exact_mut(2).enumerate() {
            (pair[0], pair[1]) = apart::<F>(pair[0], pair[1], roots.of(first + j));
        }
    }
}

/// Two levels at once, so that each number is loaded and stored half as often.
#[inline]
fn forward_quarters<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>) {
    let (r, low, high) = (roots.of(node), roots.of(2 * node), roots.of(2 * node + 1));
    for ((a, b), (c, d)) in quarters(values) {
        let (a0, c0) = apart::<F>(*a, *c, r);
        let (b0, d0) = apart::<F>(*b, *d, r);
        (*a, *b) = apart::<F>(a0, b0, low);
        (*c, *d) = apart::<F>(c0, d0, high);
    }
}

/// a + r b and a - r b, all of them below 4p.
#[inline]
fn apart<F: Prime>(a: u64, b: u64, r: u64) -> (u64, u64) {
    let (a, b) = (once(a, 2 * F::P), times::<F>(b, r));
    (a + b, a + 2 * F::P - b)
}

/// The inverse of [`forward`] but for a factor of the length, all numbers below 2p.
fn backward<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>, join: impl Join) {
    if values.len() <= IN_CACHE {
        return backward_passes(values, node, roots);
    }
    let half = values.len() / 2;
    let (low, high) = values.split_at_mut(half);
    let halves = |part: &mut [u64], node| {
        let (low, high) = part.split_at_mut(half / 2);
        backward(low, 2 * node, roots, join);
        backward(high, 2 * node + 1, roots, join);
    };
    join.both(half >= WORTH_A_THREAD, || halves(low, 2 * node), || halves(high, 2 * node + 1));
    backward_quarters::<F>(values, node, roots);
}

fn backward_passes<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>) {
    let length = values.len();
    let mut size = 4;
    if length.ilog2() % 2 == 1 {
        let first = node * (length / 2);
        for (j, pair) in values.chunks_exact_mut(2).enumerate() {
            (pair[0], pair[1]) = together::<F>(pair[0], pair[1], roots.mirrored(first + j));
        }
        size = 8;
    }
    while size <= length {
        let first = node * (length / size);
        for (j, block) in values.chunks_exact_mut(size).enumerate() {
            backward_quarters::<F>(block, first + j, roots);
        }
        size *= 4;
    }
}

#[inline]
fn backward_quarters<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>) {
    let r = roots.mirrored(node);
    let (low, high) = (roots.mirrored(2 * node), roots.mirrored(2 * node + 1));
    for ((a, b), (c, d)) in quarters(values) {
        let (a0, b0) = together::<F>(*a, *b, low);
        let (c0, d0) = together::<F>(*c, *d, high);
        (*a, *c) = together::<F>(a0, c0, r);
        (*b, *d) = together::<F>(b0, d0, r);
    }
}

/// From u = a + r b and v = a - r b, and -1/r, to 2a and 2b, all of them below 2p.
#[inline]
fn together<F: Prime>(u: u64, v: u64, mirrored: u64) -> (u64, u64) {
    (once(u + v, 2 * F::P), times::<F>(v + 2 * F::P - u, mirrored))
}

type Four<'a> = ((&'a mut u64, &'a mut u64), (&'a mut u64, &'a mut u64));

/// The four quarters of some numbers, side by side.
#[inline]
fn quarters(values: &mut [u64]) -> impl Iterator<Item = Four<'_>> {
    let half = values.len() / 2;
    let (low, high) = values.split_at_mut(half);
    let (a, b) = low.split_at_mut(half / 2);
    let (c, d) = high.split_at_mut(half / 2);
    a.iter_mut().zip(b).zip(c.iter_mut().zip(d))
}

/// How long a product may be: a power of two, or one and a quarter or a half of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    head: usize,
    /// 0, or a power of two, a quarter or half of the head.
    tail: usize,
}

impl Shape {
    /// The shortest shape of at least `len` numbers.
    pub(super) fn holding(len: usize) -> Self {
        let head = len.max(16).next_power_of_two() / 2;
        match len.saturating_sub(head) {
            0 => Self { head, tail: 0 },
            more if more <= head / 4 => Self { head, tail: head / 4 },
            more if more <= head / 2 => Self { head, tail: head / 2 },
            _ => Self { head: 2 * head, tail: 0 },
        }
    }

    pub(super) const fn len(self) -> usize {
        self.head + self.tail
    }

    /// Which node's polynomial the tail is taken by: x^tail is i if it is half as
    /// long as the head, and a root of i if it is a quarter. Either way x^head is -1.
    fn tail_node(self) -> Option<usize> {
        match self.head.checked_div(self.tail)? {
            2 => Some(2),
            _ => Some(4),
        }
    }
}

/// What a polynomial, with coefficients below p/2, is at the nodes of a shape: modulo
/// x^head - 1, and modulo x^tail - r, where x^head is -1.
pub(super) struct Transformed {
    head: Vec<u64>,
    tail: Vec<u64>,
}

impl Transformed {
    pub(super) fn new<F: Prime>(
        polynomial: &[u64],
        shape: Shape,
        roots: &Roots<F>,
        join: impl Join,
    ) -> Self {
        let mut head = folded(polynomial, shape);
        let mut tail = Vec::new();
        join.both(
            shape.tail >= WORTH_A_THREAD,
            || forward(&mut head, 0, roots, join),
            || {
                if let Some(node) = shape.tail_node() {
                    tail = remainder::<F>(polynomial, shape.tail, roots.below(node));
                    forward(&mut tail, node, roots, join);
                }
            },
        );
        Self { head, tail }
    }

    /// Of the square.
    pub(super) fn squared<F: Prime>(mut self) -> Self {
        for value in self.head.iter_mut().chain(&mut self.tail) {
            let reduced = once(*value, 2 * F::P);
            *value = times::<F>(reduced, reduced);
        }
        self
    }

    /// Of the product with another polynomial, of the same shape.
    pub(super) fn times<F: Prime>(mut self, other: &Self) -> Self {
        let mine = self.head.iter_mut().chain(&mut self.tail);
        for (mine, its) in mine.zip(other.head.iter().chain(&other.tail)) {
            *mine = times::<F>(once(*mine, 2 * F::P), once(*its, 2 * F::P));
        }
        self
    }

    /// The coefficients, below p, of a product, if it is no longer than the shape.
    ///
    /// It is A + (x^head - 1) D, where A is what it is modulo x^head - 1 and, if it is
    /// B modulo x^tail - r, D = (A - B) / 2.
    pub(super) fn coefficients<F: Prime>(
        self,
        shape: Shape,
        roots: &Roots<F>,
        join: impl Join,
    ) -> Vec<u64> {
        let Self { mut head, mut tail } = self;
        let node = shape.tail_node();
        join.both(
            shape.tail >= WORTH_A_THREAD,
            || restored(&mut head, 0, roots, join),
            || node.map(|node| restored(&mut tail, node, roots, join)),
        );
        if let Some(node) = node {
            let reduced = remainder::<F>(&head, shape.tail, roots.below(node));
            for (at, (a, b)) in reduced.into_iter().zip(tail).enumerate() {
                let a = once(once(a, 2 * F::P), F::P);
                let d = halved::<F>(once(a + F::P - b, F::P));
                head[at] = once(head[at] + F::P - d, F::P);
                head.push(d);
            }
        }
        head
    }
}

/// The inverse of [`forward`] of a product that lacks 2^64, all numbers below p.
fn restored<F: Prime>(values: &mut [u64], node: usize, roots: &Roots<F>, join: impl Join) {
    backward(values, node, roots, join);
    let scale = montgomery::<F>(inverse::<F>(montgomery::<F>(values.len() as u64)));
    values.iter_mut().for_each(|value| *value = exactly::<F>(*value, scale));
}

/// A polynomial modulo x^head - 1, with room for a tail.
fn folded(polynomial: &[u64], shape: Shape) -> Vec<u64> {
    let (low, high) = polynomial.split_at(polynomial.len().min(shape.head));
    let mut values = Vec::with_capacity(shape.len());
    values.extend_from_slice(low);
    values.resize(shape.head, 0);
    values.iter_mut().zip(high).for_each(|(value, more)| *value += more);
    values
}

/// A polynomial modulo x^m - r, its coefficients below 3p.
fn remainder<F: Prime>(polynomial: &[u64], m: usize, root: u64) -> Vec<u64> {
    let mut values = vec![0; m];
    for block in polynomial.chunks(m).rev() {
        // Only the first block may be short, and before it all values are 0.
        for (value, more) in values.iter_mut().zip(block) {
            *value = times::<F>(*value, root) + more;
        }
    }
    values
}

/// a / 2 modulo p.
const fn halved<F: Prime>(a: u64) -> u64 {
    if a.is_multiple_of(2) { a / 2 } else { (a + F::P) / 2 }
}
