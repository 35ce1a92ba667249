//! Nobody else reaches a worker: no address, no name, no secret to find, and no
//! way in for a second user. Each look is also taken at something that it must
//! find, so that none of them is blind.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, geteuid};
use pool::ProcessPool;
use processes::{Registry, Task, WORKER_NAME};

const WORKERS: usize = 3;

/// What a stranger must not find.
const SECRET: &str = "e17c2f-the-secret-of-a-task";

/// The task holds its input while the test looks.
const KEEP: Task<(String, u64), String> = Task::new("keep", |(secret, milliseconds)| {
    std::thread::sleep(Duration::from_millis(milliseconds));
    secret
});

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", Registry::new().with(&KEEP));
}

/// Shows `look` this process and its workers while all of them are at work on a
/// secret. One test at a time, for the workers of all have the same parent.
fn while_a_pool_runs(look: impl FnOnce(&[u32])) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    worker_entry();
    let pool = ProcessPool::new(WORKERS).expect("workers");
    let items = vec![(SECRET.to_owned(), 300); WORKERS];
    std::thread::scope(|scope| {
        let map = scope.spawn(|| pool.map(&KEEP, &items).expect("secrets"));
        std::thread::sleep(Duration::from_millis(50));
        let processes = [&[std::process::id()], &workers()[..]].concat();
        assert!(processes.len() > WORKERS, "{processes:?}");
        look(&processes);
        assert_eq!(map.join().expect("a map"), vec![SECRET; WORKERS]);
    });
}

/// The workers of this process.
fn workers() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let ours = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            let mut fields = stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace);
            fields.nth(1).and_then(|parent| parent.parse().ok()) == Some(std::process::id())
        });
        ours && arguments(*pid).first().is_some_and(|name| name == WORKER_NAME)
    })
    .collect()
}

fn arguments(pid: u32) -> Vec<String> {
    strings(&format!("/proc/{pid}/cmdline"))
}

/// The strings of a file that ends each with a zero. A process that has just
/// ended has none.
fn strings(file: &str) -> Vec<String> {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// What the descriptors of a process stand for: `socket:[17]`, `/dev/null`.
fn descriptors(pid: u32) -> BTreeSet<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.map(|target| target.to_string_lossy().into_owned()).collect()
}

/// The sockets of a process that the kernel lists with an address of the
/// network, and those in the Unix domain that have a name or listen.
fn addresses(pid: u32) -> Vec<String> {
    const NETWORKS: [&str; 11] = [
        "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "packet",
        "netlink",
    ];
    const LISTENS: &str = "00010000";
    let descriptors = descriptors(pid);
    let holds = |inode: &str| descriptors.contains(&format!("socket:[{inode}]"));
    let table =
        |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let mut found = Vec::new();
    for network in NETWORKS {
        // The column differs from table to table. A number that happens to be
        // another column's would be a false alarm, not a false calm.
        let lines = table(network);
        let held = lines.lines().skip(1).filter(|line| line.split_whitespace().any(holds));
        found.extend(held.map(|line| format!("{network}: {line}")));
    }
    for line in table("unix").lines().skip(1) {
        // Num RefCount Protocol Flags Type St Inode Path
        let fields: Vec<&str> = line.split_whitespace().collect();
        if holds(fields[6]) && (fields.len() > 7 || fields[3] == LISTENS) {
            found.push(format!("unix: {line}"));
        }
    }
    found
}

/// Names the test that a process was started for.
const ALONE: &str = "POOL_TEST_ALONE";

/// This harness, to run one of its ignored tests.
fn alone(test: &str) -> Command {
    let mut harness = Command::new("/proc/self/exe");
    harness.args(["--exact", test, "--ignored", "--nocapture"]).env(ALONE, test);
    harness
}

/// Whether this process was started for this test, by another one.
fn is_alone(test: &str) -> bool {
    let alone = std::env::var(ALONE).is_ok_and(|name| name == test);
    if !alone {
        println!("skipped: {test} is a part of another test, which starts it");
    }
    alone
}

#[test]
fn no_worker_and_no_pool_has_an_address() {
    // In a process of its own, for other tests of this one listen to nothing.
    for test in ["addresses_are_seen", "a_pool_has_none"] {
        let output = alone(test).output().expect("this harness");
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
#[ignore = "run by no_worker_and_no_pool_has_an_address"]
fn addresses_are_seen() {
    if !is_alone("addresses_are_seen") {
        return;
    }
    let me = std::process::id();
    let unnamed = UnixStream::pair().expect("a pair");
    assert_eq!(addresses(me), [""; 0], "a pair has no address");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
    assert_eq!(addresses(me).len(), 1);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    assert_eq!(addresses(me).len(), 2);
    let name = format!("polyphony-test-{me}");
    let name = SocketAddr::from_abstract_name(name).expect("a name");
    let unix = UnixListener::bind_addr(&name).expect("a listener");
    assert_eq!(addresses(me).len(), 3);
    let folder = tempfile::tempdir().expect("a folder");
    let named = UnixListener::bind(folder.path().join("name")).expect("a listener");
    assert_eq!(addresses(me).len(), 4);
    drop((unnamed, tcp, udp, unix, named));
    assert_eq!(addresses(me), [""; 0]);
}

#[test]
#[ignore = "run by no_worker_and_no_pool_has_an_address"]
fn a_pool_has_none() {
    if !is_alone("a_pool_has_none") {
        return;
    }
    while_a_pool_runs(|processes| {
        for &pid in processes {
            assert!(descriptors(pid).iter().any(|target| target.starts_with("socket:[")));
            assert_eq!(addresses(pid), [""; 0], "process {pid}");
        }
    });
}

#[test]
fn a_worker_has_nothing_open_but_its_socket() {
    while_a_pool_runs(|processes| {
        let inherited = descriptors(std::process::id());
        for &pid in &processes[1..] {
            for target in descriptors(pid) {
                let nameless = ["socket:[", "pipe:[", "anon_inode:"];
                let known = nameless.iter().any(|kind| target.starts_with(kind))
                    || target == "/dev/null"
                    // Standard output and error are the parent's.
                    || inherited.contains(&target);
                assert!(known, "worker {pid} has {target} open");
            }
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a worker");
            assert!(!maps.contains("/dev/shm/"), "{maps}");
        }
    });
}

/// All folders in which programs leave files are empty ones here, and stay so.
#[test]
fn nothing_is_left_in_the_file_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = alone("a_pool_runs_and_looks_around");
    for variable in ["TMPDIR", "HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"] {
        harness.env(variable, folder.path());
    }
    let output = harness.current_dir(&folder).output().expect("this harness");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
}

#[test]
#[ignore = "run by nothing_is_left_in_the_file_system"]
fn a_pool_runs_and_looks_around() {
    if !is_alone("a_pool_runs_and_looks_around") {
        return;
    }
    let folder = std::env::current_dir().expect("a folder");
    assert_eq!(std::env::temp_dir(), folder);
    while_a_pool_runs(|_| {
        let files: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().collect();
        assert!(files.is_empty(), "{files:?}");
    });
}

#[test]
fn arguments_and_environment_hold_nothing_of_the_tasks() {
    while_a_pool_runs(|processes| {
        let own: BTreeSet<String> = strings("/proc/self/environ").into_iter().collect();
        assert!(!own.is_empty());
        for &pid in &processes[1..] {
            let told = arguments(pid);
            // What any user can see in `ps`.
            let entry = ["--exact", "worker_entry", "--nocapture", "--include-ignored"];
            assert_eq!(told[0], WORKER_NAME);
            assert!(told[1..].iter().all(|argument| entry.contains(&&**argument)), "{told:?}");
            let environment: BTreeSet<String> =
                strings(&format!("/proc/{pid}/environ")).into_iter().collect();
            let added: Vec<_> = environment.difference(&own).collect();
            assert!(added.is_empty(), "worker {pid} has {added:?} in its environment");
        }
    });
}

/// What a stranger tries, and what he is told.
fn tries(victim: u32) -> Vec<(&'static str, Result<(), Errno>)> {
    let pid = Pid::from_raw(victim.cast_signed());
    let errno = |e: std::io::Error| Errno::from_raw(e.raw_os_error().unwrap_or_default());
    let file = |name: &str| Path::new("/proc").join(victim.to_string()).join(name);
    vec![
        ("signal", kill(pid, None)),
        ("read memory", fs::File::open(file("mem")).map(drop).map_err(errno)),
        ("list descriptors", fs::read_dir(file("fd")).map(drop).map_err(errno)),
        ("open the socket", fs::File::open(file("fd/0")).map(drop).map_err(errno)),
        ("read environment", fs::read(file("environ")).map(drop).map_err(errno)),
        ("trace", trace(pid)),
        // Last, for it may succeed.
        ("kill", kill(pid, Signal::SIGKILL)),
    ]
}

fn trace(pid: Pid) -> Result<(), Errno> {
    use nix::sys::ptrace::{attach, detach};
    attach(pid)?;
    waitpid(pid, None)?;
    detach(pid, None)
}

/// Names the processes on which this one is to try, as a second user.
const VICTIMS: &str = "POOL_TEST_VICTIMS";

const NOBODY: u32 = 65_534;

#[test]
fn a_second_user_can_neither_signal_nor_trace_nor_read_a_worker() {
    if !geteuid().is_root() {
        println!("skipped: only root can become a second user");
        return;
    }
    while_a_pool_runs(|processes| {
        let victims: Vec<String> = processes.iter().map(ToString::to_string).collect();
        let mut stranger = alone("a_stranger_tries");
        stranger.env(VICTIMS, victims.join(" ")).uid(NOBODY).gid(NOBODY);
        match stranger.output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(e) => println!("skipped: cannot run this harness as user {NOBODY}: {e}"),
        }
        for pid in victims {
            assert!(Path::new("/proc").join(&pid).exists(), "{pid} is gone");
        }
    });
}

#[test]
#[ignore = "run by a_second_user_can_neither_signal_nor_trace_nor_read_a_worker"]
fn a_stranger_tries() {
    if !is_alone("a_stranger_tries") {
        return;
    }
    assert_eq!(geteuid().as_raw(), NOBODY);
    // A process of his own is at his mercy, so he knows how it is done.
    let mut own = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().expect("a process");
    for (what, outcome) in tries(own.id()) {
        assert_eq!(outcome, Ok(()), "{what}, of his own process");
    }
    own.wait().expect("a status");
    for victim in std::env::var(VICTIMS).expect("victims").split(' ') {
        for (what, outcome) in tries(victim.parse().expect("a pid")) {
            let refused = matches!(outcome, Err(Errno::EPERM | Errno::EACCES));
            assert!(refused, "{what}, of process {victim}: {outcome:?}");
        }
    }
}
