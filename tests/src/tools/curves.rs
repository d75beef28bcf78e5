//! `cargo curves`: Lamplighter and other followers of load at equal cost, as tables and charts.

#![allow(clippy::print_stdout, reason = "a program for a person to watch")]

use std::error::Error;
use std::fs;
use std::path::Path;

use e2e::testkit::curves::chart::{self, Axis};
use e2e::testkit::curves::{
    Comparison, Conditions, Curve, Followed, Measure, Ours, build_table, curves, follow,
    read_traces,
};
use e2e::testkit::setup::root;

/// Requests per second for a task, over which the cost of Lamplighter is varied in the charts.
const RATES: [u32; 5] = [7, 8, 9, 10, 11];

fn main() -> Result<(), Box<dyn Error>> {
    let (delay, start) = read_arguments()?;
    let folder = root().join("target/curves");
    fs::create_dir_all(&folder)?;
    let mut all = curves();
    match read_traces()? {
        Some(traces) => all.extend(traces),
        None => println!("LOAD_TRACES is unset: traces of others are left out"),
    }
    for measure in [Measure::Requests, Measure::Cpu] {
        let conditions = Conditions {
            measure,
            delay,
            start,
        };
        let compared: Vec<(Curve, Comparison)> = all
            .iter()
            .map(|curve| (curve.clone(), Comparison::run(curve, conditions)))
            .collect();
        println!(
            "\nBy {}, metrics {delay} min late, tasks serve after {start} min. Minutes under / thousand excess requests / \
             changes, at the task-hours of Lamplighter\n\n{}",
            name_measure(measure),
            build_table(&compared)
        );
        for (curve, comparison) in &compared {
            draw(&folder, curve, comparison, conditions)?;
        }
    }
    println!("\nCharts: target/curves/*.svg");
    Ok(())
}

/// Reads the delay of metrics and the start of tasks, in minutes; one each without arguments.
fn read_arguments() -> Result<(usize, usize), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => Ok((1, 1)),
        [delay, start] => Ok((delay.parse()?, start.parse()?)),
        _ => Err("cargo curves [MINUTES UNTIL METRICS ARRIVE] [MINUTES UNTIL TASKS SERVE]".into()),
    }
}

fn name_measure(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests => "requests",
        Measure::Cpu => "CPU",
    }
}

fn draw(
    folder: &Path,
    curve: &Curve,
    comparison: &Comparison,
    conditions: Conditions,
) -> Result<(), Box<dyn Error>> {
    let name = format!(
        "{}-{}",
        curve.name.replace(' ', "-"),
        name_measure(conditions.measure).to_lowercase()
    );
    let tasks = chart::draw_tasks(curve, &comparison.ours)?;
    fs::write(folder.join(format!("{name}.svg")), tasks)?;
    let mut ours: Vec<Followed> = RATES
        .iter()
        .map(|rps| follow(curve, conditions, &mut Ours::new(conditions.measure, *rps)))
        .collect();
    ours.sort_by(|one, other| one.task_hours.total_cmp(&other.task_hours));
    let axes = [
        (
            "under",
            Axis {
                name: "minutes under",
                of: |followed| followed.under,
            },
        ),
        (
            "excess",
            Axis {
                name: "excess requests",
                of: |followed| followed.excess,
            },
        ),
    ];
    for (short, axis) in axes {
        let drawn = chart::draw_frontiers(curve, &ours, comparison, axis)?;
        fs::write(folder.join(format!("{name}-{short}.svg")), drawn)?;
    }
    Ok(())
}
