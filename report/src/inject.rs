//! A table between markers in a README.
