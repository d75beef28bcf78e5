//! The arbiter: decides whether an action is allowed in the current state of its target.

use jiff::{SignedDuration, Timestamp};

use crate::model::Service;
use crate::plan::{Action, ArbiterRule, Repair};
use crate::state::TargetState;

/// Minimum time between a restart of a service's tasks and a scale-in.
const SCALE_IN_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The facts about a target that the arbiter checks before an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preconditions {
    /// The service status as ECS spells it: `ACTIVE`, `DRAINING`, `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY`, `EXTERNAL`.
    pub deployment_controller: String,
    pub rollout_in_progress: bool,
    /// The dependency that is down, for messages: `the database orders (storage-full)`.
    pub dependency_outage: Option<String>,
}

impl Preconditions {
    /// Returns the preconditions of an active target on which every action is allowed.
    #[must_use]
    pub fn for_active_target() -> Self {
        Self {
            status: "ACTIVE".to_owned(),
            deployment_controller: "ECS".to_owned(),
            rollout_in_progress: false,
            dependency_outage: None,
        }
    }

    /// Returns the preconditions of a target that AWS does not know.
    #[must_use]
    pub fn for_missing_target() -> Self {
        Self {
            status: "MISSING".to_owned(),
            ..Self::for_active_target()
        }
    }
}

impl From<&Service> for Preconditions {
    fn from(service: &Service) -> Self {
        Self {
            status: service.status.clone(),
            deployment_controller: service.deployment_controller.as_str().to_owned(),
            rollout_in_progress: service.has_rollout_in_progress(),
            dependency_outage: None,
        }
    }
}

/// The reason why the arbiter does not allow an action now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Veto {
    #[error("the service is {0}, not ACTIVE")]
    NotActive(String),
    #[error("the deployment controller is {0}, not ECS")]
    ForeignController(String),
    #[error("a rollout is in progress")]
    RolloutInProgress,
    #[error(
        "the service is in a crash loop and parked at {0} tasks until it runs another revision"
    )]
    Parked(u32),
    #[error("a release of the service is in progress")]
    ReleaseInProgress,
    #[error("{0} is down, so no change of the service helps")]
    DependencyDown(String),
    #[error("its tasks were restarted at {0}, less than {minutes} min ago", minutes = SCALE_IN_DELAY.as_mins())]
    RecentlyRepaired(Timestamp),
}

/// Checks whether an action is allowed on a target with these preconditions.
///
/// # Errors
/// The [`Veto`], which the engine writes to the journal.
pub fn check_action(
    action: &Action,
    preconditions: &Preconditions,
    state: &TargetState,
    now: Timestamp,
) -> Result<(), Veto> {
    let rule = action.arbiter_rule();
    if rule == ArbiterRule::Always {
        return Ok(());
    }
    if preconditions.status != "ACTIVE" {
        return Err(Veto::NotActive(preconditions.status.clone()));
    }
    let repair = action.repair();
    // While a dependency is down, every revision fails.
    if let (Some(outage), Repair::Rollback | Repair::Step) =
        (&preconditions.dependency_outage, repair)
    {
        return Err(Veto::DependencyDown(outage.clone()));
    }
    if repair == Repair::Step && state.is_release_in_progress(now) {
        return Err(Veto::ReleaseInProgress);
    }
    match rule {
        ArbiterRule::Always | ArbiterRule::ActiveTarget => Ok(()),
        ArbiterRule::Deployment {
            through_code_deploy,
        } => check_controller(preconditions, through_code_deploy),
        ArbiterRule::TaskCount { scales_in } => {
            check_task_count(preconditions, state, scales_in, now)
        }
    }
}

/// Checks that ECS deploys the service, or CodeDeploy and the action goes through it.
fn check_controller(preconditions: &Preconditions, through_code_deploy: bool) -> Result<(), Veto> {
    match preconditions.deployment_controller.as_str() {
        "ECS" => Ok(()),
        "CODE_DEPLOY" if through_code_deploy => Ok(()),
        other => Err(Veto::ForeignController(other.to_owned())),
    }
}

/// Checks that the service is not parked, and that a scale-in waits for rollouts and restarts.
fn check_task_count(
    preconditions: &Preconditions,
    state: &TargetState,
    scales_in: bool,
    now: Timestamp,
) -> Result<(), Veto> {
    // A parked service crashes regardless of its number of tasks.
    if let Some(parked) = &state.health.parked {
        return Err(Veto::Parked(parked.to));
    }
    if scales_in {
        check_scale_in(preconditions, state, now)
    } else {
        Ok(())
    }
}

fn check_scale_in(
    preconditions: &Preconditions,
    state: &TargetState,
    now: Timestamp,
) -> Result<(), Veto> {
    if preconditions.rollout_in_progress {
        return Err(Veto::RolloutInProgress);
    }
    match state
        .last_restart()
        .filter(|at| now.duration_since(*at) < SCALE_IN_DELAY)
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
    use crate::plan::{ReleaseAction, RestartTasks, ScalingAction, SetDesiredCount};
    use crate::state::Attempt;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn preconditions(status: &str, controller: &str, rollout_in_progress: bool) -> Preconditions {
        Preconditions {
            status: status.into(),
            deployment_controller: controller.into(),
            rollout_in_progress,
            dependency_outage: None,
        }
    }

    fn veto_text(
        action: &Action,
        preconditions: &Preconditions,
        state: &TargetState,
    ) -> Option<String> {
        check_action(action, preconditions, state, NOW)
            .err()
            .map(|veto| veto.to_string())
    }

    #[rstest]
    #[case("ACTIVE", "ECS", None)]
    #[case("DRAINING", "ECS", Some("the service is DRAINING, not ACTIVE"))]
    #[case(
        "ACTIVE",
        "CODE_DEPLOY",
        Some("the deployment controller is CODE_DEPLOY, not ECS")
    )]
    fn only_an_active_service_that_ecs_deploys_is_restarted(
        #[case] status: &str,
        #[case] controller: &str,
        #[case] veto: Option<&str>,
    ) {
        let action = Action::Release(ReleaseAction::RestartTasks(RestartTasks {
            service: Arn::new("a"),
            since: NOW,
            shifts: false,
            heals: false,
        }));
        assert_eq!(
            veto_text(
                &action,
                &preconditions(status, controller, false),
                &TargetState::default()
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
        Some("its tasks were restarted at 1969-12-31T23:46:00Z, less than 15 min ago")
    )]
    #[case::in_when_idle(4, 2, false, 15, None)]
    fn a_service_is_not_scaled_in_while_it_recovers(
        #[case] from: u32,
        #[case] to: u32,
        #[case] rollout: bool,
        #[case] restarted: i64,
        #[case] veto: Option<&str>,
    ) {
        let state = TargetState {
            releases: crate::state::ReleaseState {
                attempts: vec![Attempt::at(NOW - SignedDuration::from_mins(restarted))],
                ..Default::default()
            },
            ..TargetState::default()
        };
        let action = Action::Scaling(ScalingAction::SetDesiredCount(SetDesiredCount {
            service: Arn::new("a"),
            from,
            to,
            base: 2,
        }));
        assert_eq!(
            veto_text(
                &action,
                &preconditions("ACTIVE", "CODE_DEPLOY", rollout),
                &state
            )
            .as_deref(),
            veto
        );
    }
}
