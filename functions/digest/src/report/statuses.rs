//! The status of each target, and incidents that belong to none of them.

use jiff::Timestamp;
use lamplighter::model::Tagged;
use lamplighter::policy::StackDefaults;
use lamplighter::state::TargetState;
use lamplighter::status::{OpenIncident, OtherIncident, StatusInputs, TargetStatus};

use crate::inputs::ReportInputs;

/// Returns the status of each target, the worst first.
pub fn assess_targets(
    inputs: &ReportInputs,
    now: Timestamp,
    defaults: &StackDefaults,
) -> Vec<TargetStatus> {
    let targets = inputs
        .services
        .iter()
        .chain(&inputs.databases)
        .chain(&inputs.log_groups);
    let mut statuses: Vec<TargetStatus> = targets
        .map(|(tagged, state)| assess_target(inputs, tagged, state, now, defaults))
        .collect();
    statuses.sort_by(|a, b| (a.condition, &a.name).cmp(&(b.condition, &b.name)));
    statuses
}

fn assess_target(
    inputs: &ReportInputs,
    tagged: &Tagged,
    state: &TargetState,
    now: Timestamp,
    defaults: &StackDefaults,
) -> TargetStatus {
    let mut services = inputs.described_services.iter();
    let mut databases = inputs.described.iter();
    TargetStatus::assess(&StatusInputs {
        tagged,
        state,
        // ECS describes a deleted service for a while.
        service: services.find(|service| service.arn == tagged.arn && service.status != "INACTIVE"),
        database: databases.find(|database| database.arn == tagged.arn),
        snapshots: &inputs.snapshots,
        incidents: &inputs.incidents,
        pauses: &inputs.requests,
        defaults,
        now,
    })
}

/// Returns the open incidents that no target has.
pub fn list_other_incidents(
    inputs: &ReportInputs,
    statuses: &[TargetStatus],
) -> Vec<OtherIncident> {
    let others = inputs.incidents.iter().filter(|incident| {
        statuses
            .iter()
            .all(|status| status.target != incident.target)
    });
    others
        .filter_map(|incident| {
            Some(OtherIncident {
                name: incident.name.clone(),
                link: incident.link.clone(),
                incident: OpenIncident::from_incident(incident)?,
            })
        })
        .collect()
}
