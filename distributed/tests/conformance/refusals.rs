//! What is refused, with both sides named, by real schedulers and workers, some of
//! which are made to say that they are others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use distributed::{Client, DaskCluster, Error};
use processes::Task;

use crate::common::{INCREMENT, SUM_BYTES, directory};
use crate::dask::{Cluster, Setup, library, python, shared};

/// On the cluster that all share.
pub(crate) const SHARED: &[(&str, fn())] = &[
    ("other_tasks_are_refused_and_named", other_tasks_are_refused_and_named),
    ("no_cluster_and_no_library_are_told", no_cluster_and_no_library_are_told),
    ("another_interface_is_refused", another_interface_is_refused),
    ("a_library_for_another_processor_is_refused", a_library_for_another_processor),
    ("what_it_cannot_do_is_an_error", what_it_cannot_do_is_an_error),
    ("data_of_64_mib_is_scattered", data_of_64_mib_is_scattered),
];

/// Each on a cluster of its own.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_scheduler_of_another_version_is_refused", a_scheduler_of_another_version),
    ("workers_that_do_not_fit_are_refused", workers_that_do_not_fit),
    ("a_late_worker_that_does_not_fit_says_so", a_late_worker_that_does_not_fit),
];

/// Python that makes a scheduler or a worker report that it is of another version:
/// all that follows is real.
const OLDER: &str = "
import distributed.versions as versions
true = versions._version_cached
versions._version_cached = lambda name: '2000.1.0' if name == 'distributed' else true(name)
";

const OTHER_PROCESSOR: &str = "import platform; platform.machine = lambda: 'pdp11'";

const OLDER_GLIBC: &str = "import platform; platform.libc_ver = lambda *_: ('glibc', '2.4')";

/// Why a client is refused.
fn refusal(dask: DaskCluster) -> String {
    match dask.connect() {
        Err(Error::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn assert_names(why: &str, sides: &[&str]) {
    for side in sides {
        assert!(why.contains(side), "{side:?} is not in: {why}");
    }
}

fn other_tasks_are_refused_and_named() {
    const OTHER: Task<u32, String> = Task::new("increment", |x| x.to_string());
    const NEW: Task<u32, u32> = Task::new("new", |x| x);
    let client = shared().connect();
    match client.submit(&OTHER, 1).result() {
        Err(Error::OtherTask { task: "increment", here, there }) => {
            assert_eq!((&here[..], &there[..]), ("u32 -> String", "u64 -> u64"));
        }
        other => panic!("{other:?}"),
    }
    match client.submit(&NEW, 1).result() {
        Err(Error::Call(processes::Error::UnknownTask { task: "new", known })) => {
            assert!(known.contains(&"increment".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    assert!(distributed::delayed(&OTHER, 1).compute(&client).is_err());
    assert_eq!(client.submit(&INCREMENT, 1).result().expect("a value"), 2);
}

fn no_cluster_and_no_library_are_told() {
    let nobody = Client::dask("tcp://127.0.0.1:9").python(python().expect("a Python"));
    let nobody = nobody.patience(Duration::from_secs(1));
    match nobody.clone().tasks(library()).connect() {
        Err(Error::Refused(why)) => {
            assert!(why.contains("no scheduler at tcp://127.0.0.1:9"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    match nobody.clone().tasks("/none.so").connect() {
        Err(Error::Missing(why)) => assert!(why.contains("export_tasks!"), "{why}"),
        other => panic!("{other:?}"),
    }
    match nobody.tasks(library()).python("/none").connect() {
        Err(Error::Missing(why)) => assert!(why.contains("/none"), "{why}"),
        other => panic!("{other:?}"),
    }
    // The tests are no library of tasks, though they are a file.
    let test = std::env::current_exe().expect("a path");
    match shared().dask().tasks(test).connect() {
        Err(Error::Refused(why)) => assert!(why.contains("conformance"), "{why}"),
        other => panic!("{other:?}"),
    }
}

fn another_interface_is_refused() {
    let directory = directory();
    let source = directory.path().join("other.rs");
    let code = "#[unsafe(no_mangle)] pub extern \"C\" fn polyphony_abi() -> u32 { 99 }";
    std::fs::write(&source, code).expect("a file");
    let library = directory.path().join("libother.so");
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let mut rustc = Command::new(rustc);
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).args([&library, &source]);
    assert!(rustc.status().expect("rustc").success());
    let why = refusal(shared().dask().tasks(&library));
    let path = library.display().to_string();
    let ours = format!("Python {}", distributed::abi::VERSION);
    assert_names(&why, &[&path, "version 99 of the interface", &ours]);
}

fn a_library_for_another_processor() {
    let directory = directory();
    let why = refusal(shared().dask().tasks(for_another_processor(directory.path())));
    let ours = std::env::consts::ARCH;
    assert_names(&why, &["built for riscv64 with glibc", &format!("client's, is {ours}")]);
}

/// The tests' library, whose header says so.
fn for_another_processor(folder: &Path) -> PathBuf {
    let mut bytes = std::fs::read(library()).expect("a library");
    bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
    let path = folder.join("libother.so");
    std::fs::write(&path, bytes).expect("a file");
    path
}

fn a_scheduler_of_another_version() {
    let cluster = Setup { scheduler_first: OLDER, ..Setup::default() }.start();
    let why = refusal(cluster.dask());
    assert_names(&why, &["the scheduler has distributed 2000.1.0, the client "]);
}

fn workers_that_do_not_fit() {
    let ours = std::env::consts::ARCH;
    let built = format!("built for {ours} with glibc");
    for (first, sides) in [
        (OLDER, ["worker tcp://127.0.0.1:", "has distributed 2000.1.0, the client "]),
        (OTHER_PROCESSOR, [&built, "is pdp11 with glibc"]),
        (OLDER_GLIBC, [&built, &format!("is {ours} with glibc 2.4")]),
    ] {
        let mut cluster = Cluster::start(0);
        cluster.add_worker_that_runs(first);
        cluster.ask("client.wait_for_workers(1, timeout=30)");
        let why = refusal(cluster.dask());
        assert_names(&why, &sides);
        assert_names(&why, &["worker tcp://127.0.0.1:"]);
        // Dask has the plugin now, and would not try again.
        assert_eq!(refusal(cluster.dask()), why);
    }
}

fn a_late_worker_that_does_not_fit() {
    let mut cluster = Cluster::start(0);
    let client = cluster.connect();
    let waits = client.submit(&INCREMENT, 1);
    cluster.add_worker_that_runs(OTHER_PROCESSOR);
    match waits.result() {
        Err(Error::Dask { task: "increment", why }) => {
            assert_names(&why, &["built for", "worker tcp://127.0.0.1:", "is pdp11 with glibc"]);
        }
        other => panic!("{other:?}"),
    }
}

fn what_it_cannot_do_is_an_error() {
    let client = shared().connect();
    assert!(matches!(client.scale(3), Err(Error::Unsupported { .. })));
}

fn data_of_64_mib_is_scattered() {
    let client = shared().connect();
    let data = client.scatter(&vec![1_u8; 64 << 20]);
    let sums = [client.submit(&SUM_BYTES, &data), client.submit(&SUM_BYTES, &data)];
    assert_eq!(client.gather(sums).expect("sums"), [64 << 20; 2]);
}
