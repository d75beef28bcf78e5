//! What stops a runaway before it starts.

use jiff::{SignedDuration, Timestamp};

use crate::plan::Action;
use crate::policy::StackDefaults;
use crate::state::{Attempt, Memory};

/// A limit that stands against an action. Reaching one is a critical notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reached {
    #[error("{0} rollouts of this service within the last hour (stack parameter RolloutsPerHour)")]
    RolloutsPerHour(u32),
    #[error("{0} actions in this run (stack parameter ActionsPerRun)")]
    ActionsPerRun(u32),
    #[error("{0} changes of its number of tasks within the last hour")]
    ScalingsPerHour(usize),
}

/// One a minute, which is how often the sweep runs; more is not its doing.
const SCALINGS_PER_HOUR: usize = 60;

/// Whether one more action is within the limits.
///
/// # Errors
/// The limit that is [`Reached`].
pub fn allow(
    action: &Action,
    memory: &Memory,
    done_in_run: u32,
    defaults: &StackDefaults,
    now: Timestamp,
) -> Result<(), Reached> {
    let since = now - SignedDuration::from_hours(1);
    match action {
        // Named after what they are for, so that there can never be more of them than targets.
        Action::Alarms(_) | Action::Dashboard(_) => Ok(()),
        _ if done_in_run >= defaults.actions_per_run => Err(Reached::ActionsPerRun(defaults.actions_per_run)),
        Action::Scale(_) | Action::Floor(_) => {
            let recent = memory.scalings.iter().filter(|scaling| scaling.at > since).count();
            if recent >= SCALINGS_PER_HOUR { Err(Reached::ScalingsPerHour(SCALINGS_PER_HOUR)) } else { Ok(()) }
        }
        // A way back is never withheld.
        Action::GoBack(_)
        | Action::Continue(_)
        | Action::Judge(_)
        | Action::Report(_)
        | Action::Backup(_)
        | Action::Copy(_)
        | Action::Expire(_)
        | Action::Restore(_)
        | Action::Remove(_)
        | Action::Verify(_)
        | Action::RunProbe(_)
        | Action::Halt(_)
        | Action::Export(_)
        | Action::Complete(_)
        | Action::Retain(_)
        // Bounded by how many steps an incident may have.
        | Action::Replace(_)
        | Action::Park(_)
        | Action::Drain(_)
        | Action::Recover(_) => Ok(()),
        Action::Rollout(_) | Action::Redeploy(_) | Action::Enlarge(_) | Action::Move(_) => {
            // What mends a service is not withheld for the restarts that did not.
            let counts = |attempt: &&Attempt| attempt.digest.is_some() || !matches!(action, Action::Rollout(_));
            let recent = memory.attempts.iter().filter(|attempt| attempt.at > since).filter(counts).count();
            if recent >= defaults.rollouts_per_hour as usize {
                return Err(Reached::RolloutsPerHour(defaults.rollouts_per_hour));
            }
            Ok(())
        }
    }
}

impl Reached {
    /// Under which one person is told of it once.
    #[must_use]
    pub fn key(&self) -> &'static str {
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
    use crate::plan::Redeploy;

    #[test]
    fn six_rollouts_within_an_hour_are_enough() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let action = Action::Redeploy(Redeploy {
            service: Arn::new("a"),
            since: jiff::Timestamp::UNIX_EPOCH,
            shifts: false,
            heals: false,
        });
        let mut memory = Memory::default();
        for minutes in [90, 50, 40, 30, 20, 10] {
            memory
                .attempts
                .push(Attempt::at(now - SignedDuration::from_mins(minutes)));
        }
        assert_eq!(
            allow(&action, &memory, 0, &StackDefaults::default(), now),
            Ok(())
        );
        memory.attempts.push(Attempt::at(now));
        assert_eq!(
            allow(&action, &memory, 0, &StackDefaults::default(), now),
            Err(Reached::RolloutsPerHour(6))
        );
        assert_eq!(
            allow(
                &action,
                &Memory::default(),
                100,
                &StackDefaults::default(),
                now
            ),
            Err(Reached::ActionsPerRun(100))
        );
    }
}
