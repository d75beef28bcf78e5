//! The tables of `docs/comparison.md` are those that the code makes. `UPDATE_DOCS=1` writes them.

use std::fmt::Write;
use std::{env, fs, thread};

use e2e::testkit::curves::{
    Baseline, Comparison, Conditions, Curve, MAX, MIN, Measure, Ours, build_table, curves, follow,
    read_traces,
};
use e2e::testkit::setup::root;

const BY_REQUESTS: Conditions = Conditions {
    measure: Measure::Requests,
    delay: 1,
    start: 1,
};
const BY_CPU: Conditions = Conditions {
    measure: Measure::Cpu,
    ..BY_REQUESTS
};

/// Tables for the headings of the document. The traces are not part of this project: `LOAD_TRACES` names their folder.
#[test]
fn the_tables_are_those_of_the_code() {
    let traces = read_traces().unwrap();
    if traces.is_none() {
        eprintln!("the tables of traces are skipped: set LOAD_TRACES to a folder of load traces");
    }
    let shapes = || Some(curves());
    let mut tables: Vec<(&str, String)> = thread::scope(|scope| {
        let all = [
            ("## Shapes, by requests", shapes(), BY_REQUESTS),
            ("## Shapes, by CPU", shapes(), BY_CPU),
            ("## Traces, by requests", traces.clone(), BY_REQUESTS),
            ("## Traces, by CPU", traces, BY_CPU),
        ];
        let started = all.map(|(heading, curves, conditions)| {
            scope.spawn(move || curves.map(|curves| (heading, compare(curves, conditions))))
        });
        let done = started.into_iter().map(|table| table.join().unwrap());
        done.flatten().collect()
    });
    tables.push(("## Headroom", build_headroom_table()));
    let file = root().join("docs/comparison.md");
    let before = fs::read_to_string(&file).unwrap();
    let after = tables
        .iter()
        .fold(before.clone(), |text, (heading, table)| {
            replace_table(&text, heading, table)
        });
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &after).unwrap();
        return;
    }
    assert_eq!(after, before, "write the tables anew with UPDATE_DOCS=1");
}

/// At equal task-hours, Lamplighter is no worse than target tracking on three of four curves, and than step scaling on two of three.
fn compare(curves: Vec<Curve>, conditions: Conditions) -> String {
    let compared: Vec<(Curve, Comparison)> = curves
        .into_iter()
        .map(|curve| {
            let comparison = Comparison::run(&curve, conditions);
            (curve, comparison)
        })
        .collect();
    let count = |other: Baseline| {
        let all = compared.iter();
        all.filter(|(_, comparison)| comparison.beats(other) != Some(false))
            .count()
    };
    assert!(count(Baseline::TargetTracking) * 4 >= compared.len() * 3);
    assert!(count(Baseline::StepScaling) * 3 >= compared.len() * 2);
    build_table(&compared)
}

/// What `headroom=` costs and brings on two days of load.
fn build_headroom_table() -> String {
    let mut table =
        "| headroom | task-hours | minutes under | thousand excess requests |\n|---|---|---|---|\n"
            .to_owned();
    let days: Vec<Curve> = curves().into_iter().take(2).collect();
    for headroom in [0, 5, 10, 20] {
        let tag = format!("min={MIN} max={MAX} rps=10 cpu=100 headroom={headroom}");
        let followed = days.iter().map(|day| {
            follow(
                day,
                BY_REQUESTS,
                &mut Ours::with_tag(&tag, 100.0, Some(10.0)),
            )
        });
        let sums = followed.fold((0.0, 0.0, 0.0), |(hours, under, excess), day| {
            (
                hours + day.task_hours,
                under + day.under,
                excess + day.excess,
            )
        });
        let (hours, under, excess) = sums;
        let _ = writeln!(
            table,
            "| {headroom} % | {hours:.1} | {under:.0} | {:.1} |",
            excess / 1_000.0
        );
    }
    table
}

/// Returns a document with another table in the section of a heading.
fn replace_table(text: &str, heading: &str, table: &str) -> String {
    let (before, section) = text
        .split_once(heading)
        .unwrap_or_else(|| panic!("docs/comparison.md has no heading {heading}"));
    let begin = section.find("\n|").expect("a table") + 1;
    let rest = &section[begin..];
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    format!(
        "{before}{heading}{}{table}{}",
        &section[..begin],
        &rest[end..]
    )
}
