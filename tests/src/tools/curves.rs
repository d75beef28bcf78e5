//! `cargo curves`: tasks against load, for Lamplighter and two baselines, as charts and as a table.

#![allow(clippy::print_stdout, reason = "a program for a person to watch")]

use std::fs;
use std::process::ExitCode;

use e2e::testkit::curves::{Followed, Hpa, Ours, TargetTracking, chart, curves, follow};
use e2e::testkit::setup::root;

fn main() -> ExitCode {
    let folder = root().join("target/curves");
    if let Err(problem) = fs::create_dir_all(&folder) {
        eprintln!("can't write to {}: {problem}", folder.display());
        return ExitCode::FAILURE;
    }
    for curve in curves() {
        let all = [
            follow(&curve, Ours::default()),
            follow(&curve, TargetTracking::default()),
            follow(&curve, Hpa::default()),
        ];
        println!("\n{}: {}\n", curve.name, curve.about);
        println!("{}", chart::terminal(&curve, &all[0]));
        all.iter().for_each(print);
        let file = folder.join(format!("{}.svg", curve.name.replace(' ', "-")));
        if let Err(problem) = fs::write(&file, chart::svg(&curve, &all)) {
            eprintln!("can't write {}: {problem}", file.display());
            return ExitCode::FAILURE;
        }
    }
    println!(
        "\n█ needed and there   ░ there and not needed   ! needed and not there (columns show their worst minute)"
    );
    println!("Charts of all three: target/curves/*.svg");
    ExitCode::SUCCESS
}

fn print(followed: &Followed) {
    println!(
        "  {:<16} {:>4} min under  {:>4} min over  {:>6.1} task-hours  {:>3} changes",
        followed.scaler, followed.under, followed.over, followed.task_hours, followed.changes
    );
}
