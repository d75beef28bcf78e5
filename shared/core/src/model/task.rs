use jiff::Timestamp;
use serde::Serialize;

use crate::model::Digest;

/// An ECS task. ECS returns a stopped task for about an hour. Source: DescribeTasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// ARN of the task.
    pub task: String,
    /// ARN of its task definition revision.
    pub task_definition: String,
    /// `PROVISIONING`, `RUNNING`, `STOPPED`, …
    pub status: String,
    /// AWS's stop code: `EssentialContainerExited`, `ServiceSchedulerInitiated`, …; may be empty.
    pub stop_code: String,
    /// AWS's stop reason; may be empty.
    pub reason: String,
    /// Start time of its containers; `None` if they never ran.
    pub started_at: Option<Timestamp>,
    /// Time at which it began to stop; `None` while it is meant to run.
    pub stopped_at: Option<Timestamp>,
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

    /// Finds the container that stopped by itself.
    ///
    /// When an essential container exits, ECS kills the others; these are not the cause.
    #[must_use]
    pub fn find_failed_container(&self) -> Option<&TaskContainer> {
        // 143 is SIGTERM, which ECS sends. 137 is SIGKILL, which has other causes as well.
        self.find_exited(|code| ![0, 137, 143].contains(&code))
            .or_else(|| self.find_exited(|code| code == 137))
            .or_else(|| self.find_exited(|code| code == 0))
            .or_else(|| self.find_exited(|code| code == 143))
    }

    /// Returns the first container whose exit code satisfies a condition.
    fn find_exited(&self, is_wanted: fn(i32) -> bool) -> Option<&TaskContainer> {
        self.containers
            .iter()
            .find(|container| container.exit_code.is_some_and(is_wanted))
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
