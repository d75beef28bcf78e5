//! The pause of everything, which each message repeats while it lasts.

use std::collections::BTreeMap;

use lamplighter::model::{Arn, Cause};
use lamplighter::notify::PAUSE_OF_EVERYTHING;
use lamplighter::notify::incident::{Incident, IncidentId};

/// Returns the title of the open incident about the pause of everything. `topic`: any ARN of the stack.
#[must_use]
pub fn find_pause_of_everything<'i>(
    incidents: &'i BTreeMap<IncidentId, Incident>,
    topic: &Arn,
) -> Option<&'i str> {
    let id = IncidentId::for_target(&topic.all_targets(), &Cause::Requests);
    let incident = incidents.get(&id)?;
    if !incident.firing.contains_key(PAUSE_OF_EVERYTHING) {
        return None;
    }
    let mut lines = incident.lines.iter().rev();
    lines
        .find(|line| line.fires.as_deref() == Some(PAUSE_OF_EVERYTHING))
        .map(|line| line.title.as_str())
}

/// Returns the notice about the pause of everything, from the title of its incident.
#[must_use]
pub fn format_notice(title: &str) -> String {
    format!("Note: {title}. Lamplighter changes nothing.")
}
