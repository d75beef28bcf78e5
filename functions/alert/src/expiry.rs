//! Ends what is not reported any more: conditions without a report, and incidents that are over.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Function;
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{Incident, IncidentId, Line};
use lamplighter::ports::incidents::DispatcherState;

use crate::conditions::{AWS_REPORT_TIMEOUT, ConditionKind, REPORT_TIMEOUT};
use crate::grouping::append_line;
use crate::notification::{SLOWEST_RHYTHM, has_unsent_changes, was_notified};
use crate::suppression::suppression_reason;
use crate::text::format_duration;

/// The time for which a resolved incident is kept, so that one which returns reopens it.
const RESOLVED_RETENTION: SignedDuration = SignedDuration::from_hours(1);
/// The time after which a resolved incident is dropped, even if notifications are still pending.
const MAX_RESOLVED_RETENTION: SignedDuration = SignedDuration::from_hours(72);

/// Resolves conditions that have not been reported for too long, and drops old returns.
pub fn expire_conditions(state: &mut DispatcherState, now: Timestamp) {
    for incident in state.incidents.values_mut() {
        let timeout = drop_unreported_conditions(incident, now);
        if incident.firing.is_empty() && incident.resolved_at.is_none() {
            incident.resolved_at = Some(now);
            if incident.severity > Severity::Info {
                append_line(incident, expiry_line(timeout, now));
            }
        }
        incident
            .resolved
            .retain(|_, at| now.duration_since(*at) < REPORT_TIMEOUT);
        incident
            .reopened_at
            .retain(|at| now.duration_since(*at) < SLOWEST_RHYTHM);
    }
}

/// Drops the conditions that have not been reported for too long. Returns the longest time after
/// which one of them was dropped.
fn drop_unreported_conditions(incident: &mut Incident, now: Timestamp) -> SignedDuration {
    let mut longest = REPORT_TIMEOUT;
    incident.firing.retain(|condition, reported_at| {
        let Some(timeout) = ConditionKind::from_key(condition).report_timeout() else {
            return true;
        };
        let is_current = now.duration_since(*reported_at) < timeout;
        if !is_current {
            longest = longest.max(timeout);
        }
        is_current
    });
    longest
}

/// Returns the line that closes an incident whose conditions were not reported for this time.
fn expiry_line(timeout: SignedDuration, now: Timestamp) -> Line {
    let why = if timeout >= AWS_REPORT_TIMEOUT {
        "AWS has reported neither the condition again nor its end."
    } else {
        "A condition that lasts is reported every day, and this one was not."
    };
    Line {
        at: now,
        severity: Severity::Info,
        source: Function::Alert.name().to_owned(),
        title: format!("closed - no report for {}", format_duration(timeout)),
        action: "Lamplighter closed this incident, and opens a new one at the next report."
            .to_owned(),
        why: why.to_owned(),
        next: "Check that the target is healthy.".to_owned(),
        fires: None,
    }
}

/// Returns the incidents that resolved long enough ago and have no pending notifications.
#[must_use]
pub fn list_expired_incidents(state: &DispatcherState, now: Timestamp) -> Vec<IncidentId> {
    state
        .incidents
        .iter()
        .filter(|(_, incident)| is_expired(incident, state, now))
        .map(|(id, _)| id.clone())
        .collect()
}

fn is_expired(incident: &Incident, state: &DispatcherState, now: Timestamp) -> bool {
    let Some(resolved_at) = incident.resolved_at else {
        return false;
    };
    let age = now.duration_since(resolved_at);
    // A channel that stays broken must not keep incidents forever.
    if age >= MAX_RESOLVED_RETENTION {
        return true;
    }
    age >= RESOLVED_RETENTION
        && (!has_pending_deliveries(incident)
            // A resolved incident that nobody heard of stays unsent once its suppression ends.
            || suppression_reason(incident, state, now).is_some() && !was_notified(incident))
}

fn has_pending_deliveries(incident: &Incident) -> bool {
    incident
        .deliveries
        .values()
        .any(|delivery| has_unsent_changes(incident, delivery))
}
