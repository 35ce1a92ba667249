//! A set of benchmarks in one file, with its machine.
