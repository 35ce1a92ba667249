//! What several threads printed, read back.

/// What became of the lines `Run n.` that several threads printed.
///
/// ```
/// let text = "Run 0.\nRun 2.Run 1.\n\nRun 3.\n";
/// let read = threads::Transcript::of(text);
/// assert_eq!(read.runs, [0, 3]);
/// assert_eq!(read.broken, 2); // "Run 2.Run 1." and the empty line
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The number on each whole line, in the order in which they were printed.
    pub runs: Vec<u32>,
    /// The number of lines that are not `Run n.`: mixed, or empty.
    pub broken: usize,
    /// All that was printed, sorted.
    bytes: Vec<u8>,
}

impl Transcript {
    /// Reads what was printed.
    pub fn of(text: &str) -> Self {
        let mut read = Self { bytes: sorted(text.bytes()), ..Self::default() };
        for line in text.lines() {
            match run(line) {
                Some(n) => read.runs.push(n),
                None => read.broken += 1,
            }
        }
        read
    }

    /// Whether each of the runs 0 to `runs - 1` has one whole line, in any
    /// order, and there is nothing else.
    pub fn is_whole(&self, runs: u32) -> bool {
        let mut seen = self.runs.clone();
        seen.sort_unstable();
        self.broken == 0 && seen.into_iter().eq(0..runs)
    }

    /// Whether every byte of the lines of the runs 0 to `runs - 1` was printed,
    /// and no other, in any order: what is sure where lines may mix.
    ///
    /// ```
    /// use threads::Transcript;
    /// assert!(Transcript::of("Run 0.Run 1.\n\n").has_every_byte(2));
    /// assert!(!Transcript::of("Run 0.Run 1.\n").has_every_byte(2));
    /// ```
    pub fn has_every_byte(&self, runs: u32) -> bool {
        self.bytes == sorted((0..runs).flat_map(|n| format!("Run {n}.\n").into_bytes()))
    }

    /// The number of whole lines that follow a line with a higher number: 0 if
    /// the lines are in order.
    pub fn out_of_order(&self) -> usize {
        self.runs.windows(2).filter(|pair| pair[0] > pair[1]).count()
    }
}

fn sorted(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut bytes: Vec<u8> = bytes.collect();
    bytes.sort_unstable();
    bytes
}

fn run(line: &str) -> Option<u32> {
    line.strip_prefix("Run ")?.strip_suffix('.')?.parse().ok()
}
