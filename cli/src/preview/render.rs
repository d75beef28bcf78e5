//! A preview as text for a terminal.

use std::fmt::Write as _;

use comfy_table::Cell;
use lamplighter::model::pluralize;

use super::past::Origin;
use super::report::{Report, ServiceReport, Usage};
use crate::render::table::{build_table, format_table};
use crate::render::time::{format_age, format_time};

/// Columns of a chart.
const COLUMNS: usize = 72;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Renders a preview.
#[must_use]
pub fn render_preview(report: &Report) -> String {
    let mut text = format!(
        "{} from {} on, played by the minute. Nothing was changed.\n",
        format_age(report.from, report.to),
        format_time(report.from),
    );
    let _ = writeln!(
        text,
        "A task serves {} min after it is asked for (--startup), and metrics arrive a minute after they were measured.",
        report.startup_minutes
    );
    for service in &report.services {
        let _ = write!(text, "\n{}", render_service(service));
    }
    if report.services.is_empty() && report.skipped.is_empty() {
        text.push_str("\nno service in this account and region: pass --region or --profile\n");
    }
    for skipped in &report.skipped {
        let _ = writeln!(text, "\n{}: not played: {}", skipped.name, skipped.reason);
    }
    text
}

fn render_service(service: &ServiceReport) -> String {
    let mut text = format!("{}\n", service.name);
    for (key, value) in &service.tags {
        let _ = writeln!(text, "  {key} = {value}");
    }
    let _ = writeln!(text, "  {}\n", describe_origin(service.origin));
    for line in render_comparison(service).lines() {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
    text.push_str(&render_chart(service));
    for line in list_remarks(service) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// Says where the tags come from.
#[must_use]
pub const fn describe_origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Tagged => "(its own tags)",
        Origin::Proposed => "(it has no tag lamplighter:scale: proposed as by lamplighter init)",
        Origin::Given => "(with --set)",
    }
}

/// Lists the figures of both, each with its name.
#[must_use]
pub fn list_figures(service: &ServiceReport) -> Vec<[String; 3]> {
    let (ran, played) = (&service.ran, &service.lamplighter);
    let mut figures = vec![[
        "task-hours".to_owned(),
        format!("{:.0}", ran.task_hours),
        format!(
            "{:.0}{}",
            played.task_hours,
            describe_change(ran.task_hours, played.task_hours)
        ),
    ]];
    if let (Some(before), Some(after)) = (ran.cost, played.cost) {
        figures.push([
            "USD at Fargate's price in us-east-1".to_owned(),
            format!("{before:.2}"),
            format!("{after:.2}"),
        ]);
    }
    figures.push([
        "minutes above the target of the tag".to_owned(),
        describe_above(ran),
        describe_above(played),
    ]);
    figures.push([
        "changes of the desired count".to_owned(),
        "unknown".to_owned(),
        service.changes.to_string(),
    ]);
    figures
}

fn render_comparison(service: &ServiceReport) -> String {
    let mut table = build_table(&["", "RAN", "LAMPLIGHTER"]);
    for figure in list_figures(service) {
        table.add_row(figure.map(Cell::new));
    }
    format_table(&table)
}

fn describe_change(before: f64, after: f64) -> String {
    if before <= 0.0 {
        return String::new();
    }
    let percent = (after / before - 1.0) * 100.0;
    if percent.abs() < 0.5 {
        return String::new();
    }
    let word = if percent < 0.0 { "less" } else { "more" };
    format!(" ({:.0} % {word})", percent.abs())
}

fn describe_above(usage: &Usage) -> String {
    let all = usage.minutes_above_target;
    match usage.minutes_above_target_at_max {
        0 => all.to_string(),
        at_max => format!("{all} ({at_max} with all tasks of max=)"),
    }
}

/// Lists what else is to say of a service, one line each.
#[must_use]
pub fn list_remarks(service: &ServiceReport) -> Vec<String> {
    let mut lines: Vec<String> = service
        .alarms
        .iter()
        .map(|alarm| {
            format!(
                "alarm that would have fired: {}, last at {}",
                alarm.describe(),
                format_time(alarm.newest)
            )
        })
        .collect();
    if service.alarms.is_empty() {
        lines.push(
            "no alarm would have fired, with errors, latency and health as recorded".to_owned(),
        );
    }
    if !service.messages.is_empty() {
        let messages = pluralize(service.messages.len(), "message");
        lines.push(format!(
            "{messages} about scaling: {}",
            service.count_messages()
        ));
    }
    if service.unknown_minutes > 0 {
        lines.push(format!(
            "unknown: {}, for which CloudWatch has no metric; they count nowhere",
            pluralize(service.unknown_minutes, "minute")
        ));
    }
    if service.saturated_minutes > 0 {
        lines.push(format!(
            "unknown: how much work waited in {}, in which the tasks that ran were at the limit of their CPU",
            pluralize(service.saturated_minutes, "minute")
        ));
    }
    lines.extend(service.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// Draws the tasks that were needed, ran and would have run, one line each.
fn render_chart(service: &ServiceReport) -> String {
    let chart = &service.chart;
    let rows = [
        ("needed", &chart.needed),
        ("ran", &chart.ran),
        ("Lamplighter", &chart.lamplighter),
    ];
    let all = rows.iter().flat_map(|(_, values)| values.iter().flatten());
    let highest = all.copied().fold(1.0, f64::max);
    let mut text = String::new();
    for (name, values) in rows {
        let per_column = values.len().div_ceil(COLUMNS).max(1);
        let columns = values.chunks(per_column).map(|column| {
            let value = column.iter().flatten().copied().reduce(f64::max);
            value.map_or(' ', |value| select_bar(value / highest))
        });
        let columns: String = columns.collect();
        let _ = writeln!(text, "  {name:<11} {columns}");
    }
    let _ = writeln!(text, "  {:<11} the highest bar is {highest:.0} tasks\n", "");
    text
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of eight bars"
)]
fn select_bar(share: f64) -> char {
    let index = (share * 8.0).ceil().clamp(1.0, 8.0) as usize - 1;
    BARS.get(index).copied().unwrap_or(' ')
}
