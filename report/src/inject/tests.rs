use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

const README: &str = "\
# Times

<!-- report: table --group 'a b' -->
<!-- /report -->

As in:

```markdown
<!-- report: table -->
<!-- /report -->
```

   <!--report:diff base new-->
old
<!-- /report -->
the end, without a line end";

fn filled(text: &str, content: &str) -> Result<String, String> {
    let markers = marker::find(text).map_err(|fault| fault.to_string())?;
    let contents = vec![content.to_owned(); markers.len()];
    marker::fill(text, &markers, &contents).map_err(|fault| fault.to_string())
}

#[test]
fn markers_with_their_arguments() {
    let markers = marker::find(README).expect("good markers");
    let told: Vec<_> = markers.iter().map(|marker| (marker.line, &marker.arguments)).collect();
    let arguments = [vec!["table", "--group", "a b"], vec!["diff", "base", "new"]]
        .map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(told, [(3, &arguments[0]), (13, &arguments[1])]);
    assert_eq!(&README[markers[0].body.clone()], "");
    assert_eq!(&README[markers[1].body.clone()], "old\n");
}

#[test]
fn only_what_is_between_markers_changes() {
    let new = filled(README, "\n| a |\n|---|\n").expect("good markers");
    let body = "\n| a |\n|---|\n\n";
    let expected = README
        .replace("'a b' -->\n", &format!("'a b' -->\n{body}"))
        .replace("new-->\nold\n", &format!("new-->\n{body}"));
    assert_eq!(new, expected);
    assert_eq!(filled(&new, "| a |\n|---|").expect("good markers"), new, "again");
    assert_eq!(filled(&new, "").expect("good markers"), README.replace("old\n", ""));
}

#[test]
fn line_ends_stay() {
    let windows = README.replace('\n', "\r\n");
    let new = filled(&windows, "a\nb\r\nc").expect("good markers");
    assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
    assert!(new.contains("\r\n\r\na\r\nb\r\nc\r\n\r\n<!-- /report -->"));
    assert_eq!(new.replace("\r\n", "\n"), filled(README, "a\nb\nc").expect("good markers"));
    let marked = format!("\u{feff}{EXAMPLE}\n{END}", EXAMPLE = marker::EXAMPLE, END = marker::END);
    let new = filled(&marked, "x").expect("a marker after a byte order mark");
    assert!(new.starts_with('\u{feff}') && new.ends_with(marker::END), "{new:?}");
}

#[test]
fn examples_are_left_alone() {
    let [begin, end] = [marker::EXAMPLE, marker::END];
    for text in [
        format!("```\n{begin}\n```\n"),
        format!("~~~~ md\n{begin}\n~~~\n```\n~~~~~\n"),
        format!("   ```\n{begin}\n"),
        format!("    {begin}\n\t{begin}\n"),
        format!("Write `{begin}` and\nthen {end}.\n> {begin}\n"),
        "<!-- reports: x -->\n<!-- /reporter -->\n<!-- TODO -->\n".to_owned(),
    ] {
        assert_eq!(marker::find(&text), Ok(Vec::new()), "{text}");
    }
    // What is no fence hides nothing.
    for text in [format!("``` `x`\n{begin}\n{end}\n"), format!("``\n{begin}\n{end}\n")] {
        assert_eq!(marker::find(&text).expect("good markers").len(), 1, "{text}");
    }
}

#[test]
fn markers_that_make_no_sense() {
    let [begin, end] = [marker::EXAMPLE, marker::END];
    for (text, told) in [
        (format!("\n{begin}\n"), "line 2: the marker has no end"),
        (format!("{begin}\n{begin}\n{end}\n"), "line 2: a marker in that of line 1"),
        (format!("a\n\n{end}\n"), "line 3: <!-- /report --> without a marker"),
        (format!("{begin}{end}\n"), "line 1: a marker begins and ends on one line"),
        (format!("{begin}\n{end} text\n"), "line 2: a marker begins and ends on one line"),
        ("<!-- report: table\n-->\n".to_owned(), "line 1: a marker begins and ends on one line"),
        (format!("<!-- report: -->\n{end}\n"), "line 1: a marker without a command"),
        (format!("<!-- report: a 'b -->\n{end}\n"), "line 1: a quote in \"a 'b\" is not closed"),
        (format!("{begin}\n```\n{end}\n"), "line 1: the marker has no end"),
    ] {
        let fault = marker::find(&text).expect_err(&text).to_string();
        assert!(fault.starts_with(told), "{fault}");
    }
}

#[test]
fn a_content_that_would_be_a_marker() {
    for content in [marker::END, marker::EXAMPLE, "```\nopen", "<!-- report: x"] {
        let fault = filled(README, content).expect_err(content);
        assert!(fault.starts_with("line 3: what is to stand here"), "{fault}");
    }
    assert!(filled(README, &format!("```\n{}\n```", marker::END)).is_ok(), "an example");
}

fn readme() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("README.md");
    fs::write(&path, README).expect("written");
    (directory, path)
}

#[allow(clippy::unnecessary_wraps, reason = "what inject calls may fail")]
fn words(marker: &Marker) -> Result<String, Error> {
    Ok(marker.arguments.join(" "))
}

#[test]
fn a_file_is_checked_and_replaced() {
    let (directory, path) = readme();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its owner");
    let link = directory.path().join("link.md");
    symlink("README.md", &link).expect("a link");

    let checked = inject(&link, true, words).expect("good markers");
    let difference = checked.difference.clone().expect("it differs");
    assert_eq!((checked.markers, difference.line), (2, 4));
    assert_eq!(fs::read_to_string(&path).expect("the file"), README, "only checked");

    assert_eq!(inject(&link, false, words).expect("good markers"), checked);
    let new = fs::read_to_string(&path).expect("the file");
    assert!(new.contains("-->\n\ntable --group a b\n\n<!--"), "{new}");
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    let before = fs::metadata(&path).expect("the file");
    assert_eq!(before.permissions().mode() & 0o777, 0o600);

    // What is right already is not written: it would be another file.
    assert_eq!(inject(&link, false, words).expect("good markers").difference, None);
    assert_eq!(fs::metadata(&path).expect("the file").ino(), before.ino());
}

#[test]
fn what_fails_leaves_the_file_as_it_was() {
    let (_directory, path) = readme();
    let mut count = 0;
    let error = inject(&path, false, |_| {
        count += 1;
        if count == 1 { Ok("new".into()) } else { Err(Error::Usage("no such group".into())) }
    });
    let told = error.expect_err("the second fails").to_string();
    assert!(told.ends_with("README.md: line 13: no such group"), "{told}");
    assert_eq!(fs::read_to_string(&path).expect("the file"), README);

    fs::write(&path, "nothing to fill").expect("written");
    let told = inject(&path, false, words).expect_err("no marker").to_string();
    assert!(told.contains("README.md: holds no marker: a line `<!-- report: table -->`"), "{told}");
    fs::write(&path, b"\xff").expect("written");
    assert!(matches!(inject(&path, false, words), Err(Error::BadFile { .. })));
}

#[test]
fn a_difference_is_short() {
    let old = "same\n1\n2\n3\n4\n5\nsame\n";
    let difference = Difference::first(old, "same\nx\nsame\n").expect("they differ");
    assert_eq!(difference.to_string(), "-1\n-2\n-3\n-… and 2 more lines\n+x\n");
    assert_eq!(difference.line, 2);
    let added = Difference::first("a\na\n", "a\na\na\n").expect("they differ");
    assert_eq!((added.line, added.to_string()), (3, "+a\n".to_owned()));
    assert_eq!(Difference::first(old, old), None);
}

/// Lines that are likely to be something to us.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(marker::EXAMPLE.to_owned()),
        Just(marker::END.to_owned()),
        Just("```".to_owned()),
        Just("~~~".to_owned()),
        Just("    <!-- report: x -->".to_owned()),
        "[ <!\\-/a:`~>\r]{0,9}",
    ];
    prop::collection::vec(line, 0..9).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = filled(&text, "x");
    }

    /// What is filled can be filled again, with the same outcome, and nothing
    /// but the bodies has changed.
    #[test]
    fn filling_is_repeatable(text in text(), content in text()) {
        let Ok(markers) = marker::find(&text) else { return Ok(()) };
        let contents = vec![content; markers.len()];
        let Ok(once) = marker::fill(&text, &markers, &contents) else { return Ok(()) };
        let again = marker::find(&once).expect("it was read back");
        prop_assert_eq!(&marker::fill(&once, &again, &contents).expect("as before"), &once);
        let outside = |text: &str, markers: &[Marker]| {
            let mut rest = text.to_owned();
            markers.iter().rev().for_each(|marker| rest.replace_range(marker.body.clone(), ""));
            rest
        };
        prop_assert_eq!(outside(&text, &markers), outside(&once, &again));
    }
}
