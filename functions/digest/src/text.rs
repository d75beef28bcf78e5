//! Renders the daily report as an e-mail for small screens. Empty sections are left out.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::pluralize;

use crate::report::{BackupStatus, DailyReport, IncidentSummary, Money, ScalingSummary, Spending};

/// Returns the title of the report in one line.
#[must_use]
pub fn render_title(page: &DailyReport) -> String {
    if page.is_quiet() {
        return "a quiet day".to_owned();
    }
    let open = page
        .incidents
        .iter()
        .filter(|incident| incident.resolved_at.is_none())
        .count();
    let parts = [
        (page.incidents.len(), "incident"),
        (open, "still open"),
        (page.releases.len(), "release"),
        (page.findings.len(), "finding"),
        (page.held.len(), "held"),
        (page.expiring.len(), "ending soon"),
    ];
    let parts = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| match what {
            "still open" | "held" | "ending soon" => format!("{n} {what}"),
            _ => pluralize(n, what),
        });
    let parts: Vec<String> = parts.collect();
    let parts = if parts.is_empty() {
        "services were scaled".to_owned()
    } else {
        parts.join(", ")
    };
    format!("the day: {parts}")
}

/// Returns the text of the whole report.
#[must_use]
pub fn render_body(page: &DailyReport) -> String {
    let span = format!(
        "From {} to {}.",
        format_time(page, page.window.from),
        format_time(page, page.window.to.min(page.now))
    );
    if page.is_quiet() {
        return format!(
            "{span}\nNothing was rolled out, scaled or healed, and nothing is open.\n{}",
            summarize_coverage(page)
        );
    }
    let at = |time: Timestamp| format_time(page, time);
    let sections = [
        (
            "Incidents",
            page.incidents
                .iter()
                .map(|incident| format_incident(page, incident))
                .collect(),
        ),
        (
            "Releases",
            page.releases
                .iter()
                .map(|r| {
                    format!(
                        "{}: {} ({}), {}, {}",
                        r.name,
                        r.tag,
                        r.digest,
                        at(r.at),
                        r.state
                    )
                })
                .collect(),
        ),
        ("Scaling", page.scaling.iter().map(format_scaling).collect()),
        (
            "Backups",
            page.backups
                .iter()
                .map(|of| format_backups(page, of))
                .collect(),
        ),
        (
            "Held, silenced, refused",
            page.held.iter().map(format_entry).collect(),
        ),
        (
            "Ends soon",
            page.expiring.iter().map(format_entry).collect(),
        ),
        (
            "Open findings",
            page.findings.iter().map(format_entry).collect(),
        ),
        ("Cost of the last day", list_costs(page)),
    ];
    let sections = sections
        .into_iter()
        .filter(|(_, lines): &(_, Vec<String>)| !lines.is_empty());
    let sections = sections.map(|(name, lines)| format!("{name}\n- {}", lines.join("\n- ")));
    [span]
        .into_iter()
        .chain(sections)
        .chain([summarize_coverage(page)])
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn format_entry((name, what): &(String, String)) -> String {
    format!("{name}: {what}")
}

fn list_costs(page: &DailyReport) -> Vec<String> {
    let apps = match &page.costs {
        None => return Vec::new(),
        Some(Err(why)) => return vec![format!("not available: {why}")],
        Some(Ok(apps)) if apps.is_empty() => {
            return vec![
                "not available: lamplighter:app is no cost allocation tag, or nothing carries it"
                    .to_owned(),
            ];
        }
        Some(Ok(apps)) => apps,
    };
    let own = page
        .own_cost
        .iter()
        .map(|own| format!("this stack itself: {}", format_money(own)));
    apps.iter().map(format_spending).chain(own).collect()
}

fn format_spending(of: &Spending) -> String {
    let services: Vec<String> = of
        .services
        .iter()
        .map(|(service, amount)| format!("{service} {}", format_money(amount)))
        .collect();
    let change =
        (of.mean.0 > 0.0).then(|| format!(", {:+.0} %", 100.0 * (of.last.0 / of.mean.0 - 1.0)));
    let mean = format_money(&of.mean);
    format!(
        "{}: {}{} (7-day mean {mean}{}): {}",
        of.app,
        format_money(&of.last),
        of.late
            .map(|day| format!(" on {day}, the last that is known"))
            .unwrap_or_default(),
        change.unwrap_or_default(),
        services.join(", ")
    )
}

fn format_money(Money(amount, unit): &Money) -> String {
    format!("{amount:.2} {unit}")
}

fn summarize_coverage(page: &DailyReport) -> String {
    let what = format!(
        "{} and {} are looked after",
        pluralize(page.services, "service"),
        pluralize(page.databases, "database")
    );
    match page.oldest_recovery_point() {
        None => format!("{what}."),
        Some(BackupStatus {
            recovery_point: None,
            name,
            ..
        }) => format!("{what}; {name} has no recovery point."),
        Some(BackupStatus {
            recovery_point: Some(at),
            name,
            ..
        }) => {
            format!(
                "{what}; the oldest recovery point is {} old ({name}).",
                format_duration(page.now.duration_since(*at))
            )
        }
    }
}

fn format_incident(page: &DailyReport, incident: &IncidentSummary) -> String {
    let lasted = match incident.resolved_at {
        Some(over) => format!(
            "lasted {}",
            format_duration(over.duration_since(incident.since))
        ),
        None => format!(
            "lasts for {}",
            format_duration(page.now.duration_since(incident.since))
        ),
    };
    let since = format_time(page, incident.since);
    format!(
        "[{}] {}: {} ({since}, {lasted})",
        incident.severity.as_str(),
        incident.name,
        incident.title
    )
}

fn format_scaling(scaled: &ScalingSummary) -> String {
    let ScalingSummary {
        name,
        least,
        most,
        changes,
        at_maximum,
        task_hours,
    } = scaled;
    let maximum = at_maximum
        .map(|(max, there)| format!(", {} at its maximum of {max}", format_duration(there)))
        .unwrap_or_default();
    format!(
        "{name}: {least} to {most} tasks in {}{maximum}, {task_hours:.0} task-hours",
        pluralize(*changes, "change")
    )
}

fn format_backups(page: &DailyReport, of: &BackupStatus) -> String {
    let ago = |at: Timestamp| format_duration(page.now.duration_since(at));
    let newest = of.newest.map_or("no backup".to_owned(), |at| {
        format!("newest backup {} old, {} in all", ago(at), of.count)
    });
    let point = of
        .recovery_point
        .map_or("no recovery point".to_owned(), |at| {
            format!("recovery point {}", ago(at))
        });
    let drill = match &of.drilled {
        None => "never proven".to_owned(),
        Some(drilled) if drilled.passed => {
            format!(
                "proven {} ago in {}",
                ago(drilled.began),
                format_duration(SignedDuration::from_secs(drilled.took))
            )
        }
        Some(drilled) => format!("the drill {} ago failed", ago(drilled.began)),
    };
    format!("{}: {newest}, {point}, {drill}", of.name)
}

/// Formats a time in the time zone of the report.
#[must_use]
pub fn format_time(page: &DailyReport, at: Timestamp) -> String {
    at.to_zoned(page.window.zone.clone())
        .strftime("%a %-d %b %H:%M %Z")
        .to_string()
}

/// Formats a duration: `12 min`, `16 h`, `3 days`.
#[must_use]
pub fn format_duration(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match minutes {
        ..1 => format!("{} s", span.as_secs()),
        1..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}
