//! Links, folders within folders, and folders that may not be opened.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use nix::unistd::{Gid, Uid, geteuid, setfsgid, setfsuid};
use report::layout::read_sets;

use super::{but_namesakes, measured, only_problem, read_one, to_itself};

#[test]
fn links_are_followed_and_never_round() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path().join("criterion");
    let elsewhere = tree.path().join("elsewhere");
    measured(&root, "sum/fold/100", "new");
    measured(&elsewhere, "f", "new");
    symlink(&elsewhere, root.join("linked")).expect("a link");
    symlink(".", root.join("sum/here")).expect("a link");
    symlink("..", root.join("sum/fold/up")).expect("a link");
    symlink("../../..", root.join("sum/fold/above")).expect("a link");
    symlink("nowhere", root.join("sum/nowhere")).expect("a link");
    to_itself(&root.join("sum/itself"));

    for root in [root.clone(), root.join("../criterion"), root.join("sum/..")] {
        let set = read_one(&root, "new");
        let places: Vec<_> = set.benchmarks.iter().map(|x| x.place.as_str()).collect();
        assert_eq!(places, ["linked/f", "sum/fold/100"]);
        let problems: Vec<_> = but_namesakes(&set).iter().map(ToString::to_string).collect();
        let told = |link: &str, what: &str| {
            let of = problems.iter().filter(|x| x.contains(link) && x.contains(what)).count();
            assert_eq!(of, 1, "{link}: {problems:?}");
        };
        assert_eq!(problems.len(), 5);
        told("sum/here: ", "back to a folder");
        told("sum/fold/up: ", "back to a folder");
        told("sum/fold/above: ", "back to a folder");
        told("sum/nowhere: ", "leads nowhere");
        told("sum/itself: ", "leads nowhere");
        let lost = but_namesakes(&set).iter().filter(|problem| problem.is_loss()).count();
        assert_eq!(lost, 2, "what lies behind a dangling link may be a benchmark");
    }
}

#[test]
fn crosswise_links_and_deep_folders_come_to_an_end() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path().join("criterion");
    // Each of twelve folders leads to the others: 12! paths, and no way back.
    let names: Vec<String> = (0..12).map(|n| format!("g{n}")).collect();
    for from in &names {
        measured(&root, from, "new");
        for to in names.iter().filter(|to| *to != from) {
            symlink(root.join(to), root.join(from).join(to)).expect("a link");
        }
    }
    let mut deep = root.join("deep");
    for _ in 0..200 {
        deep.push("x");
    }
    measured(&deep, "f", "new");
    let set = read_one(&root, "new");
    let direct = set.benchmarks.iter().filter(|x| names.contains(&x.place)).count();
    assert_eq!(direct, names.len());
    let problems = but_namesakes(&set);
    let told = |what: &str| problems.iter().filter(|x| x.what.contains(what)).count();
    assert_eq!(told("deep, which were not read"), 1);
    assert_eq!(told("link behind a link") + told("back to a folder") + 1, problems.len());
}

#[test]
fn a_folder_that_may_not_be_opened_is_one_problem() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path().join("criterion");
    measured(&root, "open", "new");
    let closed = measured(&root, "closed", "new").parent().expect("a parent").to_owned();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("ours");
    // Whoever is root may read everything: these threads are somebody else.
    let nobody = |_| {
        if geteuid().is_root() {
            setfsgid(Gid::from_raw(65534));
            setfsuid(Uid::from_raw(65534));
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(nobody);
    let pool = pool.build().expect("two threads");
    let sets = pool.install(|| read_sets(&root, &["new"]));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).expect("ours");
    let sets = sets.expect("a tree");
    assert_eq!(only_problem(&sets[0]).path, closed);
    assert!(sets[0].problems[0].what.contains("cannot be read"), "{}", sets[0].problems[0]);
    assert_eq!(sets[0].benchmarks.len(), 1);
}
