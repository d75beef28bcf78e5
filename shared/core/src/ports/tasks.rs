//! ECS tasks.

use crate::AwsError;
use crate::model::Task;
use crate::ports::filters::{TaskLifecycle, TaskOwner};

/// ECS tasks.
pub trait Tasks {
    /// Lists tasks of a service, on a container instance or of a family. Reads all pages.
    /// Sources: ListTasks, DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn list_tasks(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError>;

    /// Returns a task of a cluster by its ARN; `None` once ECS has forgotten it. Source: DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_task(&self, cluster: &str, task: &str) -> Result<Option<Task>, AwsError>;

    /// Returns the newest task of a cluster that was started with this token, as long as ECS keeps
    /// it. Sources: ListTasks, DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn find_started_task(&self, cluster: &str, token: &str)
    -> Result<Option<Task>, AwsError>;
}
