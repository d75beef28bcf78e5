//! Grace periods before the first healing step, and the back-off between steps.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Service;
use lamplighter::state::HealthIncident;

use crate::health::Symptom;

/// The time after which a healthy service counts as recovered and its healing steps are cleared.
/// Kubernetes resets its restart back-off after the same time.
/// Source: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts>
pub const HEALTHY_PERIOD: SignedDuration = SignedDuration::from_mins(10);
/// The upper limit of the exponential back-off between healing steps, in minutes.
const MAX_BACK_OFF_MINUTES: i64 = 30;

/// Returns the grace period in which ECS may recover the service by itself.
#[must_use]
pub fn grace_period(symptom: &Symptom, service: &Service) -> SignedDuration {
    match symptom {
        // Waiting is in vain, except for a sweep that may find the same in many services.
        Symptom::Failing(failing) if failing.needs_operator() && !failing.is_retriable => {
            SignedDuration::from_mins(1)
        }
        Symptom::Failing(_) | Symptom::Unhealthy(_) => SignedDuration::from_mins(2),
        // Tasks take a while to start, and a capacity provider to add instances for them.
        Symptom::MissingTasks if service.pending_count > 0 => SignedDuration::from_mins(5),
        Symptom::MissingTasks => SignedDuration::from_mins(3),
    }
}

/// Returns the time at which the grace period ends. After a dependency outage it is extended,
/// because ECS then has more to recover.
#[must_use]
pub fn grace_period_end(
    healing: &HealthIncident,
    symptom: &Symptom,
    service: &Service,
) -> Timestamp {
    let regular = healing.unhealthy_since + grace_period(symptom, service);
    match healing.outage_ended_at {
        Some(until) => regular.max(until + HEALTHY_PERIOD),
        None => regular,
    }
}

/// Returns the end of the back-off after the last healing step, if there was one.
#[must_use]
pub fn back_off_until(healing: &HealthIncident) -> Option<Timestamp> {
    let taken = u32::try_from(healing.steps.len()).unwrap_or(u32::MAX);
    healing.steps.last().map(|last| last.at + back_off(taken))
}

/// Returns the back-off after a number of steps: 1, 2, 4, … up to 30 minutes.
#[must_use]
pub fn back_off(taken: u32) -> SignedDuration {
    let doubled = 1_i64
        .checked_shl(taken.saturating_sub(1))
        .unwrap_or(MAX_BACK_OFF_MINUTES);
    SignedDuration::from_mins(doubled.clamp(1, MAX_BACK_OFF_MINUTES))
}
