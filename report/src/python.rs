//! The Python that stands beside Rust in the tables, or why there is none.
//!
//! Its absence is no error: the rows are absent, and the report says why.

use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::machine::Python;
use crate::protocol::Interpreter;
use crate::topics::Workspace;

/// A Python that can be measured.
#[derive(Clone, Debug)]
pub(crate) struct FoundPython {
    /// How peers are started.
    pub(crate) interpreter: Interpreter,
    /// What a reader must know of it.
    pub(crate) description: Python,
    /// Tells one state of the scripts from another.
    pub(crate) fingerprint: String,
}

/// Makes the locked environment, if it is not there yet, and looks at it.
///
/// # Errors
/// In one line, why there is no Python.
pub(crate) fn find(workspace: &Workspace) -> Result<FoundPython, String> {
    make(workspace).inspect_err(|why| eprintln!("Python's rows will be absent: {why}"))
}

fn make(workspace: &Workspace) -> Result<FoundPython, String> {
    let scripts = workspace.root.join("scripts");
    let python = make_environment(workspace, &scripts)?;
    let script = scripts.join("peer.py");
    let interpreter = Interpreter { python: python.clone().into(), script, steps_per_second: None };
    let described = interpreter
        .command()
        .arg("--describe")
        .output()
        .map_err(|e| format!("{python} does not run: {e}"))?;
    let Described { python: description, steps_per_second } =
        serde_json::from_slice(&described.stdout)
            .map_err(|e| format!("scripts/peer.py --describe cannot be read: {e}"))?;
    let fingerprint = fingerprint(&scripts).map_err(|e| format!("scripts cannot be read: {e}"))?;
    let interpreter = Interpreter { steps_per_second: Some(steps_per_second), ..interpreter };
    Ok(FoundPython { interpreter, description, fingerprint })
}

/// Runs `scripts/python-env`, which says on its last line of output where the
/// interpreter is, and on its last line of error why there is none.
fn make_environment(workspace: &Workspace, scripts: &Path) -> Result<String, String> {
    let fails = |e: std::io::Error| format!("scripts/python-env does not run: {e}");
    let mut child = Command::new(scripts.join("python-env"))
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", &workspace.target)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fails)?;
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().expect("it is piped")).lines() {
        said = line.map_err(fails)?;
        eprintln!("{said}");
    }
    let made = child.wait_with_output().map_err(fails)?;
    let printed = String::from_utf8_lossy(&made.stdout);
    let python = printed.lines().last().filter(|_| made.status.success());
    python.map(str::to_owned).ok_or(said)
}

/// What `peer.py --describe` prints: what the Python is, and how fast it is now.
#[derive(Deserialize)]
struct Described {
    #[serde(flatten)]
    python: Python,
    steps_per_second: f64,
}

fn fingerprint(scripts: &Path) -> std::io::Result<String> {
    let mut hasher = DefaultHasher::new();
    for directory in [scripts, &scripts.join("lecture")] {
        let mut files: Vec<_> =
            std::fs::read_dir(directory)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "py")) {
            hasher.write(&std::fs::read(file)?);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}
