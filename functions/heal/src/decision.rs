//! The inputs of a decision about one service, and what follows directly from them.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::DeploymentController;
use lamplighter::state::{HealthIncident, TargetState};

use crate::observed_service::ObservedService;
use crate::policy::Policy;

/// The time that a rollout started outside Lamplighter gets before `heal` acts.
const FOREIGN_ROLLOUT_GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(30);

/// The inputs of a decision about one service.
pub struct Decision<'a> {
    pub context: TargetContext<'a, Policy>,
    pub observed: &'a ObservedService,
    pub now: Timestamp,
    /// The time of the observation. Due times are compared with it, as they were when AWS was read.
    pub observed_at: Timestamp,
}

impl Decision<'_> {
    #[must_use]
    pub fn state(&self) -> &TargetState {
        self.context.state
    }

    /// Returns the current health incident, or a new one.
    #[must_use]
    pub fn current_healing(&self) -> HealthIncident {
        self.state()
            .health
            .incident
            .clone()
            .unwrap_or_else(|| HealthIncident::new(self.now))
    }

    /// Reports whether ECS itself deploys the service. Only then may Lamplighter deploy it.
    #[must_use]
    pub fn is_deployed_by_ecs(&self) -> bool {
        self.observed.service.deployment_controller == DeploymentController::Ecs
    }

    /// Reports whether a rollout is in progress that Lamplighter did not start, and that still has
    /// time.
    #[must_use]
    pub fn has_foreign_rollout(&self) -> bool {
        let service = &self.observed.service;
        // For deployments by CodeDeploy or an external controller, ECS shows only several task
        // sets.
        if service.task_sets > 1 {
            return true;
        }
        let Some(created) = service
            .primary_deployment()
            .filter(|primary| primary.rollout_state == "IN_PROGRESS")
            .and_then(|primary| primary.created_at)
        else {
            return false;
        };
        !self.is_own_deployment(created)
            && self.observed_at.duration_since(created) < FOREIGN_ROLLOUT_GRACE_PERIOD
    }

    /// Reports whether the last healing step created a deployment. AWS rounds its times to seconds.
    fn is_own_deployment(&self, created: Timestamp) -> bool {
        self.current_healing()
            .steps
            .last()
            .is_some_and(|step| created >= step.at - SignedDuration::from_secs(1))
    }
}
