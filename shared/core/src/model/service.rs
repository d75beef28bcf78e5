//! An ECS service as DescribeServices shows it.

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
    /// Tasks that are on their way to run.
    pub pending_count: i32,
    /// Seconds in which health checks of load balancers say nothing about a task that was started.
    pub health_check_grace_period: i32,
    /// `REPLICA`, or `DAEMON`, which has no desired count of its own.
    pub scheduling_strategy: String,
    /// ARNs of all target groups that its tasks register with: both of them where traffic is shifted.
    pub target_groups: Vec<String>,
    /// In per cent of the desired count; what a rollout keeps and what it may reach.
    pub minimum_healthy_percent: Option<i32>,
    pub maximum_percent: Option<i32>,
    /// A CODE_DEPLOY or EXTERNAL service has one for each revision that has tasks.
    pub task_sets: usize,
    /// The CodeDeploy deployments that made them, as far as ECS says, the one with the traffic first.
    pub code_deployments: Vec<String>,
    /// The container and port that its load balancer reaches.
    pub reached: Option<(String, i32)>,
    pub tags: BTreeMap<String, String>,
    /// The ARN of the task definition of the newest deployment.
    pub task_definition: String,
    pub deployment_controller: DeploymentController,
    /// `ROLLING` unless the service uses `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: String,
    pub shifting: Shifting,
    pub circuit_breaker: CircuitBreaker,
    pub deployments: Vec<Deployment>,
    /// Where its tasks are placed; empty where it has a launch type instead.
    pub capacity: Vec<CapacityShare>,
}

/// A part of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityShare {
    /// `FARGATE`, `FARGATE_SPOT`, or the name of one of EC2.
    pub provider: String,
    pub weight: i32,
    pub base: i32,
}

/// How traffic is shifted to a release, as far as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Shifting {
    /// Every load balancer of the service can lead to two revisions.
    pub is_possible: bool,
    /// Functions that are asked on the way, by ARN; `PAUSE` where a person is.
    pub hooks: BTreeSet<String>,
    /// Steps to all of the traffic, and the seconds that ECS waits between them and at the end.
    pub steps: u32,
    pub seconds: u64,
    /// Of these, the ones at the end.
    pub bake: u64,
}

impl Shifting {
    /// Seconds that it may take where each step is looked at for so long.
    #[must_use]
    pub fn longest(&self, step: u64) -> u64 {
        self.seconds + u64::from(self.steps) * step
    }
}

/// Who carries deployments out. AWS's list is open: what we do not know is kept.
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
    /// A healthy task sets the count of failed ones back, so that a service that flaps never trips.
    pub reset_on_healthy_task: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// `ecs-svc/…`
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`; empty for services that do not roll.
    pub rollout_state: String,
    pub created_at: Option<Timestamp>,
}

impl Service {
    /// One that rolls, with so many tasks that all run, the circuit breaker on, and no deployment yet.
    #[must_use]
    pub fn rolling(arn: Arn, tasks: i32) -> Self {
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
            strategy: "ROLLING".to_owned(),
            shifting: Shifting::default(),
            circuit_breaker: CircuitBreaker {
                enable: true,
                rollback: true,
                reset_on_healthy_task: false,
            },
            deployments: Vec::new(),
            capacity: Vec::new(),
        }
    }

    /// `3 tasks`, as many as are desired.
    #[must_use]
    pub fn tasks(&self) -> String {
        super::counted(
            usize::try_from(self.desired_count).unwrap_or_default(),
            "task",
        )
    }

    /// How many tasks a rollout keeps and how many it may reach, where that leaves it no room: ECS may then neither stop
    /// an old one nor start a new one. The least is rounded up, the most down.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>
    #[must_use]
    pub fn no_room(&self) -> Option<(i32, i32)> {
        let desired = self.desired_count;
        let (least, most) = (
            self.minimum_healthy_percent? * desired,
            self.maximum_percent? * desired,
        );
        let (least, most) = ((least + 99) / 100, most / 100);
        let rolls =
            self.strategy == "ROLLING" && self.deployment_controller == DeploymentController::Ecs;
        (rolls && desired > 0 && least >= desired && most <= desired).then_some((least, most))
    }

    /// Whether a release gets its traffic step by step, or all at once after a test.
    #[must_use]
    pub fn shifts_traffic(&self) -> bool {
        self.strategy != "ROLLING"
    }

    /// The deployment that the service is moving to or has reached.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|d| d.status == "PRIMARY")
    }

    /// Whether the tasks of the newest deployment were started at a time or after it.
    #[must_use]
    pub fn started_since(&self, time: Timestamp) -> bool {
        self.primary()
            .and_then(|deployment| deployment.created_at)
            .is_some_and(|created| created >= time)
    }

    /// Tasks that are missing.
    #[must_use]
    pub fn short(&self) -> i32 {
        (self.desired_count - self.running_count).max(0)
    }

    #[must_use]
    pub fn rollout_in_progress(&self) -> bool {
        self.task_sets > 1
            || self
                .primary()
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
