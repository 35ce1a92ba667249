//! What moved between two sets of benchmarks, and how sure that is.
