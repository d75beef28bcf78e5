//! One view of a target for all operations: what may be done to it in the state it is in.

use crate::plan::Action;

/// What the arbiter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// AWS's word: `ACTIVE`, `DRAINING`, `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY`, `EXTERNAL`.
    pub deployment_controller: String,
    pub rollout_in_progress: bool,
}

/// Why an action is not permitted now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Veto {
    #[error("the service is {0}, not ACTIVE")]
    NotActive(String),
    #[error("its deployments belong to {0}, not to ECS")]
    ForeignController(String),
}

/// Whether an action may be done to a target in this state.
///
/// # Errors
/// The [`Veto`], which is journalled.
pub fn permits(action: &Action, state: &TargetState) -> Result<(), Veto> {
    match action {
        Action::Rollout(_) | Action::Redeploy(_) if state.status != "ACTIVE" => {
            Err(Veto::NotActive(state.status.clone()))
        }
        Action::Rollout(_) | Action::Redeploy(_) if state.deployment_controller != "ECS" => {
            Err(Veto::ForeignController(state.deployment_controller.clone()))
        }
        Action::Rollout(_) | Action::Redeploy(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::Arn;
    use crate::plan::Redeploy;

    #[rstest]
    #[case("ACTIVE", "ECS", None)]
    #[case("DRAINING", "ECS", Some("the service is DRAINING, not ACTIVE"))]
    #[case("ACTIVE", "CODE_DEPLOY", Some("its deployments belong to CODE_DEPLOY, not to ECS"))]
    fn only_an_active_service_that_ecs_deploys_is_touched(
        #[case] status: &str,
        #[case] controller: &str,
        #[case] veto: Option<&str>,
    ) {
        let action = Action::Redeploy(Redeploy { service: Arn::new("a"), since: jiff::Timestamp::UNIX_EPOCH });
        let state =
            TargetState { status: status.into(), deployment_controller: controller.into(), rollout_in_progress: false };
        assert_eq!(permits(&action, &state).err().map(|v| v.to_string()).as_deref(), veto);
    }
}
