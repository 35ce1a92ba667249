//! The lecture's computations: pure functions with known answers.

/// The squares of 0 to `m - 1`: the lecture's `[_**2 for _ in range(m)]`.
///
/// Overflow: none, for the square of a `u32` fits into a `u64`. Cost: 8 bytes
/// an element, written once. That is less arithmetic than memory: on a fresh
/// allocation most of the time goes to page faults, which is why the list says
/// little about threads.
///
/// ```
/// assert_eq!(threads::squares(5), [0, 1, 4, 9, 16]);
/// assert_eq!(threads::squares(1_000_000).last(), Some(&999_998_000_001));
/// ```
pub fn squares(m: u32) -> Vec<u64> {
    (0..u64::from(m)).map(|x| x * x).collect()
}

/// Replaces each element, in radians, by its sine: the lecture's
/// `arr[:] = np.sin(arr)`, without the temporary array.
///
/// Domain: all of `f64`; the sine of an infinity is NaN. The elements do not
/// depend on each other, so however the array is cut, the bits are the same.
/// NumPy's vector kernels may differ from it in the last place.
///
/// ```
/// let mut x = [0.0, std::f64::consts::FRAC_PI_2];
/// threads::sin(&mut x);
/// assert_eq!(x, [0.0, 1.0]);
/// ```
pub fn sin(x: &mut [f64]) {
    for x in x {
        *x = x.sin();
    }
}
