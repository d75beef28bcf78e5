//! Tasks that belong to no service, in the simulated world: those that run before a release.

use jiff::SignedDuration;
use lamplighter::AwsError;
use lamplighter::model::{ImageRef, Task, TaskContainer};
use lamplighter::plan::{RunPreDeploymentTask, StopPreDeploymentTask};

use super::state::{End, OneOffTask};
use super::{State, World, confirm_answer};

/// From the start of a task until it ends.
const TAKES: SignedDuration = SignedDuration::from_mins(3);
/// ECS remembers stopped tasks for about an hour.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

impl World {
    pub(super) async fn run_before(&self, run: &RunPreDeploymentTask) -> Result<String, AwsError> {
        let revision = match &run.registered {
            Some(arn) => arn.clone(),
            None => {
                self.register(&run.base, &run.images, &run.revision_tags)
                    .await?
            }
        };
        let answered = self.call("RunTask", &run.family).await?;
        {
            let mut state = self.state_mut();
            let (now, ends) = (state.now, state.ends.clone());
            let tag = state.definitions.iter().find(|one| one.arn() == revision);
            let tag = tag.and_then(|one| ImageRef::parse(one.containers().next()?.image).tag);
            let end = ends.get(&tag.unwrap_or_default()).copied();
            // Its token makes it the only one.
            state
                .one_off_tasks
                .entry(run.token.clone())
                .or_insert_with(|| OneOffTask {
                    service: run.service.clone(),
                    revision,
                    at: now,
                    end: end.unwrap_or(End::Exits(0)),
                    stopped_at: None,
                });
        }
        confirm_answer(answered, "RunTask", &run.family)?;
        Ok(run.token.clone())
    }

    pub(super) async fn stop_before(
        &self,
        stop: &StopPreDeploymentTask,
    ) -> Result<String, AwsError> {
        let answered = self.call("StopTask", &stop.task).await?;
        {
            let mut state = self.state_mut();
            let now = state.now;
            if let Some(task) = state.one_off_tasks.get_mut(&stop.task) {
                task.stopped_at.get_or_insert(now);
            }
        }
        confirm_answer(answered, "StopTask", &stop.task)?;
        Ok("stopping".to_owned())
    }

    /// Registers a managed family whose one container runs an image of the repository.
    pub fn register_family(&self, family: &str, image: &str) -> String {
        let mut state = self.state_mut();
        let arn = state.register(family, image);
        let own = state.definitions.iter_mut().find(|d| d.arn() == arn);
        if let Some(own) = own {
            let managed = ("lamplighter:managed".to_owned(), "true".to_owned());
            own.tags.extend([managed]);
        }
        arn
    }
}

impl State {
    /// A task as ECS describes it now, by its token; `None` once ECS has forgotten it.
    pub(super) fn one_off_task(&self, token: &str) -> Option<Task> {
        let task = self.one_off_tasks.get(token)?;
        let age = self.now.duration_since(task.at);
        let ended_at = task.stopped_at.or(match task.end {
            End::Exits(_) if age >= TAKES => Some(task.at + TAKES),
            End::NotStarted(_) => Some(task.at),
            End::Exits(_) | End::Never => None,
        });
        if ended_at.is_some_and(|at| self.now.duration_since(at) > REMEMBERED) {
            return None;
        }
        let (exit_code, code, reason) = match (task.end, task.stopped_at) {
            (_, Some(_)) => (Some(137), "UserInitiated", "Lamplighter: it ran too long"),
            (End::NotStarted(reason), None) => (None, "TaskFailedToStart", reason),
            (End::Exits(code), None) => {
                let exited = "Essential container in task exited";
                (Some(code), "EssentialContainerExited", exited)
            }
            (End::Never, None) => (None, "", ""),
        };
        let is_over = ended_at.is_some();
        let text = |text: &str| {
            if is_over {
                text.to_owned()
            } else {
                String::new()
            }
        };
        let has_run = !matches!(task.end, End::NotStarted(_));
        let container = TaskContainer {
            name: "web".to_owned(),
            exit_code: exit_code.filter(|_| is_over),
            ..TaskContainer::default()
        };
        Some(Task {
            task: token.to_owned(),
            task_definition: task.revision.clone(),
            status: if is_over { "STOPPED" } else { "RUNNING" }.to_owned(),
            stop_code: text(code),
            reason: text(reason),
            started_at: has_run.then_some(task.at),
            stopped_at: ended_at,
            containers: vec![container],
            ..Task::default()
        })
    }
}
