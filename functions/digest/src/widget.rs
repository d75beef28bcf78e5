//! The page as HTML: a custom widget of a CloudWatch dashboard, with what was done and why, the newest first.
//!
//! CloudWatch calls the function with `describe` for what it is, and with `widgetContext` for a picture. Scripts are taken out of what
//! comes back; styles stand on the elements, so that nothing of the console is touched.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html>

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::html::escape;
use lamplighter::plan::Outcome;
use lamplighter::ports::ledger::{Kind, Record};
use serde_json::Value;

use crate::Window;
use crate::found::Found;
use crate::page::Page;
use crate::text::{clock, long};

/// What CloudWatch shows to who adds the widget.
pub const DESCRIPTION: &str = "### Lamplighter\nWhat was done in the time range of the dashboard and why, and how each target \
                               is. It takes no parameters.";
/// Lines of the timeline.
const LINES: usize = 60;
/// A dashboard may show months; a page of that would take too long.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Columns whose texts are long.
const WIDE: [&str; 2] = ["State", "What and why"];

/// Colours that read well on the console's backgrounds.
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

/// The span of time that a dashboard shows, if this is a dashboard that asks.
#[must_use]
pub fn window(payload: &Value, now: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Window> {
    let range = payload.get("widgetContext")?.get("timeRange");
    let at = |key: &str| Timestamp::from_millisecond(range?.get(key)?.as_i64()?).ok();
    let to = at("end").unwrap_or(now).min(now);
    let from = at("start")
        .unwrap_or(to - SignedDuration::from_hours(24))
        .max(to - LONGEST);
    Some(Window {
        from,
        to,
        zone: zone.clone(),
    })
}

/// The widget.
#[must_use]
pub fn html(page: &Page, found: &Found, payload: &Value) -> String {
    let dark = payload
        .pointer("/widgetContext/theme")
        .and_then(Value::as_str)
        == Some("dark");
    let theme = if dark { DARK } else { LIGHT };
    let targets = table(
        &theme,
        &["Target", "State", "Backups"],
        &targets(page, found, &theme),
    );
    let done = table(
        &theme,
        &["When", "Target", "By", "What and why"],
        &timeline(page, found, &theme),
    );
    let Theme { text, .. } = theme;
    format!(
        "<div style=\"color:{text};font-family:sans-serif;font-size:13px;line-height:1.4\">{targets}{done}</div>"
    )
}

fn targets(page: &Page, found: &Found, theme: &Theme) -> Vec<Vec<String>> {
    let all = found.services.iter().chain(&found.databases);
    let rows = all.map(|(tagged, _)| {
        let name = tagged.arn.name();
        let open = page
            .incidents
            .iter()
            .find(|incident| incident.name == name && incident.over.is_none());
        let held = page
            .held
            .iter()
            .filter(|(held, _)| *held == name)
            .map(|(_, what)| escape(what));
        let findings = page.findings.iter().filter(|(of, _)| *of == name).count();
        let state = match open {
            Some(incident) => colour(theme.bad, &escape(&incident.title)),
            None => colour(theme.good, "well"),
        };
        let findings = (findings > 0).then(|| lamplighter::model::counted(findings, "finding"));
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
                long(page.now.duration_since(at))
            ),
            None => colour(theme.bad, "no recovery point"),
        });
        vec![escape(&name), state, backups]
    });
    rows.collect()
}

fn timeline(page: &Page, found: &Found, theme: &Theme) -> Vec<Vec<String>> {
    let done = found
        .records
        .iter()
        .filter(|record| record.kind == Kind::Outcome);
    let rows = done.rev().take(LINES).map(|record| {
        let trouble = record.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(why) => Some(colour(theme.bad, &format!("failed: {}", escape(why)))),
            Outcome::Withheld(why) => {
                Some(colour(theme.quiet, &format!("not done: {}", escape(why))))
            }
            Outcome::Done(_) => None,
        });
        let what = [escape(&reason(record))]
            .into_iter()
            .chain(trouble)
            .collect::<Vec<_>>()
            .join("<br>");
        vec![
            escape(&clock(page, record.at)),
            escape(&record.target.name()),
            escape(&record.operation),
            what,
        ]
    });
    rows.collect()
}

/// Why, and what people were told of it.
fn reason(record: &Record) -> String {
    let told: Vec<&str> = record
        .told
        .iter()
        .map(String::as_str)
        .filter(|told| !record.reason.contains(told))
        .collect();
    std::iter::once(record.reason.as_str())
        .chain(told)
        .collect::<Vec<_>>()
        .join("; ")
}

fn table(theme: &Theme, heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return format!(
            "<p>{}</p>",
            colour(theme.quiet, "Nothing was done in this time.")
        );
    }
    let cell = |tag: &str, n: usize, text: &str, colour: &str| {
        // Names and times stay on one line; what was done and why has the room that is left.
        let wrap = if heads.get(n).is_some_and(|head| WIDE.contains(head)) {
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

fn colour(colour: &str, text: &str) -> String {
    format!("<span style=\"color:{colour}\">{text}</span>")
}
