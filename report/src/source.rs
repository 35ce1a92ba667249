//! From a name on the command line to a set of benchmarks.
