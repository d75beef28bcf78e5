//! The lines of the daily report, one for each thing that it lists.

use jiff::SignedDuration;
use lamplighter::model::pluralize;
use lamplighter::status::{BackupStatus, OtherIncident, StatusLine, TargetStatus};

use crate::duration::{format_age, format_duration, format_time};
use crate::report::{
    DailyReport, Entry, FindingGroup, IncidentSummary, Money, OrphanedBackups, ReleaseSummary,
    ScalingSummary, Spending, TimeAtMaximum,
};

/// The number of targets that a finding names.
const MAX_NAMES: usize = 5;

pub fn format_entry(entry: &Entry) -> String {
    format!("{}: {}", entry.name, entry.text)
}

/// Formats the status of a target that needs attention: what it is, what it runs, why, and what is next.
pub fn format_status(report: &DailyReport, status: &TargetStatus) -> String {
    let facts = list_facts(status);
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!(" ({})", facts.join(", "))
    };
    let lines = status.describe(report.now);
    let why: Vec<String> = lines.iter().map(format_line).collect();
    format!(
        "[{}] {}{facts}: {}",
        status.condition.label().to_uppercase(),
        status.name,
        why.join("\n  ")
    )
}

/// Returns the version and the task counts of a service: `RC_1.4.2`, `3/3 tasks`.
pub fn list_facts(status: &TargetStatus) -> Vec<String> {
    let version = status.version.iter();
    let version = version.map(|version| version.label().to_owned());
    let tasks = status.tasks.iter().map(|tasks| {
        let bounds = tasks
            .bounds
            .map(|(min, max)| format!(" of {min}-{max}"))
            .unwrap_or_default();
        format!("{}/{} tasks{bounds}", tasks.running, tasks.desired)
    });
    version.chain(tasks).collect()
}

/// Formats a line of a status as sentences.
fn format_line(line: &StatusLine) -> String {
    if line.next.is_empty() {
        line.what.clone()
    } else {
        format!("{}. {}", line.what, line.next)
    }
}

/// Formats an open incident of something that is no target.
pub fn format_other_incident(other: &OtherIncident) -> String {
    let OtherIncident { name, incident, .. } = other;
    let severity = incident.severity.as_str().to_uppercase();
    format!("[{severity}] {name}: {}", incident.title)
}

/// Formats a finding with the targets that have it.
pub fn format_finding(group: &FindingGroup) -> String {
    format!("{}: {}", list_some(&group.names), group.title)
}

/// Lists a few names, and how many more there are.
pub fn list_some(names: &[String]) -> String {
    let listed = names.iter().take(MAX_NAMES).cloned();
    let listed = listed.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

pub fn format_release(report: &DailyReport, release: &ReleaseSummary) -> String {
    let at = format_time(report, release.at);
    let result = release.result.describe();
    format!(
        "{}: {} ({}), {at}, {result}",
        release.name, release.tag, release.digest
    )
}

pub fn format_incident(report: &DailyReport, incident: &IncidentSummary) -> String {
    let duration = match incident.resolved_at {
        Some(resolved_at) => format!(
            "lasted {}",
            format_duration(resolved_at.duration_since(incident.since))
        ),
        None => format!("open for {}", format_age(report, incident.since)),
    };
    let since = format_time(report, incident.since);
    format!(
        "[{}] {}: {} ({since}, {duration})",
        incident.severity.as_str(),
        incident.name,
        incident.title
    )
}

pub fn format_scaling(scaling: &ScalingSummary) -> String {
    let maximum = scaling
        .at_maximum
        .map(|TimeAtMaximum { max, duration }| {
            format!(", {} at max={max}", format_duration(duration))
        })
        .unwrap_or_default();
    format!(
        "{}: {} to {} tasks in {}{maximum}, {:.0} task-hours",
        scaling.name,
        scaling.least,
        scaling.most,
        pluralize(scaling.changes, "change"),
        scaling.task_hours
    )
}

pub fn format_backups(report: &DailyReport, name: &str, backups: &BackupStatus) -> String {
    let newest = backups.newest.map_or("no backup".to_owned(), |at| {
        let age = format_age(report, at);
        format!("newest backup {age} old, {} in total", backups.count)
    });
    let recovery_point = backups
        .recovery_point
        .map_or("no recovery point".to_owned(), |at| {
            format!("recovery point {} old", format_age(report, at))
        });
    let drill = match &backups.drilled {
        None => "never drilled".to_owned(),
        Some(drill) if drill.passed => {
            let took = format_duration(SignedDuration::from_secs(drill.took));
            let age = format_age(report, drill.began);
            format!("drill passed {age} ago in {took}")
        }
        Some(drill) => format!("drill failed {} ago", format_age(report, drill.began)),
    };
    format!("{name}: {newest}, {recovery_point}, {drill}")
}

/// Formats the backups of a database that is gone or no longer tagged.
pub fn format_orphans(report: &DailyReport, orphans: &OrphanedBackups) -> String {
    let count = pluralize(orphans.count, "backup");
    let newest = format_age(report, orphans.newest);
    let oldest = format_age(report, orphans.oldest);
    let age = if orphans.count > 1 {
        format!("{newest} to {oldest} old")
    } else {
        format!("{newest} old")
    };
    let price = orphans
        .most_usd
        .map(|usd| format!(", at most {usd:.2} USD a month"))
        .unwrap_or_default();
    format!(
        "{}, which is gone or no longer tagged: {count}, {age}{price}. Nothing deletes them",
        orphans.name
    )
}

/// Lists the costs by application, or why they are not available.
pub fn list_costs(report: &DailyReport) -> Vec<String> {
    let apps = match &report.costs {
        None => return Vec::new(),
        Some(Err(code)) => return vec![format!("not available: {code}")],
        Some(Ok(apps)) if apps.is_empty() => {
            return vec![
                "not available: lamplighter:app is not a cost allocation tag, or no resource has it"
                    .to_owned(),
            ];
        }
        Some(Ok(apps)) => apps,
    };
    let own = report
        .own_cost
        .iter()
        .map(|own| format!("this stack: {}", format_money(own)));
    apps.iter().map(format_spending).chain(own).collect()
}

fn format_spending(spending: &Spending) -> String {
    let services: Vec<String> = spending
        .services
        .iter()
        .map(|(service, amount)| format!("{service} {}", format_money(amount)))
        .collect();
    let late = spending
        .late
        .map(|day| format!(" on {day}, the newest day with costs"))
        .unwrap_or_default();
    let last = spending.last.0;
    let mean = spending.mean.0;
    let change = if mean > 0.0 {
        format!(", {:+.0} %", 100.0 * (last / mean - 1.0))
    } else {
        String::new()
    };
    format!(
        "{}: {}{late} (7-day mean {}{change}): {}",
        spending.app,
        format_money(&spending.last),
        format_money(&spending.mean),
        services.join(", ")
    )
}

fn format_money(Money(amount, unit): &Money) -> String {
    format!("{amount:.2} {unit}")
}
