//! One program, many sections: threads, locks, shared arrays and the GIL.
