//! The examples' command lines: help that is asked for, and arguments that nobody knows.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// An example, and arguments that it does not take, each with the one to be named.
type Example = (&'static str, &'static [(&'static [&'static str], &'static str)]);

const EXAMPLES: [Example; 8] = [
    ("calibrate", &[(&["--runs"], "\"--runs\""), (&["7"], "\"7\"")]),
    (
        "chaos",
        &[(&["--sees", "7"], "\"--sees\""), (&["--seed"], "--seed"), (&["--seed", "x"], "\"x\"")],
    ),
    ("cluster", &[(&["--dusk"], "--dusk")]),
    ("distributed-lecture", &[(&["--fast"], "\"--fast\"")]),
    (
        "million",
        &[(&["--tasks"], "\"--tasks\""), (&["1000", "many"], "\"many\""), (&["0"], "\"0\"")],
    ),
    ("scheduler-cost", &[(&["lots"], "\"lots\""), (&["100", "loop"], "\"loop\"")]),
    ("simulate", &[(&["--taks", "7"], "\"--taks\""), (&["--tasks", "x"], "\"x\"")]),
    ("timeline", &[(&["--into"], "\"--into\""), (&["a", "b"], "\"b\"")]),
];

/// Where the examples are, built as this test was.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "distributed", "--examples"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo").success(), "they cannot be built");
        let program = std::env::current_exe().expect("a path");
        program.ancestors().nth(2).expect("target/PROFILE/deps").join("examples")
    })
}

fn said(example: &str, arguments: &[&str]) -> (Output, String, String) {
    let run = Command::new(folder().join(example)).args(arguments).output().expect("an example");
    let [out, err] = [&run.stdout, &run.stderr].map(|said| String::from_utf8_lossy(said).into());
    (run, out, err)
}

#[test]
fn help_is_the_usage_and_no_failure() {
    for (example, _) in EXAMPLES {
        for help in ["--help", "-h"] {
            let (run, out, err) = said(example, &[help]);
            assert_eq!((run.status.code(), &err[..]), (Some(0), ""), "{example} {help}: {out}");
            assert!(out.contains(&format!("{example} ")) && out.lines().count() < 20, "{out}");
        }
    }
}

#[test]
fn an_argument_that_nobody_knows_is_named() {
    for (example, refused) in EXAMPLES {
        for (arguments, named) in refused {
            let (run, out, err) = said(example, arguments);
            let who = format!("{example} {arguments:?}: {out}{err}");
            assert_eq!((run.status.code(), &out[..]), (Some(2), ""), "{who}");
            assert!(err.starts_with(&format!("{example}: ")) && err.contains(named), "{who}");
            assert_eq!(err.lines().count(), 1, "{who}");
        }
    }
}
