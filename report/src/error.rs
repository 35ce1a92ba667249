//! What can go wrong between a command and its report.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No topic has this name.
    #[error("there is no topic {name:?}; the topics are {}", .known.join(", "))]
    UnknownTopic {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The current directory belongs to no workspace with suites.
    #[error("{0}")]
    NoWorkspace(String),
    /// There is nothing to render.
    #[error(
        "nothing is measured in {}: run `cargo bench` (in Polyphony's own workspace, \
         `cargo run --release -p report`), or name the directory", .0.display()
    )]
    NothingMeasured(PathBuf),
    /// The benches do not build; cargo has said why.
    #[error("the benches do not build")]
    Build,
    /// A bench ended before it had measured everything.
    #[error("the bench of {topic} {what}; what it printed is in {}", .log.display())]
    Bench {
        /// The topic.
        topic: String,
        /// How it ended.
        what: String,
        /// Where its output is.
        log: PathBuf,
    },
    /// The user ended the run.
    #[error("interrupted; {}", kept(*.done, *.cells))]
    Interrupted {
        /// Cells that are done.
        done: usize,
        /// Cells in all.
        cells: usize,
    },
    /// The user ended a comparison of two checkouts.
    #[error("interrupted; {}", whole(*.done, *.passes, histories))]
    PairInterrupted {
        /// Passes that are whole, and kept.
        done: usize,
        /// Passes in all.
        passes: usize,
        /// Where they are kept.
        histories: [PathBuf; 2],
    },
    /// Every model of one of the two checkouts failed, each for its own reason.
    #[error("no model of the {0} has a time, so there is nothing to compare")]
    NothingTimed(&'static str),
    /// A file or a process that the system would not give.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file that holds nothing this tool can read.
    #[error("{}: {why}", .path.display())]
    BadFile {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing was measured under this name.
    #[error("{}", unknown_source(name, root, known, problem.as_deref()))]
    UnknownSource {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        root: PathBuf,
        /// What there is.
        known: Vec<String>,
        /// What could not be read there, of several the first.
        problem: Option<String>,
    },
    /// What was asked for makes no sense, and why.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// The command's exit code: 130 after Ctrl-C, 1 for benches that failed, 2
    /// for bad usage or missing data.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Interrupted { .. } | Error::PairInterrupted { .. } => 130,
            Error::Bench { .. } | Error::NothingTimed(_) => 1,
            _ => 2,
        }
    }
}

fn unknown_source(name: &str, root: &Path, known: &[String], problem: Option<&str>) -> String {
    let known = if known.is_empty() {
        "there is nothing measured at all".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    let problem = problem.map(|problem| format!("; but {problem}")).unwrap_or_default();
    format!("nothing is called {name:?} in {}, and no file is: {known}{problem}", root.display())
}

fn kept(done: usize, cells: usize) -> String {
    if done == 0 {
        return "nothing was measured yet".into();
    }
    format!(
        "{done} of {cells} cells are measured and kept. The same command goes on from there, and \
         `cargo run --release -p report -- render` shows what there is"
    )
}

fn whole(done: usize, passes: usize, [base, head]: &[PathBuf; 2]) -> String {
    let whole = format!("{done} of {passes} passes are whole");
    if done < crate::pair::FEWEST_PASSES {
        return format!("{whole}, too few to compare");
    }
    let (base, head) = (base.display(), head.display());
    format!("{whole}: `report diff --last {done} {base} {head}` compares them")
}
