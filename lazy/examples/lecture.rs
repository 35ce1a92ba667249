//! Placeholder until the topic is written.
fn main() {}
