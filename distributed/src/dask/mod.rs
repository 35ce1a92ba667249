//! The same tasks on Dask's workers, which are Python: `abi` is how they call them.

pub mod abi;
