//! Lists of incidents, findings and releases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::Cell;
use jiff::Timestamp;
use lamplighter::status::{OpenIncident, ReleaseEntry, StackStatus, TargetDetail};

use super::table::{build_table, format_table, severity_cell};
use super::time::{format_age, format_time};

/// Lists the open incidents with the names of their targets, those of targets first.
#[must_use]
pub fn list_incidents(status: &StackStatus) -> Vec<(&str, &OpenIncident)> {
    let of_targets = status.targets.iter().flat_map(|target| {
        let incidents = target.incidents.iter();
        incidents.map(|incident| (target.name.as_str(), incident))
    });
    let others = status.other_incidents.iter();
    of_targets
        .chain(others.map(|other| (other.name.as_str(), &other.incident)))
        .collect()
}

/// Renders open incidents with their identifiers.
#[must_use]
pub fn render_incidents(incidents: &[(&str, &OpenIncident)], now: Timestamp) -> String {
    if incidents.is_empty() {
        return "no open incidents\n".to_owned();
    }
    let mut table = build_table(&["ID", "SEVERITY", "TARGET", "OPEN FOR", "WHAT"]);
    for (name, incident) in incidents {
        let acknowledged = if incident.is_acknowledged {
            " (acknowledged)"
        } else {
            ""
        };
        table.add_row(vec![
            Cell::new(&incident.id),
            severity_cell(incident.severity),
            Cell::new(name),
            Cell::new(format_age(incident.since, now)),
            Cell::new(format!("{}{acknowledged}", incident.title)),
        ]);
    }
    format_table(&table)
}

/// Renders the open findings, each with the targets that have it.
#[must_use]
pub fn render_findings(status: &StackStatus) -> String {
    let mut by_title: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for target in &status.targets {
        for finding in &target.findings {
            by_title.entry(finding).or_default().push(&target.name);
        }
    }
    if by_title.is_empty() {
        return "no open findings\n".to_owned();
    }
    let mut table = build_table(&["FINDING", "TARGETS"]);
    for (title, names) in by_title {
        table.add_row(vec![title.to_owned(), names.join(", ")]);
    }
    format_table(&table)
}

/// Renders the releases of a service, the newest first, and the quarantined images.
#[must_use]
pub fn render_releases(detail: &TargetDetail) -> String {
    let history = &detail.releases;
    let mut text = if history.releases.is_empty() {
        format!("{}: no releases yet\n", detail.status.name)
    } else {
        render_history(&history.releases)
    };
    let others = history.quarantined.iter().filter(|(digest, _)| {
        let mut releases = history.releases.iter();
        releases.all(|release| release.digest != **digest)
    });
    for (digest, reason) in others {
        let _ = writeln!(text, "quarantined: {}: {reason}", digest.short_digest());
    }
    text
}

fn render_history(releases: &[ReleaseEntry]) -> String {
    let mut table = build_table(&["AT", "TAG", "DIGEST", "REVISION", "RESULT"]);
    for release in releases {
        table.add_row(vec![
            format_time(release.at),
            release.tag.clone(),
            release.digest.short_digest(),
            release.revision.clone().unwrap_or_default(),
            release.result.describe(),
        ]);
    }
    format_table(&table)
}
