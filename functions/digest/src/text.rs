//! Renders the daily report as an e-mail for small screens. Empty sections are left out.

use lamplighter::model::pluralize;

use crate::duration::{format_age, format_time};
use crate::lines::{
    format_backups, format_entry, format_incident, format_release, format_scaling, list_costs,
};
use crate::report::DailyReport;

/// Returns the title of the report in one line.
#[must_use]
pub fn render_title(report: &DailyReport) -> String {
    if report.is_quiet() {
        return "daily report: no activity".to_owned();
    }
    let open = report
        .incidents
        .iter()
        .filter(|incident| incident.is_open())
        .count();
    let parts = [
        count_items(report.incidents.len(), "incident"),
        count_state(open, "still open"),
        count_items(report.releases.len(), "release"),
        count_items(report.findings.len(), "finding"),
        count_state(report.held.len(), "held"),
        count_state(report.expiring.len(), "ending soon"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        let scaled = pluralize(report.scaling.len(), "service");
        return format!("daily report: {scaled} scaled");
    }
    format!("daily report: {}", parts.join(", "))
}

/// Formats a number of things; `None` for zero.
fn count_items(count: usize, item: &str) -> Option<String> {
    (count > 0).then(|| pluralize(count, item))
}

/// Formats how many things are in a state; `None` for zero.
fn count_state(count: usize, state: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {state}"))
}

/// A section of the report.
struct Section {
    name: &'static str,
    lines: Vec<String>,
}

impl Section {
    fn from_items<T>(name: &'static str, items: &[T], format: impl Fn(&T) -> String) -> Self {
        Self {
            name,
            lines: items.iter().map(format).collect(),
        }
    }

    fn render(&self) -> String {
        format!("{}\n- {}", self.name, self.lines.join("\n- "))
    }
}

/// Returns the text of the whole report.
#[must_use]
pub fn render_body(report: &DailyReport) -> String {
    let period = format!(
        "From {} to {}.",
        format_time(report, report.window.from),
        format_time(report, report.window.to.min(report.now))
    );
    if report.is_quiet() {
        return format!(
            "{period}\nNo releases, scaling, incidents or open findings.\n{}",
            summarize_coverage(report)
        );
    }
    let sections = list_sections(report);
    let sections = sections
        .iter()
        .filter(|section| !section.lines.is_empty())
        .map(Section::render);
    [period]
        .into_iter()
        .chain(sections)
        .chain([summarize_coverage(report)])
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn list_sections(report: &DailyReport) -> [Section; 8] {
    [
        Section::from_items("Incidents", &report.incidents, |incident| {
            format_incident(report, incident)
        }),
        Section::from_items("Releases", &report.releases, |release| {
            format_release(report, release)
        }),
        Section::from_items("Scaling", &report.scaling, format_scaling),
        Section::from_items("Backups", &report.backups, |backups| {
            format_backups(report, backups)
        }),
        Section::from_items("Held, silenced, quarantined", &report.held, format_entry),
        Section::from_items("Ending soon", &report.expiring, format_entry),
        Section::from_items("Open findings", &report.findings, format_entry),
        Section {
            name: "Cost of the last day",
            lines: list_costs(report),
        },
    ]
}

fn summarize_coverage(report: &DailyReport) -> String {
    let managed = format!(
        "Lamplighter manages {} and {}",
        pluralize(report.services, "service"),
        pluralize(report.databases, "database")
    );
    let Some(oldest) = report.oldest_recovery_point() else {
        return format!("{managed}.");
    };
    match oldest.recovery_point {
        None => format!("{managed}; {} has no recovery point.", oldest.name),
        Some(at) => format!(
            "{managed}; the oldest recovery point is {} old ({}).",
            format_age(report, at),
            oldest.name
        ),
    }
}
