//! Which topics there are: cargo is asked, nothing is listed by hand.
//!
//! A topic is a workspace member that takes `report` as a dev-dependency and
//! has a bench of its own name. Members come in the order of the workspace's
//! `members`, which is the order of the lecture.

use std::ffi::OsStr;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{DependencyKind, Message, MetadataCommand, Package, TargetKind};

use crate::error::Error;

/// The workspace around the current directory.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its root.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// Its topics, in order.
    pub topics: Vec<Topic>,
}

/// A crate with a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name, and its bench's.
    pub name: String,
    /// Its directory, where cargo runs its benches.
    pub directory: PathBuf,
}

impl Workspace {
    /// Asks cargo about the workspace around the current directory.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`] if there is none, or none of its members has a suite.
    pub fn find() -> Result<Self, Error> {
        Self::ask(&mut MetadataCommand::new(), "here")
    }

    /// Asks cargo about the workspace in a directory.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn at(directory: &Path) -> Result<Self, Error> {
        let place = format!("in {}", directory.display());
        if !directory.is_dir() {
            return Err(Error::NoWorkspace(format!(
                "there is no directory {}",
                directory.display()
            )));
        }
        Self::ask(MetadataCommand::new().current_dir(directory), &place)
    }

    fn ask(command: &mut MetadataCommand, place: &str) -> Result<Self, Error> {
        let metadata = command
            .no_deps()
            .exec()
            .map_err(|e| Error::NoWorkspace(format!("cargo finds no workspace {place}: {e}")))?;
        let topics: Vec<_> =
            metadata.workspace_packages().into_iter().filter(|p| has_suite(p)).map(topic).collect();
        if topics.is_empty() {
            return Err(Error::NoWorkspace(format!(
                "no member of the workspace {} has a suite: a bench of the crate's own name, \
                 and `report` as a dev-dependency",
                metadata.workspace_root
            )));
        }
        Ok(Self {
            root: metadata.workspace_root.into(),
            target: metadata.target_directory.into(),
            topics,
        })
    }

    /// The topics of these names, in the workspace's order; all of them for no name.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`] for a name that is none.
    pub fn select(&self, names: &[String]) -> Result<Vec<Topic>, Error> {
        let known = || self.topics.iter().map(|topic| topic.name.clone());
        if let Some(name) = names.iter().find(|name| known().all(|topic| topic != **name)) {
            return Err(Error::UnknownTopic { name: name.clone(), known: known().collect() });
        }
        let asked = |topic: &&Topic| names.is_empty() || names.contains(&topic.name);
        Ok(self.topics.iter().filter(asked).cloned().collect())
    }

    /// criterion's directory, found as criterion finds it.
    pub fn criterion(&self) -> PathBuf {
        std::env::var_os("CRITERION_HOME")
            .map_or_else(|| self.target.join("criterion"), PathBuf::from)
    }

    /// Where the report and the records of runs are kept.
    pub fn report(&self) -> PathBuf {
        self.target.join("report")
    }

    /// Builds the benches of these topics and says where their executables
    /// are, in the same order. cargo's own progress shows on standard error.
    ///
    /// # Errors
    /// [`Error::Build`] if one does not build.
    pub fn build(&self, topics: &[Topic]) -> Result<Vec<PathBuf>, Error> {
        let cargo = std::env::var_os("CARGO");
        let mut command = Command::new(cargo.as_deref().unwrap_or(OsStr::new("cargo")));
        command.args(["bench", "--no-run", "--message-format=json-render-diagnostics"]);
        for topic in topics {
            command.args(["--package", &topic.name, "--bench", &topic.name]);
        }
        command.arg("--target-dir").arg(&self.target);
        let mut build = command.current_dir(&self.root).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(build.stdout.take().expect("stdout is piped"));
        let mut executables = vec![None; topics.len()];
        for message in Message::parse_stream(output) {
            let Message::CompilerArtifact(artifact) = message? else { continue };
            let place = topics.iter().position(|topic| topic.name == artifact.target.name);
            if let (Some(place), true) = (place, artifact.target.kind.contains(&TargetKind::Bench))
            {
                executables[place] = artifact.executable.map(PathBuf::from);
            }
        }
        let built = build.wait()?.success();
        executables.into_iter().collect::<Option<_>>().filter(|_| built).ok_or(Error::Build)
    }
}

fn has_suite(package: &Package) -> bool {
    let name: &str = package.name.as_ref();
    let bench = |target: &cargo_metadata::Target| {
        target.name == name && target.kind.contains(&TargetKind::Bench)
    };
    package.targets.iter().any(bench)
        && package
            .dependencies
            .iter()
            .any(|d| d.name == "report" && d.kind == DependencyKind::Development)
}

fn topic(package: &Package) -> Topic {
    let directory = package.manifest_path.parent().expect("a manifest is in a directory");
    Topic { name: package.name.to_string(), directory: directory.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        let topics =
            ["lazy", "threads"].map(|name| Topic { name: name.into(), directory: name.into() });
        Workspace { root: "".into(), target: "target".into(), topics: topics.into() }
    }

    #[test]
    fn topics_keep_the_workspace_order() {
        let names = ["threads".to_owned(), "lazy".to_owned()];
        let selected = workspace().select(&names).expect("both are known");
        assert_eq!(selected, workspace().topics);
        assert_eq!(workspace().select(&[]).expect("all of them"), workspace().topics);
    }

    #[test]
    fn an_unknown_topic_names_the_known_ones() {
        let error = workspace().select(&["thread".to_owned()]).expect_err("no such topic");
        let text = error.to_string();
        assert!(text.contains("\"thread\"") && text.contains("lazy, threads"), "{text}");
        assert_eq!(error.exit_code(), 2);
    }
}
