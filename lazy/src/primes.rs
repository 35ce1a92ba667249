//! The odd primes up to some n.

/// The odd primes up to n, by Eratosthenes' sieve over the odd numbers.
///
/// Memory: a byte for every odd number below n, and four for every prime.
pub(crate) fn odd_primes(n: u32) -> Vec<u32> {
    // The number at place i is 2i + 1.
    let mut composite = vec![false; n.div_ceil(2) as usize];
    let mut place = 1;
    while 2 * place * (place + 1) < composite.len() {
        if !composite[place] {
            let prime = 2 * place + 1;
            // Smaller multiples have a smaller factor, which has crossed them out.
            let multiples = &mut composite[prime * prime / 2..];
            multiples.iter_mut().step_by(prime).for_each(|other| *other = true);
        }
        place += 1;
    }
    // Every number is put down and only primes are kept: a jump for each would be
    // mispredicted at about every prime.
    let mut primes = vec![0; at_most(n) + 1];
    let mut count = 0;
    for (place, composite) in composite.iter().enumerate().skip(1) {
        primes[count] = 2 * place as u32 + 1;
        count += usize::from(!composite);
    }
    primes.truncate(count);
    primes
}

/// How many primes up to n there are at most: J. Rosser and L. Schoenfeld,
/// "Approximate formulas for some functions of prime numbers" (1962), corollary 1.
fn at_most(n: u32) -> usize {
    let n = f64::from(n.max(2));
    (1.25506 * n / n.ln()) as usize
}

#[cfg(test)]
mod tests {
    use super::odd_primes;

    #[test]
    fn primes_are_what_no_smaller_number_divides() {
        for n in 0..500 {
            let divided = |p: u32| (2..p).any(|factor| p.is_multiple_of(factor));
            let expected: Vec<_> = (3..=n).filter(|p| !divided(*p)).collect();
            assert_eq!(odd_primes(n), expected, "{n}");
        }
    }

    /// OEIS A006880.
    #[test]
    fn there_are_as_many_as_published() {
        for (n, count) in [(1_000, 168), (10_000, 1_229), (100_000, 9_592), (1_000_000, 78_498)] {
            assert_eq!(odd_primes(n).len() + 1, count, "up to {n}");
        }
    }
}
