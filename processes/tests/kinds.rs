//! Each kind of program that Cargo builds, as a stranger's crate has it: a
//! program, an example, a test, a bench, a documentation test. Each is built and
//! run for real, once with the worker entry claimed and once without.
//!
//! Each process of such a program leaves a byte before anything else, so that
//! they can be counted: two if the entry is claimed, the program itself and one
//! worker; one if it is not, for then nothing is started. And a process aborts
//! that finds too many bytes, so that a fork bomb would go out by itself.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use common::{run_for, said, told};

/// To build such a crate with all that it needs.
const BUILDING: Duration = Duration::from_mins(10);

/// To run one program, which Cargo looks at once more.
const DEADLINE: Duration = Duration::from_secs(60);

/// What every error names.
const MISSING_LINE: &str = "processes::worker_entry(registry);";

const LIBRARY: &str = r#"
#![allow(non_camel_case_types)]
use processes::{Error, Registry, Task, Worker};

pub const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);

pub fn registry() -> Registry {
    Registry::new().with(&DOUBLE)
}

/// Leaves a byte for this process.
pub fn arrive() {
    use std::io::Write;
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let Some(file) = std::env::var_os("PROCESSES_TEST_STARTED") else { return };
        let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(b".").unwrap();
        if file.metadata().unwrap().len() > 20 {
            eprintln!("a fork bomb");
            std::process::abort();
        }
    });
}

pub fn double() -> Result<(), Error> {
    println!("doubled to {}", Worker::spawn()?.call(&DOUBLE, &21)?);
    Ok(())
}

/// ```standalone_crate
/// # use kinds::*;
/// fn main() -> Result<(), processes::Error> {
///     arrive();
///     processes::worker_entry(registry());
///     double()
/// }
/// ```
pub struct the_claimed_alone;

/// ```
/// # use kinds::*;
/// fn main() -> Result<(), processes::Error> {
///     arrive();
///     processes::worker_entry(registry());
///     double()
/// }
/// ```
pub struct the_claimed_among_others;

/// ```standalone_crate
/// # use kinds::*;
/// fn main() -> Result<(), processes::Error> {
///     arrive();
///     double()
/// }
/// ```
pub struct the_unclaimed_alone;

/// ```
/// # use kinds::*;
/// fn main() -> Result<(), processes::Error> {
///     arrive();
///     double()
/// }
/// ```
pub struct the_unclaimed_among_others;
"#;

const CLAIMED: &str = r"
fn main() -> Result<(), processes::Error> {
    kinds::arrive();
    processes::worker_entry(kinds::registry());
    kinds::double()
}
";

const UNCLAIMED: &str = r"
fn main() -> Result<(), processes::Error> {
    kinds::arrive();
    kinds::double()
}
";

const CLAIMED_TEST: &str = r#"
#[test]
fn worker_entry() {
    kinds::arrive();
    processes::test_worker_entry("worker_entry", kinds::registry());
}

#[test]
fn doubles() {
    worker_entry();
    kinds::double().unwrap();
}
"#;

const UNCLAIMED_TEST: &str = r"
#[test]
fn doubles() {
    kinds::arrive();
    kinds::double().unwrap();
}
";

/// Makes the crate, once, and builds what Cargo builds without being asked twice.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kinds");
        let _ = fs::remove_dir_all(root.join("package"));
        let write = |path: &str, text: &str| {
            let path = root.join("package").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        let processes = env!("CARGO_MANIFEST_DIR");
        let benches = ["claimed", "unclaimed"]
            .map(|name| format!("[[bench]]\nname = \"{name}_bench\"\nharness = false\n"));
        let manifest = format!(
            "[package]\nname = \"kinds\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\nprocesses = {{ path = {processes:?} }}\n{}\n[workspace]\n",
            benches.concat(),
        );
        write("Cargo.toml", &manifest);
        // The versions that are here already.
        let lock = Path::new(processes).with_file_name("Cargo.lock");
        write("Cargo.lock", &fs::read_to_string(lock).expect("the workspace's lock file"));
        write("src/lib.rs", LIBRARY);
        for (claimed, program) in [("claimed", CLAIMED), ("unclaimed", UNCLAIMED)] {
            write(&format!("src/bin/{claimed}.rs"), program);
            write(&format!("examples/{claimed}_example.rs"), program);
            write(&format!("benches/{claimed}_bench.rs"), program);
        }
        write("tests/claimed_test.rs", CLAIMED_TEST);
        write("tests/unclaimed_test.rs", UNCLAIMED_TEST);
        let mut build = cargo(&root.join("package"), "test");
        build.args(["--no-run", "--bins", "--examples", "--tests", "--benches"]);
        let (output, processes) = run_for(BUILDING, build);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(processes, 0, "nothing has run yet");
        root.join("package")
    })
}

/// A command of Cargo in the crate, with a target folder beside it.
fn cargo(package: &Path, command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(package).arg(command).arg("--offline");
    cargo.env("CARGO_TARGET_DIR", package.with_file_name("target"));
    cargo
}

/// Runs a kind of program, claimed and unclaimed. `arguments` of Cargo's
/// `command` choose it, `{}` standing for which of the two.
fn check(command: &str, arguments: &[&str], says_what_it_prints: bool) {
    let run = |which: &str| {
        let mut cargo = cargo(package(), command);
        cargo.args(arguments.iter().map(|argument| argument.replace("{}", which)));
        run_for(DEADLINE, cargo)
    };
    let (output, processes) = run("claimed");
    told(&output, true, if says_what_it_prints { "doubled to 42" } else { "1 passed" });
    assert_eq!(processes, 2, "the program and its worker: {}", said(&output));
    let (output, processes) = run("unclaimed");
    told(&output, false, MISSING_LINE);
    assert_eq!(processes, 1, "nothing but the program: {}", said(&output));
}

#[test]
fn a_program() {
    check("run", &["--bin", "{}"], true);
}

#[test]
fn an_example() {
    check("run", &["--example", "{}_example"], true);
}

#[test]
fn a_test() {
    check("test", &["--test", "{}_test", "--", "--nocapture"], true);
}

#[test]
fn a_bench() {
    // Another profile would build everything once more.
    check("bench", &["--profile", "dev", "--bench", "{}_bench"], true);
}

/// rustdoc compiles most documentation tests into one program.
#[test]
fn a_documentation_test_among_others() {
    check("test", &["--doc", "--", "the_{}_among_others"], false);
}

#[test]
fn a_documentation_test_of_its_own() {
    check("test", &["--doc", "--", "the_{}_alone"], false);
}
