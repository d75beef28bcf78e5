//! The open incidents of a target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notify::incident::Incident;
use crate::notify::{APPROVAL_CONDITION, Severity};
use crate::status::inputs::StatusInputs;

/// An incident that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIncident {
    /// Names this incident, and no later one of its kind. An acknowledgement has it.
    pub id: String,
    pub severity: Severity,
    pub title: String,
    pub since: Timestamp,
    pub is_acknowledged: bool,
    /// What Lamplighter did or does next.
    pub action: String,
}

impl OpenIncident {
    /// Returns an incident that is open; `None` if it is resolved, or only informs. One that only waits for an approval is
    /// a hold.
    #[must_use]
    pub fn from_incident(incident: &Incident) -> Option<Self> {
        let is_news = !incident.was_firing && incident.severity < Severity::Critical;
        let line = incident.headline()?;
        if incident.resolved_at.is_some()
            || is_news
            || line.severity == Severity::Info
            || only_waits_for_approval(incident)
        {
            return None;
        }
        Some(Self {
            id: incident.occurrence_token(),
            severity: line.severity,
            title: line.title.clone(),
            since: incident.since,
            is_acknowledged: incident.acknowledged.is_some(),
            action: line.action.clone(),
        })
    }
}

fn only_waits_for_approval(incident: &Incident) -> bool {
    let mut firing = incident.firing.keys();
    !incident.firing.is_empty()
        && firing.all(|condition| condition.split(':').next_back() == Some(APPROVAL_CONDITION))
}

/// Returns the open incidents above informational severity, the worst first.
pub(super) fn list_open_incidents(inputs: &StatusInputs<'_>) -> Vec<OpenIncident> {
    let mut open: Vec<OpenIncident> = inputs
        .incidents
        .iter()
        .filter(|incident| incident.target == inputs.tagged.arn)
        .filter_map(OpenIncident::from_incident)
        .collect();
    open.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), incident.since));
    open
}
