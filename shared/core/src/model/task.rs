use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::{Digest, TaskDefinition};

/// Exit codes of containers that were killed by SIGKILL and by SIGTERM. ECS stops containers with both.
const KILLED: i32 = 137;
const TERMINATED: i32 = 143;

/// The beginning of `startedBy` of the tasks that Lamplighter starts.
const OWN_TASKS: &str = "lamplighter-";

/// Reports whether a task with this group and `startedBy` belongs neither to a service nor to Lamplighter.
#[must_use]
pub fn is_standalone(group: &str, started_by: &str) -> bool {
    !group.starts_with("service:") && !started_by.starts_with(OWN_TASKS)
}

/// An ECS task. ECS returns a stopped task for about an hour. Source: DescribeTasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// ARN of the task.
    pub task: String,
    /// ARN of its task definition revision.
    pub task_definition: String,
    /// `service:web`, or `family:shop-web` for a task that belongs to no service.
    pub group: String,
    /// What the starter of the task gave; may be empty.
    pub started_by: String,
    /// `PROVISIONING`, `RUNNING`, `STOPPED`, …
    pub status: String,
    /// AWS's stop code: `EssentialContainerExited`, `ServiceSchedulerInitiated`, …; may be empty.
    pub stop_code: String,
    /// AWS's stop reason; may be empty.
    pub reason: String,
    /// Time at which ECS began to start it.
    pub created_at: Option<Timestamp>,
    /// Start time of its containers; `None` if they never ran.
    pub started_at: Option<Timestamp>,
    /// Time at which it began to stop; `None` while it is meant to run.
    pub stopped_at: Option<Timestamp>,
    /// Time at which its last container ended.
    pub containers_ended_at: Option<Timestamp>,
    /// Result of the container health checks: `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: String,
    /// Availability Zone.
    pub zone: String,
    /// IP address of its network interface; `None` if it has no interface of its own.
    pub address: Option<String>,
    /// ARN of the container instance; `None` if the task runs on none.
    pub instance: Option<String>,
    pub containers: Vec<TaskContainer>,
}

/// The exit state of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskContainer {
    pub name: String,
    /// Exit code; `None` while the container runs or if it never ran.
    pub exit_code: Option<i32>,
    /// AWS's reason; may be empty.
    pub reason: String,
    /// The digest of the image that it runs: of a manifest, or of an index. `None` until the image is pulled.
    pub image_digest: Option<Digest>,
    /// Host ports that are mapped to the container.
    pub ports: Vec<i32>,
}

impl Task {
    /// Returns the task id, the last part of the ARN.
    #[must_use]
    pub fn task_id(&self) -> &str {
        self.task.rsplit('/').next().unwrap_or_default()
    }

    /// Finds the container that ended first. ECS reports no times of containers.
    ///
    /// When an essential container ends, ECS stops the others: SIGTERM first, SIGKILL after their stop timeout. So the
    /// first one is essential by the task definition, if that is known. Among several essential ones, an exit code that
    /// ECS can't have caused decides, and so does a SIGKILL that came before ECS could have sent one.
    #[must_use]
    pub fn find_failed_container(
        &self,
        definition: Option<&TaskDefinition>,
    ) -> Option<&TaskContainer> {
        let ended = || self.containers.iter().filter(|c| c.exit_code.is_some());
        let essential: Vec<&TaskContainer> = ended()
            .filter(|c| definition.is_none_or(|definition| definition.is_essential(&c.name)))
            .collect();
        let candidates = if essential.is_empty() {
            ended().collect()
        } else {
            essential
        };
        candidates
            .into_iter()
            .min_by_key(|container| self.rank_as_effect(container, definition))
    }

    /// Ranks how likely a container ended because another one did: 0 if it surely ended by itself.
    fn rank_as_effect(&self, container: &TaskContainer, definition: Option<&TaskDefinition>) -> u8 {
        match container.exit_code {
            Some(KILLED) if self.ended_before_stop_timeout(container, definition) => 1,
            Some(0) => 2,
            Some(KILLED) => 3,
            Some(TERMINATED) => 4,
            Some(_) => 0,
            None => 5,
        }
    }

    /// Reports whether the task ended sooner than ECS sends SIGKILL to a container. Without times, it may have sent one.
    fn ended_before_stop_timeout(
        &self,
        container: &TaskContainer,
        definition: Option<&TaskDefinition>,
    ) -> bool {
        let (Some(stopping), Some(ended), Some(definition)) =
            (self.stopped_at, self.containers_ended_at, definition)
        else {
            return false;
        };
        ended.duration_since(stopping) < definition.stop_timeout(&container.name)
    }

    /// Returns the time from its creation until its containers ran; `None` if they never did.
    #[must_use]
    pub fn startup_time(&self) -> Option<SignedDuration> {
        Some(self.started_at?.duration_since(self.created_at?))
    }

    /// Reports whether people or a schedule started the task: it belongs neither to a service nor to Lamplighter.
    #[must_use]
    pub fn is_standalone(&self) -> bool {
        is_standalone(&self.group, &self.started_by)
    }

    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.status == "STOPPED"
    }

    /// Describes why the task failed; `None` if every container exited with code 0.
    #[must_use]
    pub fn describe_failure(&self) -> Option<String> {
        let failed = self
            .containers
            .iter()
            .find(|container| container.exit_code != Some(0));
        match failed {
            None if self.containers.is_empty() => {
                Some(format!("never ran{}", in_parentheses(&self.reason)))
            }
            None => None,
            Some(TaskContainer {
                name,
                exit_code: Some(code),
                reason,
                ..
            }) => Some(format!(
                "ended with exit code {code} in the container {name}{}",
                in_parentheses(reason)
            )),
            Some(TaskContainer { name, reason, .. }) => {
                let reason = if reason.is_empty() {
                    &self.reason
                } else {
                    reason
                };
                Some(format!(
                    "never ran the container {name}{}",
                    in_parentheses(reason)
                ))
            }
        }
    }
}

/// Returns a reason in parentheses after a space, or nothing if it is empty.
fn in_parentheses(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    }
}
