//! Messages about services that recovered, or whose incident ended otherwise.

use jiff::Timestamp;
use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::state::{HealthIncident, Parked};

use super::terms::{count_tasks, describe_running_tasks, format_time, revision_name};

/// Announces that a service is healthy. `verified`: the tag of the release that counts as verified again.
pub fn recovery_message(
    service: &Service,
    healing: &HealthIncident,
    verified: Option<&str>,
    now: Timestamp,
) -> Message {
    let since = healing.healthy_since.unwrap_or(now);
    let last_step = healing
        .steps
        .last()
        .map_or("Lamplighter took no step.".to_owned(), |last| {
            format!("Last step: {} at {}.", last.what, format_time(last.at))
        });
    Message::info(format!(
        "{} since {} - recovered after {} min",
        describe_running_tasks(service),
        format_time(since),
        since.duration_since(healing.since).as_mins()
    ))
    .action(verified.map_or(String::new(), |tag| {
        format!("Lamplighter uses {tag} as a rollback target again.")
    }))
    .why(last_step)
    .next("Nothing to do.")
}

/// Builds the message that closes the incident of a target that is no longer managed.
pub fn no_longer_managed_message(why: &str, key: &str) -> Message {
    Message::info(format!("incident closed - {why}"))
        .action("Lamplighter no longer heals it.")
        .why("It was unhealthy when it was last observed.")
        .next("Nothing to do.")
        .resolves(key)
        .clears(HealthIncident::parse_incident_key(key))
}

pub fn unpark_message(parked: &Parked) -> Message {
    Message::info(format!(
        "desired count restored from {} to {}",
        parked.to,
        count_tasks(parked.before)
    ))
    .action("Lamplighter restored the desired count.")
    .why(format!(
        "The service was parked because tasks of {} kept failing. It recovered, or runs a new revision now.",
        revision_name(&parked.revision)
    ))
    .next("Nothing to do.")
}
