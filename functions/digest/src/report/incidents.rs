//! The incidents of the period.

use jiff::Timestamp;
use lamplighter::notify::Severity;
use lamplighter::notify::incident::Incident;

use crate::inputs::ReportInputs;
use crate::window::Window;

/// An incident above informational severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentSummary {
    pub name: String,
    pub severity: Severity,
    pub title: String,
    pub since: Timestamp,
    pub resolved_at: Option<Timestamp>,
}

impl IncidentSummary {
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }
}

pub fn list_incidents(inputs: &ReportInputs, window: &Window) -> Vec<IncidentSummary> {
    let incidents = inputs
        .incidents
        .iter()
        .filter(|incident| incident.since < window.to && is_reported(incident));
    let summaries = incidents.map(|incident| IncidentSummary {
        name: incident.name.clone(),
        severity: incident.severity,
        title: incident
            .headline()
            .map(|line| line.title.clone())
            .unwrap_or_default(),
        since: incident.since,
        resolved_at: incident.resolved_at,
    });
    summaries.collect()
}

/// Reports whether an incident belongs in the report. Without a firing condition only critical news
/// counts as an incident; findings have their own section.
fn is_reported(incident: &Incident) -> bool {
    incident.severity == Severity::Critical
        || incident.was_firing && incident.severity > Severity::Info
}
