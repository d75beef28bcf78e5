//! The status of all targets.

use std::fmt::Write as _;

use comfy_table::Cell;
use lamplighter::model::pluralize;
use lamplighter::policy::Mode;
use lamplighter::status::{Condition, RunningVersion, StackStatus, StatusLine, TargetStatus};

use super::table::{build_table, condition_cell, format_table, severity_cell};
use super::time::format_time;

/// Renders the status of the targets, the worst first, and a summary.
#[must_use]
pub fn render_status(status: &StackStatus) -> String {
    let mut text = format!(
        "{} {}, {}\n",
        status.stack,
        status.version,
        format_time(status.at)
    );
    let mode = match status.mode {
        Mode::Act => None,
        Mode::Observe => Some("The stack observes: it decides and notifies, and changes nothing."),
        Mode::Off => Some("The stack is switched off: nothing is decided."),
    };
    for line in mode
        .into_iter()
        .chain(status.requests.iter().map(String::as_str))
    {
        let _ = writeln!(text, "! {line}");
    }
    text.push('\n');
    if status.targets.is_empty() {
        text.push_str(
            "no targets: tag a service, database or log group with lamplighter:managed = true\n",
        );
    } else {
        text.push_str(&render_targets(status));
    }
    if !status.other_incidents.is_empty() {
        text.push_str("\nElsewhere\n");
        let mut table = build_table(&["SEVERITY", "WHERE", "WHAT"]);
        for other in &status.other_incidents {
            table.add_row(vec![
                severity_cell(other.incident.severity),
                Cell::new(&other.name),
                Cell::new(&other.incident.title),
            ]);
        }
        text.push_str(&format_table(&table));
    }
    let _ = writeln!(text, "\n{}", summarize(&status.targets));
    text
}

fn render_targets(status: &StackStatus) -> String {
    let mut table = build_table(&["STATE", "TARGET", "VERSION", "TASKS", "WHY"]);
    for target in &status.targets {
        let version = target.version.as_ref().map(RunningVersion::label);
        let tasks = target
            .tasks
            .map(|tasks| format!("{}/{}", tasks.running, tasks.desired));
        let lines = target.describe(status.at);
        let why = lines.first().map(format_status_line).unwrap_or_default();
        table.add_row(vec![
            condition_cell(target.condition),
            Cell::new(&target.name),
            Cell::new(version.unwrap_or_default()),
            Cell::new(tasks.unwrap_or_default()),
            Cell::new(match lines.len() {
                0 | 1 => why,
                more => format!("{why} (+{} more)", more - 1),
            }),
        ]);
    }
    format_table(&table)
}

/// Formats a line of a status as sentences.
#[must_use]
pub fn format_status_line(line: &StatusLine) -> String {
    if line.next.is_empty() {
        line.what.clone()
    } else {
        format!("{}. {}", line.what.trim_end_matches('.'), line.next)
    }
}

/// Counts the targets by their condition: `3 targets: 1 held, 2 healthy`.
fn summarize(targets: &[TargetStatus]) -> String {
    let counts = Condition::ALL.into_iter().filter_map(|condition| {
        let of_it = targets
            .iter()
            .filter(|target| target.condition == condition);
        let count = of_it.count();
        (count > 0).then(|| format!("{count} {}", condition.label()))
    });
    let counts: Vec<String> = counts.collect();
    let total = pluralize(targets.len(), "target");
    if counts.is_empty() {
        total
    } else {
        format!("{total}: {}", counts.join(", "))
    }
}
