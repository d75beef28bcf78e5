//! Renders the daily report as HTML for a custom widget of a CloudWatch dashboard, with actions and
//! reasons, the newest first.
//!
//! CloudWatch calls the function with `describe` for its documentation and with `widgetContext` for
//! the content. CloudWatch removes scripts from the response. Styles are inline, so that the
//! console's own are not affected.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html>

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::html::escape_html;
use lamplighter::plan::Outcome;
use lamplighter::ports::ledger::{Record, RecordKind};
use serde_json::Value;

use crate::Window;
use crate::inputs::ReportInputs;
use crate::report::DailyReport;
use crate::text::{format_duration, format_time};

/// The documentation that CloudWatch shows when a user adds the widget.
pub const DESCRIPTION: &str = "### Lamplighter\nWhat was done in the time range of the dashboard and why, and how each target \
                               is. It takes no parameters.";
/// The number of lines of the timeline.
const MAX_LINES: usize = 60;
/// The longest period of a widget: a report over months would take too long.
const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The columns with long texts.
const WIDE_COLUMNS: [&str; 2] = ["State", "What and why"];

/// Colours that are legible on the console's backgrounds.
struct Theme {
    text: &'static str,
    quiet: &'static str,
    line: &'static str,
    bad: &'static str,
    good: &'static str,
}

const LIGHT: Theme = Theme {
    text: "#16191f",
    quiet: "#5f6b7a",
    line: "#d5dbdb",
    bad: "#d13212",
    good: "#1d8102",
};
const DARK: Theme = Theme {
    text: "#e9ebed",
    quiet: "#95a5b3",
    line: "#414d5c",
    bad: "#ff6b6b",
    good: "#6ed08a",
};

/// Returns the period that a dashboard shows; `None` if the event is not from a dashboard.
#[must_use]
pub fn parse_window(payload: &Value, now: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Window> {
    let range = payload.get("widgetContext")?.get("timeRange");
    let at = |key: &str| Timestamp::from_millisecond(range?.get(key)?.as_i64()?).ok();
    let to = at("end").unwrap_or(now).min(now);
    let from = at("start")
        .unwrap_or(to - SignedDuration::from_hours(24))
        .max(to - MAX_WINDOW);
    Some(Window {
        from,
        to,
        zone: zone.clone(),
    })
}

/// Returns the widget's HTML.
#[must_use]
pub fn render_html(page: &DailyReport, found: &ReportInputs, payload: &Value) -> String {
    let dark = payload
        .pointer("/widgetContext/theme")
        .and_then(Value::as_str)
        == Some("dark");
    let theme = if dark { DARK } else { LIGHT };
    let targets = render_table(
        &theme,
        &["Target", "State", "Backups"],
        &target_rows(page, found, &theme),
    );
    let done = render_table(
        &theme,
        &["When", "Target", "By", "What and why"],
        &timeline_rows(page, found, &theme),
    );
    let Theme { text, .. } = theme;
    format!(
        "<div style=\"color:{text};font-family:sans-serif;font-size:13px;line-height:1.4\">{targets}{done}</div>"
    )
}

fn target_rows(page: &DailyReport, found: &ReportInputs, theme: &Theme) -> Vec<Vec<String>> {
    let all = found.services.iter().chain(&found.databases);
    let rows = all.map(|(tagged, _)| {
        let name = tagged.arn.display_name();
        let open = page
            .incidents
            .iter()
            .find(|incident| incident.name == name && incident.resolved_at.is_none());
        let held = page
            .held
            .iter()
            .filter(|(held, _)| *held == name)
            .map(|(_, what)| escape_html(what));
        let findings = page.findings.iter().filter(|(of, _)| *of == name).count();
        let state = match open {
            Some(incident) => color_span(theme.bad, &escape_html(&incident.title)),
            None => color_span(theme.good, "well"),
        };
        let findings = (findings > 0).then(|| lamplighter::model::pluralize(findings, "finding"));
        let state = [state]
            .into_iter()
            .chain(held)
            .chain(findings)
            .collect::<Vec<_>>()
            .join("<br>");
        let backups = page.backups.iter().find(|backups| backups.name == name);
        let backups = backups.map_or(String::new(), |backups| match backups.recovery_point {
            Some(at) => format!(
                "{}, recovery point {}",
                backups.count,
                format_duration(page.now.duration_since(at))
            ),
            None => color_span(theme.bad, "no recovery point"),
        });
        vec![escape_html(&name), state, backups]
    });
    rows.collect()
}

fn timeline_rows(page: &DailyReport, found: &ReportInputs, theme: &Theme) -> Vec<Vec<String>> {
    let done = found
        .records
        .iter()
        .filter(|record| record.kind == RecordKind::Outcome);
    let rows = done.rev().take(MAX_LINES).map(|record| {
        let trouble = record.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(why) => Some(color_span(
                theme.bad,
                &format!("failed: {}", escape_html(why)),
            )),
            Outcome::Withheld(why) => Some(color_span(
                theme.quiet,
                &format!("not done: {}", escape_html(why)),
            )),
            Outcome::Done(_) => None,
        });
        let what = [escape_html(&describe_reason(record))]
            .into_iter()
            .chain(trouble)
            .collect::<Vec<_>>()
            .join("<br>");
        vec![
            escape_html(&format_time(page, record.at)),
            escape_html(&record.target.display_name()),
            escape_html(&record.operation),
            what,
        ]
    });
    rows.collect()
}

/// Returns the reason of a record and the notifications sent for it.
fn describe_reason(record: &Record) -> String {
    let told: Vec<&str> = record
        .notified
        .iter()
        .map(String::as_str)
        .filter(|told| !record.reason.contains(told))
        .collect();
    std::iter::once(record.reason.as_str())
        .chain(told)
        .collect::<Vec<_>>()
        .join("; ")
}

fn render_table(theme: &Theme, heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return format!(
            "<p>{}</p>",
            color_span(theme.quiet, "Nothing was done in this time.")
        );
    }
    let cell = |tag: &str, n: usize, text: &str, colour: &str| {
        // Names and times stay on one line; long texts get the remaining width.
        let wrap = if heads.get(n).is_some_and(|head| WIDE_COLUMNS.contains(head)) {
            "normal"
        } else {
            "nowrap"
        };
        let style = format!(
            "text-align:left;vertical-align:top;padding:3px 10px 3px 0;border-bottom:1px solid {};color:{colour};white-space:{wrap}",
            theme.line
        );
        format!("<{tag} style=\"{style}\">{text}</{tag}>")
    };
    let head: String = heads
        .iter()
        .enumerate()
        .map(|(n, head)| cell("th", n, head, theme.quiet))
        .collect();
    let row = |row: &Vec<String>| {
        row.iter()
            .enumerate()
            .map(|(n, text)| cell("td", n, text, theme.text))
            .collect::<String>()
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    let rows = rows.join("</tr><tr>");
    let style = "border-collapse:collapse;width:100%;margin-bottom:14px";
    format!("<table style=\"{style}\"><tr>{head}</tr><tr>{rows}</tr></table>")
}

fn color_span(colour: &str, text: &str) -> String {
    format!("<span style=\"color:{colour}\">{text}</span>")
}
