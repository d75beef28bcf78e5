//! One view of a target for all operations: what may be done to it in the state it is in.

use jiff::{SignedDuration, Timestamp};

use crate::model::Service;
use crate::plan::Action;
use crate::state::Memory;

/// How long after its tasks were started anew a service is not made smaller.
const CALM: SignedDuration = SignedDuration::from_mins(15);

/// What the arbiter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// AWS's word: `ACTIVE`, `DRAINING`, `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY`, `EXTERNAL`.
    pub deployment_controller: String,
    pub rollout_in_progress: bool,
    /// What it depends on, and is down: `the database orders (storage-full)`.
    pub down: Option<String>,
}

impl TargetState {
    /// A target of which nothing stands in the way of an action.
    #[must_use]
    pub fn active() -> Self {
        let (status, deployment_controller) = ("ACTIVE".to_owned(), "ECS".to_owned());
        Self {
            status,
            deployment_controller,
            rollout_in_progress: false,
            down: None,
        }
    }

    /// A target that AWS does not know.
    #[must_use]
    pub fn missing() -> Self {
        Self {
            status: "MISSING".to_owned(),
            ..Self::active()
        }
    }
}

impl From<&Service> for TargetState {
    fn from(service: &Service) -> Self {
        Self {
            status: service.status.clone(),
            deployment_controller: service.deployment_controller.as_str().to_owned(),
            rollout_in_progress: service.rollout_in_progress(),
            down: None,
        }
    }
}

/// Why an action is not permitted now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Veto {
    #[error("the service is {0}, not ACTIVE")]
    NotActive(String),
    #[error("its deployments belong to {0}, not to ECS")]
    ForeignController(String),
    #[error("a rollout is in progress")]
    RolloutInProgress,
    #[error("it crashes, and is parked at {0} tasks until another revision of it runs")]
    Parked(u32),
    #[error("a release of it is followed")]
    ReleaseFollowed,
    #[error("{0} is down, and nothing that is done to the service helps")]
    DependencyDown(String),
    #[error("its tasks were started anew at {0}, less than {minutes} min ago", minutes = CALM.as_mins())]
    RecentlyRepaired(Timestamp),
}

/// Whether an action may be done to a target in this state.
///
/// # Errors
/// The [`Veto`], which is journalled.
pub fn permits(
    action: &Action,
    state: &TargetState,
    memory: &Memory,
    now: Timestamp,
) -> Result<(), Veto> {
    if action.can_wait() {
        return Ok(());
    }
    match action {
        _ if state.status != "ACTIVE" => Err(Veto::NotActive(state.status.clone())),
        // With what it depends on down, every revision fails.
        _ if state.down.is_some() && mends(action) => {
            Err(Veto::DependencyDown(state.down.clone().unwrap_or_default()))
        }
        _ if memory.is_being_released(now)
            && mends(action)
            && !matches!(action, Action::GoBack(_)) =>
        {
            Err(Veto::ReleaseFollowed)
        }
        Action::Rollout(_)
        | Action::Redeploy(_)
        | Action::GoBack(_)
        | Action::Continue(_)
        | Action::Enlarge(_)
        | Action::Move(_)
            if state.deployment_controller != "ECS" && !through_code_deploy(action, state) =>
        {
            Err(Veto::ForeignController(state.deployment_controller.clone()))
        }
        // It crashes however many tasks it has.
        Action::Scale(_) | Action::Floor(_) if memory.parked.is_some() => Err(Veto::Parked(
            memory.parked.as_ref().map_or(0, |parked| parked.to),
        )),
        Action::Scale(scale) if scale.to < scale.from => shrinks(state, memory, now),
        Action::Floor(floor) if floor.to < floor.from => shrinks(state, memory, now),
        _ => Ok(()),
    }
}

/// Whether it is CodeDeploy's service, and goes through CodeDeploy.
fn through_code_deploy(action: &Action, state: &TargetState) -> bool {
    let goes_through = match action {
        Action::Rollout(rollout) => rollout.code_deploy.is_some(),
        Action::GoBack(back) => back.code_deploy.is_some(),
        _ => false,
    };
    goes_through && state.deployment_controller == "CODE_DEPLOY"
}

/// Whether it is done because the service is not well.
fn mends(action: &Action) -> bool {
    match action {
        Action::Redeploy(redeploy) => redeploy.heals,
        Action::Park(park) => !park.restores,
        Action::Move(moving) => !moving.restores,
        other => matches!(
            other,
            Action::GoBack(_) | Action::Replace(_) | Action::Enlarge(_)
        ),
    }
}

fn shrinks(state: &TargetState, memory: &Memory, now: Timestamp) -> Result<(), Veto> {
    if state.rollout_in_progress {
        return Err(Veto::RolloutInProgress);
    }
    match memory
        .last_restart()
        .filter(|at| now.duration_since(*at) < CALM)
    {
        Some(at) => Err(Veto::RecentlyRepaired(at)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::Arn;
    use crate::plan::{Redeploy, Scale};
    use crate::state::Attempt;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn state(status: &str, controller: &str, rollout_in_progress: bool) -> TargetState {
        TargetState {
            status: status.into(),
            deployment_controller: controller.into(),
            rollout_in_progress,
            down: None,
        }
    }

    fn verdict(action: &Action, state: &TargetState, memory: &Memory) -> Option<String> {
        permits(action, state, memory, NOW)
            .err()
            .map(|veto| veto.to_string())
    }

    #[rstest]
    #[case("ACTIVE", "ECS", None)]
    #[case("DRAINING", "ECS", Some("the service is DRAINING, not ACTIVE"))]
    #[case(
        "ACTIVE",
        "CODE_DEPLOY",
        Some("its deployments belong to CODE_DEPLOY, not to ECS")
    )]
    fn only_an_active_service_that_ecs_deploys_is_restarted(
        #[case] status: &str,
        #[case] controller: &str,
        #[case] veto: Option<&str>,
    ) {
        let action = Action::Redeploy(Redeploy {
            service: Arn::new("a"),
            since: NOW,
            shifts: false,
            heals: false,
        });
        assert_eq!(
            verdict(
                &action,
                &state(status, controller, false),
                &Memory::default()
            )
            .as_deref(),
            veto
        );
    }

    #[rstest]
    #[case::out_during_a_rollout(2, 4, true, 60, None)]
    #[case::in_during_a_rollout(4, 2, true, 60, Some("a rollout is in progress"))]
    #[case::in_after_a_restart(
        4,
        2,
        false,
        14,
        Some("its tasks were started anew at 1969-12-31T23:46:00Z, less than 15 min ago")
    )]
    #[case::in_when_all_is_calm(4, 2, false, 15, None)]
    fn a_service_is_not_made_smaller_while_it_recovers(
        #[case] from: u32,
        #[case] to: u32,
        #[case] rollout: bool,
        #[case] restarted: i64,
        #[case] veto: Option<&str>,
    ) {
        let memory = Memory {
            attempts: vec![Attempt::at(NOW - SignedDuration::from_mins(restarted))],
            ..Memory::default()
        };
        let action = Action::Scale(Scale {
            service: Arn::new("a"),
            from,
            to,
            base: 2,
        });
        assert_eq!(
            verdict(&action, &state("ACTIVE", "CODE_DEPLOY", rollout), &memory).as_deref(),
            veto
        );
    }
}
