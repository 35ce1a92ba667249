//! The lecture's work: `[_**2 for _ in range(n)]`.

/// The first `n` squares, from 0.
///
/// Known answer: the last of `n` is `(n - 1)²`. `n` may be up to 2³²; beyond
/// it a square does not fit. Costs 8 bytes a square, and for large `n` more
/// time for the memory than for the arithmetic.
///
/// ```
/// assert_eq!(processes::squares(5), [0, 1, 4, 9, 16]);
/// ```
pub fn squares(n: u64) -> Vec<u64> {
    (0..n).map(|x| x * x).collect()
}

/// Writes as many squares as fit into `bytes`, 8 bytes each in this machine's
/// byte order; a remainder stays as it is.
///
/// This is [`squares`] for memory that somebody else has set aside: a buffer
/// on its way into a pipe, or memory that two processes share.
///
/// ```
/// let mut bytes = [0; 24];
/// processes::write_squares(&mut bytes);
/// assert_eq!(bytes[16..], 4_u64.to_ne_bytes());
/// ```
pub fn write_squares(bytes: &mut [u8]) {
    for (slot, x) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(0_u64..) {
        *slot = (x * x).to_ne_bytes();
    }
}
