//! OPERATIONS.md has every message that there is.

use std::collections::BTreeSet;
use std::fs;

use e2e::testkit::setup::root;

/// Severity and title of every message that a snapshot of `words_tests` holds.
fn messages() -> BTreeSet<(String, String)> {
    let functions = fs::read_dir(root().join("functions")).unwrap().flatten();
    let folders = functions
        .map(|function| function.path().join("src/snapshots"))
        .filter(|folder| folder.is_dir());
    let folders = folders.chain([root().join("shared/core/src/engine/snapshots")]);
    // Findings have one row: the engine reports them.
    let files = folders
        .flat_map(|folder| fs::read_dir(folder).unwrap().flatten())
        .filter(|file| !file.path().to_string_lossy().contains("every_finding"));
    let lines = files.flat_map(|file| {
        fs::read_to_string(file.path())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let titled = lines.filter_map(|line| {
        let (severity, title) = line.strip_prefix('[')?.split_once("] ")?;
        Some((severity.to_owned(), title.to_owned()))
    });
    titled.collect()
}

/// Severity and pattern of every row; several patterns of one row stand behind commas.
fn rows() -> Vec<(String, String)> {
    let manual = fs::read_to_string(root().join("OPERATIONS.md")).unwrap();
    let mut severity = String::new();
    let mut rows = Vec::new();
    for line in manual.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            heading.split(':').next().unwrap().clone_into(&mut severity);
        }
        if let (Some(cell), false) = (
            line.strip_prefix("| ")
                .and_then(|row| row.split(" | ").next()),
            severity.is_empty(),
        ) {
            rows.push((severity.clone(), cell.to_owned()));
            rows.extend(cell.split(", ").map(|pattern| {
                (
                    severity.clone(),
                    pattern.trim_start_matches("or ").to_owned(),
                )
            }));
        }
    }
    rows
}

/// Whether a title has the parts of a pattern between its `…`, in their order.
fn fits(title: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').map(str::trim).collect();
    let mut rest = title;
    for (n, part) in parts.iter().enumerate() {
        match rest.find(part) {
            Some(at) if n > 0 || at == 0 => rest = &rest[at + part.len()..],
            Some(_) | None => return false,
        }
    }
    parts
        .last()
        .is_some_and(|last| last.is_empty() || rest.is_empty())
}

#[test]
fn the_manual_has_every_message() {
    let (messages, rows) = (messages(), rows());
    assert!(messages.len() > 90, "{}", messages.len());
    let known = |severity: &str, title: &str| {
        rows.iter()
            .any(|(of, pattern)| of == severity && pattern.len() > 3 && fits(title, pattern))
    };
    let missing: Vec<_> = messages
        .iter()
        .filter(|(severity, title)| !known(severity, title))
        .collect();
    assert!(missing.is_empty(), "not in OPERATIONS.md: {missing:#?}");
}

#[test]
fn a_pattern_fits_what_it_stands_for_alone() {
    assert!(fits(
        "needs 14 tasks and may have 8",
        "needs … tasks and may have …"
    ));
    assert!(fits("crashes again and again", "crashes again and again…"));
    assert!(!fits("needs 14 tasks", "needs … tasks and may have …"));
    assert!(!fits(
        "it needs 14 tasks and may have 8",
        "needs … tasks and may have …"
    ));
    assert!(!fits(
        "can't be scaled: it is a DAEMON service now",
        "can't be scaled: it is a DAEMON service"
    ));
}
