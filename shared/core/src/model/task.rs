use jiff::Timestamp;
use serde::Serialize;

/// A task, which ECS remembers for about an hour after it stopped. Source: DescribeTasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// The ARN of the task.
    pub task: String,
    /// The ARN of the revision that it is of.
    pub task_definition: String,
    /// `PROVISIONING`, `RUNNING`, `STOPPED`, …
    pub status: String,
    /// AWS's word for why it stopped: `EssentialContainerExited`, `ServiceSchedulerInitiated`, …; may be empty.
    pub stop_code: String,
    /// Why AWS stopped it; may be empty.
    pub reason: String,
    /// When its containers ran; `None` where they never did.
    pub started_at: Option<Timestamp>,
    /// When it began to stop; `None` while it is to run.
    pub stopped_at: Option<Timestamp>,
    /// What its own health checks say: `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: String,
    /// The availability zone.
    pub zone: String,
    /// The address of its network interface, where it has one of its own.
    pub address: Option<String>,
    /// The ARN of the container instance, where it runs on one.
    pub instance: Option<String>,
    pub containers: Vec<TaskContainer>,
}

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskContainer {
    pub name: String,
    /// `None` while it runs, and where it never ran.
    pub exit_code: Option<i32>,
    /// What AWS says about it; may be empty.
    pub reason: String,
    /// Ports of the host that lead to it.
    pub ports: Vec<i32>,
}

impl Task {
    /// The last part of its ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        self.task.rsplit('/').next().unwrap_or_default()
    }

    /// The container that ended by itself rather than with the others, which are killed when an essential one ends.
    #[must_use]
    pub fn failed_container(&self) -> Option<&TaskContainer> {
        let ended = |how: fn(i32) -> bool| {
            self.containers
                .iter()
                .find(|c| c.exit_code.is_some_and(how))
        };
        // 143 is SIGTERM, which ECS sends; 137 is SIGKILL, which others send as well.
        let by_itself =
            ended(|code| ![0, 137, 143].contains(&code)).or_else(|| ended(|code| code == 137));
        by_itself
            .or_else(|| ended(|code| code == 0))
            .or_else(|| ended(|code| code == 143))
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status == "STOPPED"
    }

    /// What is wrong with how it ended; `None` where every container ended with exit code 0.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let bad = self
            .containers
            .iter()
            .find(|container| container.exit_code != Some(0));
        let said = |reason: &str| {
            if reason.is_empty() {
                String::new()
            } else {
                format!(" ({reason})")
            }
        };
        match bad {
            None if self.containers.is_empty() => Some(format!("never ran{}", said(&self.reason))),
            None => None,
            Some(TaskContainer {
                name,
                exit_code: Some(code),
                reason,
                ..
            }) => Some(format!(
                "ended with exit code {code} in the container {name}{}",
                said(reason)
            )),
            Some(TaskContainer { name, reason, .. }) => {
                let reason = if reason.is_empty() {
                    &self.reason
                } else {
                    reason
                };
                Some(format!("never ran the container {name}{}", said(reason)))
            }
        }
    }
}
