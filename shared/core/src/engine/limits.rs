//! Limits that stop a runaway before it starts.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::model::Digest;
use crate::plan::{Action, LimitRule, ReleaseAction, Rollout, RunPreDeploymentTask};
use crate::policy::StackDefaults;
use crate::state::{Attempt, TargetState};

/// The limit that withholds an action. Reaching one sends a critical notification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    #[error("{0} rollouts per hour (stack parameter RolloutsPerHour)")]
    RolloutsPerHour(u32),
    #[error("{0} actions per run (stack parameter ActionsPerRun)")]
    ActionsPerRun(u32),
    #[error("{0} scalings per hour")]
    ScalingsPerHour(usize),
}

/// One change per minute, the interval of the sweep. The sweep alone can't exceed it.
const SCALINGS_PER_HOUR: usize = 60;

/// Checks whether one more action is within the limits.
///
/// # Errors
/// [`LimitReached`] with the limit that withholds the action.
pub fn check_limits(
    action: &Action,
    state: &TargetState,
    done_in_run: u32,
    defaults: &StackDefaults,
    now: Timestamp,
) -> Result<(), LimitReached> {
    let since = now - SignedDuration::from_hours(1);
    let rule = action.limit_rule();
    // Alarms and dashboards are named after their target, so the targets bound their number.
    if rule != LimitRule::Unlimited && done_in_run >= defaults.actions_per_run {
        return Err(LimitReached::ActionsPerRun(defaults.actions_per_run));
    }
    match rule {
        // Rollbacks are never withheld; the steps of an incident bound the repairs.
        LimitRule::Unlimited | LimitRule::PerRun => Ok(()),
        LimitRule::Scalings => check_scalings(state, since),
        LimitRule::Restarts => check_rollouts(state, since, defaults, |_| true),
        LimitRule::Rollouts | LimitRule::Adoptions => {
            check_rollouts(state, since, defaults, |attempt| attempt.digest.is_some())
        }
    }
}

fn check_scalings(state: &TargetState, since: Timestamp) -> Result<(), LimitReached> {
    let recent = state
        .scaling
        .scalings
        .iter()
        .filter(|scaling| scaling.at > since);
    check_count(
        recent.count(),
        SCALINGS_PER_HOUR,
        LimitReached::ScalingsPerHour(SCALINGS_PER_HOUR),
    )
}

fn check_rollouts(
    state: &TargetState,
    since: Timestamp,
    defaults: &StackDefaults,
    counts: impl Fn(&Attempt) -> bool,
) -> Result<(), LimitReached> {
    let recent = state
        .releases
        .attempts
        .iter()
        .filter(|attempt| attempt.at > since && counts(attempt));
    check_count(
        recent.count(),
        defaults.rollouts_per_hour as usize,
        LimitReached::RolloutsPerHour(defaults.rollouts_per_hour),
    )
}

/// Returns the time from which the limit allows the rollout, if it only holds one of many pushes. `None` if an image was
/// rolled out twice within the hour: then the rollouts repeat each other.
#[must_use]
pub fn allowed_at(
    action: &Action,
    state: &TargetState,
    defaults: &StackDefaults,
    now: Timestamp,
) -> Option<Timestamp> {
    let Action::Release(
        ReleaseAction::Rollout(Rollout { digest, .. })
        | ReleaseAction::RunPreDeploymentTask(RunPreDeploymentTask { digest, .. }),
    ) = action
    else {
        return None;
    };
    let hour = SignedDuration::from_hours(1);
    let recent: Vec<&Attempt> = state
        .releases
        .attempts
        .iter()
        .filter(|attempt| attempt.at > now - hour && attempt.digest.is_some())
        .collect();
    let mut digests: BTreeSet<&Digest> = recent
        .iter()
        .filter_map(|attempt| attempt.digest.as_ref())
        .collect();
    digests.insert(digest);
    if digests.len() <= recent.len() {
        return None;
    }
    // One more is allowed when so many of them are older than an hour.
    let surplus = recent
        .len()
        .checked_sub(defaults.rollouts_per_hour as usize)?;
    Some(recent.get(surplus)?.at + hour)
}

fn check_count(count: usize, limit: usize, reached: LimitReached) -> Result<(), LimitReached> {
    if count >= limit { Err(reached) } else { Ok(()) }
}

impl LimitReached {
    /// Returns the limit as a rate: `6 rollouts per hour`.
    #[must_use]
    pub fn rate(&self) -> String {
        match self {
            Self::RolloutsPerHour(limit) => format!("{limit} rollouts per hour"),
            Self::ActionsPerRun(limit) => format!("{limit} actions per run"),
            Self::ScalingsPerHour(limit) => format!("{limit} scalings per hour"),
        }
    }

    /// Returns the stack parameter that sets the limit; `None` if the limit is fixed.
    #[must_use]
    pub fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::RolloutsPerHour(_) => Some("RolloutsPerHour"),
            Self::ActionsPerRun(_) => Some("ActionsPerRun"),
            Self::ScalingsPerHour(_) => None,
        }
    }

    /// Reports whether the limit counts the actions of a run over all targets, not those of one
    /// target.
    #[must_use]
    pub fn is_per_run(&self) -> bool {
        match self {
            Self::ActionsPerRun(_) => true,
            Self::RolloutsPerHour(_) | Self::ScalingsPerHour(_) => false,
        }
    }

    /// Returns the key that deduplicates notifications about this limit.
    #[must_use]
    pub fn notification_key(&self) -> &'static str {
        match self {
            Self::RolloutsPerHour(_) => "limit:rollouts-per-hour",
            Self::ActionsPerRun(_) => "limit:actions-per-run",
            Self::ScalingsPerHour(_) => "limit:scalings-per-hour",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Arn;
    use crate::plan::RestartTasks;

    #[test]
    fn the_seventh_rollout_within_an_hour_is_withheld() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let action = Action::Release(ReleaseAction::RestartTasks(RestartTasks {
            service: Arn::new("a"),
            since: jiff::Timestamp::UNIX_EPOCH,
            shifts: false,
            heals: false,
        }));
        let mut state = TargetState::default();
        for minutes in [90, 50, 40, 30, 20, 10] {
            state
                .releases
                .attempts
                .push(Attempt::at(now - SignedDuration::from_mins(minutes)));
        }
        assert_eq!(
            check_limits(&action, &state, 0, &StackDefaults::default(), now),
            Ok(())
        );
        state.releases.attempts.push(Attempt::at(now));
        assert_eq!(
            check_limits(&action, &state, 0, &StackDefaults::default(), now),
            Err(LimitReached::RolloutsPerHour(6))
        );
        assert_eq!(
            check_limits(
                &action,
                &TargetState::default(),
                100,
                &StackDefaults::default(),
                now
            ),
            Err(LimitReached::ActionsPerRun(100))
        );
    }
}
