//! Results of other tools, in the same tables.
