//! Renders the status of all targets as HTML for a custom widget of a CloudWatch dashboard, the worst first, and below it
//! the actions with their reasons, the newest first.
//!
//! CloudWatch calls the function with `describe` for its documentation and with `widgetContext` for
//! the content. CloudWatch removes scripts from the response, so that buttons call the function again.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html>

mod filter;
mod targets;
mod timeline;

use jiff::{SignedDuration, Timestamp};
use lamplighter::policy::{Mode, StackDefaults};
use serde_json::{Value, json};

use crate::html::{Cell, DARK, LIGHT, Theme, render_button, render_row, render_section};
use crate::inputs::ReportInputs;
use crate::lines::list_some;
use crate::report::{DailyReport, list_wide_requests};
use crate::window::Window;
use filter::{Filter, render_filters};
use lamplighter::notify::html::escape_html;
use targets::render_targets;
use timeline::render_timeline;

/// The documentation that CloudWatch shows when a user adds the widget.
pub const DESCRIPTION: &str = "### Lamplighter\nThe status of each target, the worst first, and the actions in the time range of the \
                               dashboard with their reasons.\n\n#### Parameters\n| Parameter | Meaning |\n|---|---|\n\
                               | **app** | Only the targets with this value of `lamplighter:app` |\n\
                               | **state** | Only the targets in this state, such as `held` |\n\n\
                               #### Example parameters\n``` yaml\napp: shop\n```\n";
/// The longest period of a widget: a report over months would take too long.
const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The number of findings that are listed.
const MAX_FINDINGS: usize = 20;

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

/// Returns the widget's HTML. `endpoint`: the ARN of the function, which buttons call; empty for a widget without buttons.
#[must_use]
pub fn render_html(
    report: &DailyReport,
    inputs: &ReportInputs,
    payload: &Value,
    endpoint: &str,
    defaults: &StackDefaults,
) -> String {
    let theme = read_theme(payload);
    let filter = Filter::from_payload(payload);
    let parts = [
        render_banner(inputs, report.now, defaults, &theme),
        render_filters(report, &filter, endpoint),
        render_targets(report, &filter, &theme, endpoint),
        render_findings(report, &filter, &theme),
        render_timeline(report, inputs, &filter, &theme),
    ];
    format!(
        "<div style=\"color:{};font-family:sans-serif;font-size:13px;line-height:1.45\">{}</div>",
        theme.text,
        parts.concat()
    )
}

/// Returns the restore plan of a database as HTML, with a button that leads back.
#[must_use]
pub fn render_restore(plan: &str, payload: &Value, endpoint: &str) -> String {
    let theme = read_theme(payload);
    let back = if endpoint.is_empty() {
        String::new()
    } else {
        render_button(endpoint, "Back", &json!({}))
    };
    format!(
        "<div style=\"color:{}\">{back}<pre style=\"white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px\">{}</pre></div>",
        theme.text,
        escape_html(plan)
    )
}

fn read_theme(payload: &Value) -> Theme {
    let theme = payload.pointer("/widgetContext/theme");
    if theme.and_then(Value::as_str) == Some("dark") {
        DARK
    } else {
        LIGHT
    }
}

/// Says what holds for many targets: a pause, a silence, or a stack that changes nothing.
fn render_banner(
    inputs: &ReportInputs,
    now: Timestamp,
    defaults: &StackDefaults,
    theme: &Theme,
) -> String {
    let mode = match defaults.mode {
        Mode::Observe => {
            Some("The stack observes: it decides and notifies, and changes nothing.".to_owned())
        }
        Mode::Act | Mode::Off => None,
    };
    let requests = list_wide_requests(&inputs.requests, now)
        .map(|request| format!("{}: {}", request.name, request.text));
    let lines: Vec<String> = mode
        .into_iter()
        .chain(requests)
        .map(|line| escape_html(&line))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "<div role=\"status\" style=\"border:1px solid {0};border-left:4px solid {0};padding:4px 8px;margin-bottom:8px\">{1}</div>",
        theme.held,
        lines.join("<br>")
    )
}

/// Renders the findings, each with the targets that have it.
fn render_findings(report: &DailyReport, filter: &Filter, theme: &Theme) -> String {
    let groups = report.findings.iter().filter_map(|group| {
        let names: Vec<String> = group
            .names
            .iter()
            .filter(|name| filter.includes_name(report, name))
            .cloned()
            .collect();
        (!names.is_empty()).then_some((&group.title, names))
    });
    let rows: Vec<String> = groups
        .take(MAX_FINDINGS)
        .map(|(title, names)| {
            let cells = [
                Cell::narrow(160, escape_html(&list_some(&names))),
                Cell::wide(escape_html(title)),
            ];
            render_row(theme, &cells)
        })
        .collect();
    render_section(theme, "Open findings", &rows)
}
