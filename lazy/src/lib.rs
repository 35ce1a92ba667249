//! Work that is put off, done once, or never.
