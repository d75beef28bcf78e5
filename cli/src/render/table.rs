//! Tables without lines.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ContentArrangement, Table};
use lamplighter::notify::Severity;
use lamplighter::status::Condition;

/// Builds a table with these headers. On a terminal it takes its width, and wraps.
#[must_use]
pub fn build_table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headers);
    table
}

/// Formats a table, without blanks at the ends of lines.
#[must_use]
pub fn format_table(table: &Table) -> String {
    let lines = table.lines().map(|line| {
        let line = line.trim_end();
        line.strip_prefix(' ').unwrap_or(line).to_owned()
    });
    let mut lines: Vec<String> = lines.collect();
    lines.push(String::new());
    lines.join("\n")
}

/// Returns the cell of a condition, in the colour of its urgency.
#[must_use]
pub fn condition_cell(condition: Condition) -> Cell {
    let color = match condition {
        Condition::Critical => Color::Red,
        Condition::Warning
        | Condition::Misconfigured
        | Condition::Unprotected
        | Condition::Held
        | Condition::NotManaged => Color::Yellow,
        Condition::Recovering | Condition::Changing => Color::Cyan,
        Condition::Paused
        | Condition::Observed
        | Condition::Silenced
        | Condition::Stopped
        | Condition::Absent
        | Condition::AtRisk => Color::Grey,
        Condition::Healthy => Color::Green,
    };
    Cell::new(condition.label()).fg(color)
}

/// Returns the cell of a severity.
#[must_use]
pub fn severity_cell(severity: Severity) -> Cell {
    let color = match severity {
        Severity::Critical => Color::Red,
        Severity::Warning => Color::Yellow,
        Severity::Info => Color::Grey,
    };
    Cell::new(severity.as_str()).fg(color)
}
