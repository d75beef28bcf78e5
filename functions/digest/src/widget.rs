//! Renders the daily report as HTML for a custom widget of a CloudWatch dashboard, with actions and
//! reasons, the newest first.
//!
//! CloudWatch calls the function with `describe` for its documentation and with `widgetContext` for
//! the content. CloudWatch removes scripts from the response. Styles are inline, so that the
//! console's own are not affected.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html>

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::pluralize;
use lamplighter::notify::html::escape_html;
use lamplighter::plan::Outcome;
use lamplighter::ports::ledger::{Record, RecordKind};
use serde_json::Value;

use crate::duration::{format_age, format_time};
use crate::html::{Column, DARK, LIGHT, Theme, color_span, render_table};
use crate::inputs::ReportInputs;
use crate::report::{DailyReport, IncidentSummary};
use crate::window::Window;

/// The documentation that CloudWatch shows when a user adds the widget.
pub const DESCRIPTION: &str = "### Lamplighter\nThe state of each target, and the actions in the time range of the \
                               dashboard with their reasons. The widget takes no parameters.";
/// The number of lines of the timeline.
const MAX_LINES: usize = 60;
/// The longest period of a widget: a report over months would take too long.
const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The columns of the table of targets.
const TARGET_COLUMNS: [Column; 3] = [
    Column::narrow("Target"),
    Column::wide("State"),
    Column::narrow("Backups"),
];
/// The columns of the timeline.
const TIMELINE_COLUMNS: [Column; 4] = [
    Column::narrow("When"),
    Column::narrow("Target"),
    Column::narrow("By"),
    Column::wide("Action and reason"),
];

/// Returns the period that a dashboard shows; `None` if the event is not from a dashboard.
#[must_use]
pub fn parse_window(payload: &Value, now: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Window> {
    let range = payload.get("widgetContext")?.get("timeRange");
    let to = parse_time(range, "end").unwrap_or(now).min(now);
    let from = parse_time(range, "start")
        .unwrap_or(to - SignedDuration::from_hours(24))
        .max(to - MAX_WINDOW);
    Some(Window {
        from,
        to,
        zone: zone.clone(),
    })
}

fn parse_time(range: Option<&Value>, key: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(range?.get(key)?.as_i64()?).ok()
}

/// Returns the widget's HTML.
#[must_use]
pub fn render_html(report: &DailyReport, inputs: &ReportInputs, payload: &Value) -> String {
    let dark = payload
        .pointer("/widgetContext/theme")
        .and_then(Value::as_str)
        == Some("dark");
    let theme = if dark { DARK } else { LIGHT };
    let targets = target_rows(report, inputs, &theme);
    let targets = render_table(&theme, &TARGET_COLUMNS, &targets);
    let timeline = timeline_rows(report, inputs, &theme);
    let timeline = render_table(&theme, &TIMELINE_COLUMNS, &timeline);
    let Theme { text, .. } = theme;
    format!(
        "<div style=\"color:{text};font-family:sans-serif;font-size:13px;line-height:1.4\">{targets}{timeline}</div>"
    )
}

fn target_rows(report: &DailyReport, inputs: &ReportInputs, theme: &Theme) -> Vec<Vec<String>> {
    let targets = inputs.services.iter().chain(&inputs.databases);
    let rows = targets.map(|(tagged, _)| {
        let name = tagged.arn.display_name();
        vec![
            escape_html(&name),
            render_state(report, &name, theme),
            render_backups(report, &name, theme),
        ]
    });
    rows.collect()
}

/// Renders the open incident, the holds and the number of findings of a target.
fn render_state(report: &DailyReport, name: &str, theme: &Theme) -> String {
    let open = report
        .incidents
        .iter()
        .find(|incident| incident.name == name && incident.is_open());
    let held = report
        .held
        .iter()
        .filter(|entry| entry.name == name)
        .map(|entry| escape_html(&entry.text));
    let findings = report
        .findings
        .iter()
        .filter(|entry| entry.name == name)
        .count();
    let findings = (findings > 0).then(|| pluralize(findings, "finding"));
    [render_health(open, theme)]
        .into_iter()
        .chain(held)
        .chain(findings)
        .collect::<Vec<_>>()
        .join("<br>")
}

fn render_health(open: Option<&IncidentSummary>, theme: &Theme) -> String {
    match open {
        Some(incident) => color_span(theme.bad, &escape_html(&incident.title)),
        None => color_span(theme.good, "healthy"),
    }
}

fn render_backups(report: &DailyReport, name: &str, theme: &Theme) -> String {
    let Some(backups) = report.backups.iter().find(|backups| backups.name == name) else {
        return String::new();
    };
    match backups.recovery_point {
        Some(at) => format!(
            "{}, recovery point {} old",
            backups.count,
            format_age(report, at)
        ),
        None => color_span(theme.bad, "no recovery point"),
    }
}

fn timeline_rows(report: &DailyReport, inputs: &ReportInputs, theme: &Theme) -> Vec<Vec<String>> {
    let outcomes = inputs
        .records
        .iter()
        .filter(|record| record.kind == RecordKind::Outcome);
    let rows = outcomes.rev().take(MAX_LINES).map(|record| {
        vec![
            escape_html(&format_time(report, record.at)),
            escape_html(&record.target.display_name()),
            escape_html(&record.operation),
            render_outcome(record, theme),
        ]
    });
    rows.collect()
}

/// Renders the reason of a record, and the steps that were not done.
fn render_outcome(record: &Record, theme: &Theme) -> String {
    let problems = record
        .outcomes
        .iter()
        .filter_map(|outcome| render_problem(outcome, theme));
    [escape_html(&describe_reason(record))]
        .into_iter()
        .chain(problems)
        .collect::<Vec<_>>()
        .join("<br>")
}

fn render_problem(outcome: &Outcome, theme: &Theme) -> Option<String> {
    match outcome {
        Outcome::Failed(error) => Some(color_span(
            theme.bad,
            &format!("failed: {}", escape_html(error)),
        )),
        Outcome::Withheld(reason) => Some(color_span(
            theme.quiet,
            &format!("withheld: {}", escape_html(reason)),
        )),
        Outcome::Done(_) => None,
    }
}

/// Returns the reason of a record and the notifications sent for it, without repetition.
fn describe_reason(record: &Record) -> String {
    let notified = record
        .notified
        .iter()
        .map(String::as_str)
        .filter(|title| !record.reason.contains(title));
    std::iter::once(record.reason.as_str())
        .chain(notified)
        .collect::<Vec<_>>()
        .join("; ")
}
