//! An ECS service as returned by DescribeServices.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Arn;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    pub arn: Arn,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    pub desired_count: i32,
    pub running_count: i32,
    /// Number of tasks that are starting.
    pub pending_count: i32,
    /// Seconds after a task start during which load balancer health checks are ignored.
    pub health_check_grace_period: i32,
    /// `REPLICA` or `DAEMON`. A daemon service has no desired count of its own.
    pub scheduling_strategy: String,
    /// ARNs of all target groups that its tasks register with; both of the pair if traffic is
    /// shifted.
    pub target_groups: Vec<String>,
    /// Lower limit of running tasks during a rollout, in percent of the desired count.
    pub minimum_healthy_percent: Option<i32>,
    pub maximum_percent: Option<i32>,
    /// Number of task sets. CODE_DEPLOY and EXTERNAL services have one per revision with tasks.
    pub task_sets: usize,
    /// CodeDeploy deployments that created the task sets, if ECS names them. The one with
    /// production traffic comes first.
    pub code_deployments: Vec<String>,
    /// Container and port that receive the load balancer's traffic.
    pub reached: Option<(String, i32)>,
    pub tags: BTreeMap<String, String>,
    /// ARN of the task definition of the newest deployment.
    pub task_definition: String,
    pub deployment_controller: DeploymentController,
    /// True for a service of ECS Express Mode. ECS refuses to change its deployment configuration and load balancers by
    /// UpdateService, but accepts other task definitions.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-advanced-customization.html>
    pub is_express: bool,
    /// `ROLLING` unless the service uses `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: String,
    pub shifting: TrafficShift,
    pub circuit_breaker: CircuitBreaker,
    pub deployments: Vec<Deployment>,
    /// Capacity provider strategy; empty if the service uses a launch type.
    pub capacity: Vec<CapacityShare>,
}

/// One item of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityShare {
    /// `FARGATE`, `FARGATE_SPOT`, or the name of an EC2 capacity provider.
    pub provider: String,
    pub weight: i32,
    pub base: i32,
}

/// The service's configuration for shifting traffic to a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrafficShift {
    /// True if every load balancer of the service can route to two revisions.
    pub is_possible: bool,
    /// ARNs of the lifecycle hook functions; `PAUSE` for a hook that waits for manual approval.
    pub hooks: BTreeSet<String>,
    /// Number of steps to 100 % of traffic, and the total wait of ECS in seconds, final bake time
    /// included.
    pub steps: u32,
    pub seconds: u64,
    /// Final bake time in seconds, a part of `seconds`.
    pub bake: u64,
    /// The settings of a strategy that shifts traffic in steps.
    pub settings: Option<StrategySettings>,
}

/// The strategy of a rollback that does without the steps of another: all traffic shifts at once.
pub const SKIPPING_STRATEGY: &str = "BLUE_GREEN";

/// A strategy that shifts traffic in steps, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategySettings {
    /// `CANARY` or `LINEAR`.
    pub strategy: String,
    /// The traffic share of the canary or of each step, in hundredths of a percent.
    pub share: u32,
    /// Minutes that the canary or each step lasts.
    pub step_minutes: u32,
    /// Minutes for which both revisions run at the end.
    pub bake_minutes: u32,
}

impl TrafficShift {
    /// Returns the maximum duration in seconds if checking each step takes `step` seconds.
    #[must_use]
    pub fn max_seconds(&self, step: u64) -> u64 {
        self.seconds + u64::from(self.steps) * step
    }
}

/// The deployment controller. AWS may add values, so an unknown one is kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum DeploymentController {
    Ecs,
    CodeDeploy,
    External,
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CircuitBreaker {
    pub enable: bool,
    pub rollback: bool,
    /// A healthy task resets the failure count, so a flapping service never trips the breaker.
    pub reset_on_healthy_task: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// `ecs-svc/…`
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`; empty unless the service uses rolling updates.
    pub rollout_state: String,
    pub created_at: Option<Timestamp>,
    /// Number of running tasks of this deployment.
    pub running_count: i32,
}

impl Service {
    /// Builds a service with rolling updates: all `tasks` running, circuit breaker on, no
    /// deployment.
    #[must_use]
    pub fn new_rolling(arn: Arn, tasks: i32) -> Self {
        Self {
            arn,
            status: "ACTIVE".to_owned(),
            desired_count: tasks,
            running_count: tasks,
            pending_count: 0,
            health_check_grace_period: 0,
            scheduling_strategy: "REPLICA".to_owned(),
            target_groups: Vec::new(),
            minimum_healthy_percent: Some(100),
            maximum_percent: Some(200),
            task_sets: 0,
            code_deployments: Vec::new(),
            reached: None,
            tags: BTreeMap::new(),
            task_definition: String::new(),
            deployment_controller: DeploymentController::Ecs,
            is_express: false,
            strategy: "ROLLING".to_owned(),
            shifting: TrafficShift::default(),
            circuit_breaker: CircuitBreaker {
                enable: true,
                rollback: true,
                reset_on_healthy_task: false,
            },
            deployments: Vec::new(),
            capacity: Vec::new(),
        }
    }

    /// Describes the desired count: `3 tasks`.
    #[must_use]
    pub fn describe_task_count(&self) -> String {
        super::pluralize(
            usize::try_from(self.desired_count).unwrap_or_default(),
            "task",
        )
    }

    /// Returns the minimum and maximum number of tasks during a rollout if these limits block it.
    ///
    /// A rollout is blocked if ECS may neither stop an old task nor start a new one. The minimum is
    /// rounded up, the maximum down. Returns `None` if the rollout can proceed.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>
    #[must_use]
    pub fn rollout_deadlock(&self) -> Option<(i32, i32)> {
        let desired = self.desired_count;
        let min = (self.minimum_healthy_percent? * desired + 99) / 100;
        let max = self.maximum_percent? * desired / 100;
        let is_rolling =
            self.strategy == "ROLLING" && self.deployment_controller == DeploymentController::Ecs;
        (is_rolling && desired > 0 && min >= desired && max <= desired).then_some((min, max))
    }

    /// Reports whether a release gets its traffic in steps, or all at once after a test.
    #[must_use]
    pub fn shifts_traffic(&self) -> bool {
        self.strategy != "ROLLING"
    }

    /// Returns the strategy that a rollback does without, because it would leave the failing revision in traffic for the
    /// length of its steps. `None` if it has no steps, or if ECS does not change its strategy: during a deployment, and in
    /// Express Mode.
    #[must_use]
    pub fn strategy_to_skip(&self) -> Option<StrategySettings> {
        let can_change = !self.is_express && !self.has_rollout_in_progress();
        self.shifting.settings.clone().filter(|_| can_change)
    }

    /// Returns the `PRIMARY` deployment, which the service has reached or is moving to.
    #[must_use]
    pub fn primary_deployment(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|d| d.status == "PRIMARY")
    }

    /// Reports whether the primary deployment was created at or after `time`.
    #[must_use]
    pub fn was_deployed_since(&self, time: Timestamp) -> bool {
        self.primary_deployment()
            .and_then(|deployment| deployment.created_at)
            .is_some_and(|created| created >= time)
    }

    /// Returns how many tasks are missing: desired count minus running count, at least 0.
    #[must_use]
    pub fn count_missing_tasks(&self) -> i32 {
        (self.desired_count - self.running_count).max(0)
    }

    #[must_use]
    pub fn has_rollout_in_progress(&self) -> bool {
        self.task_sets > 1
            || self
                .primary_deployment()
                .is_some_and(|d| d.rollout_state == "IN_PROGRESS")
    }
}

impl DeploymentController {
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecs => "ECS",
            Self::CodeDeploy => "CODE_DEPLOY",
            Self::External => "EXTERNAL",
            Self::Other(name) => name,
        }
    }
}
