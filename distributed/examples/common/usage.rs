//! What the examples do with a command line.

/// The arguments of this program. Asked for help it prints the usage, and ends.
pub(crate) fn arguments(usage: &str) -> Vec<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| matches!(&argument[..], "--help" | "-h")) {
        println!("{usage}");
        std::process::exit(0);
    }
    arguments
}

/// Ends this program over an argument that it does not understand: why, in one line.
pub(crate) fn refuse(usage: &str, why: &str) -> ! {
    let name = usage.split_whitespace().next().unwrap_or_default();
    eprintln!("{name}: {why}; --help says what there is");
    std::process::exit(2);
}
