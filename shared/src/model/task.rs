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
    /// Why AWS stopped it; may be empty.
    pub reason: String,
    pub stopped_at: Option<Timestamp>,
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
}

impl Task {
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status == "STOPPED"
    }

    /// What is wrong with how it ended; `None` where every container ended with exit code 0.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let bad = self.containers.iter().find(|container| container.exit_code != Some(0));
        let said = |reason: &str| if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        match bad {
            None if self.containers.is_empty() => Some(format!("never ran{}", said(&self.reason))),
            None => None,
            Some(TaskContainer { name, exit_code: Some(code), reason }) => {
                Some(format!("ended with exit code {code} in the container {name}{}", said(reason)))
            }
            Some(TaskContainer { name, reason, .. }) => {
                let reason = if reason.is_empty() { &self.reason } else { reason };
                Some(format!("never ran the container {name}{}", said(reason)))
            }
        }
    }
}
