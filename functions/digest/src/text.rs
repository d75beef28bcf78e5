//! Renders the daily report as an e-mail for small screens. Empty sections are left out.

use lamplighter::model::pluralize;
use lamplighter::status::{Condition, TargetStatus};

use crate::duration::{format_age, format_time};
use crate::lines::{
    format_backups, format_entry, format_finding, format_incident, format_orphans,
    format_other_incident, format_release, format_scaling, format_status, list_costs,
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
        count_state(report.expiring.len(), "ending soon"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .chain(count_conditions(report))
        .collect();
    if parts.is_empty() {
        let scaled = pluralize(report.scaling.len(), "service");
        return format!("daily report: {scaled} scaled");
    }
    format!("daily report: {}", parts.join(", "))
}

/// Counts the targets that need attention for another reason than an incident.
fn count_conditions(report: &DailyReport) -> impl Iterator<Item = String> {
    let counted = Condition::ALL.into_iter().filter(|condition| {
        let is_incident = matches!(condition, Condition::Critical | Condition::Warning);
        condition.needs_attention() && !is_incident
    });
    counted.filter_map(|condition| {
        let statuses = report.statuses.iter();
        let count = statuses
            .filter(|status| status.condition == condition)
            .count();
        count_state(count, condition.label())
    })
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
        let lines = [
            period,
            "No releases, scaling, incidents or open findings.".to_owned(),
            summarize_coverage(report),
        ];
        let orphans = report.orphans.iter();
        let orphans = orphans.map(|orphans| format_orphans(report, orphans));
        return lines
            .into_iter()
            .chain(orphans)
            .collect::<Vec<_>>()
            .join("\n");
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

fn list_sections(report: &DailyReport) -> [Section; 9] {
    let statuses: Vec<&TargetStatus> = report.attention().collect();
    let mut attention = Section::from_items("Needs attention now", &statuses, |status| {
        format_status(report, status)
    });
    let others = report.other_incidents.iter().map(format_other_incident);
    attention.lines.extend(others);
    let listed: Vec<_> = report.list_backups().collect();
    let mut backups = Section::from_items("Backups", &listed, |(name, backups)| {
        format_backups(report, name, backups)
    });
    let orphans = report.orphans.iter();
    let orphans = orphans.map(|orphans| format_orphans(report, orphans));
    backups.lines.extend(orphans);
    if let Some((name, _)) = listed.first() {
        backups.lines.push(explain_restore(name));
    }
    [
        attention,
        Section::from_items("Incidents", &report.incidents, |incident| {
            format_incident(report, incident)
        }),
        Section::from_items("Releases", &report.releases, |release| {
            format_release(report, release)
        }),
        Section::from_items("Scaling", &report.scaling, format_scaling),
        backups,
        Section::from_items("Paused, silenced", &report.notes, format_entry),
        Section::from_items("Ending soon", &report.expiring, format_entry),
        Section::from_items("Open findings", &report.findings, format_finding),
        Section {
            name: "Cost of the last day",
            lines: list_costs(report),
        },
    ]
}

/// Says where the commands are that bring a database back.
fn explain_restore(name: &str) -> String {
    format!(
        "To restore one: the button Restore of the status widget, or invoke the function of the output DigestFunction with \
         {{\"restore\": \"{name}\"}}."
    )
}

fn summarize_coverage(report: &DailyReport) -> String {
    let managed = format!(
        "Lamplighter manages {} and {}",
        pluralize(report.services, "service"),
        pluralize(report.databases, "database")
    );
    let Some((name, oldest)) = report.oldest_recovery_point() else {
        return format!("{managed}.");
    };
    match oldest.recovery_point {
        None => format!("{managed}; {name} has no recovery point."),
        Some(at) => format!(
            "{managed}; the oldest recovery point is {} old ({name}).",
            format_age(report, at)
        ),
    }
}
