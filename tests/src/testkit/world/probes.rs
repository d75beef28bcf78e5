//! Tasks that look into restored databases, in the simulated world.

use jiff::SignedDuration;
use lamplighter::AwsError;
use lamplighter::model::{Task, TaskContainer};
use lamplighter::plan::{RunCheckTask, StopCheckTask};

use super::{State, World, confirm_answer};

/// From starting a check until it ends.
const TAKES: SignedDuration = SignedDuration::from_mins(4);

impl World {
    pub(super) async fn run_probe(&self, probe: &RunCheckTask) -> Result<String, AwsError> {
        let answered = self.call("RunTask", &probe.task_definition).await?;
        {
            let mut state = self.state_mut();
            let now = state.now;
            // Its token makes it the only one.
            state
                .probes
                .entry(probe.token.clone())
                .or_insert_with(|| (probe.clone(), now));
        }
        confirm_answer(answered, "RunTask", &probe.task_definition)?;
        Ok(probe.token.clone())
    }

    pub(super) async fn halt(&self, halt: &StopCheckTask) -> Result<String, AwsError> {
        let answered = self.call("StopTask", &halt.task).await?;
        self.state_mut().halted.push(halt.task.clone());
        confirm_answer(answered, "StopTask", &halt.task)?;
        Ok("stopped".to_owned())
    }
}

impl State {
    /// A check as AWS describes it now; one with the exit code -1 never ends.
    pub(super) fn probe(&self, token: &str) -> Option<Task> {
        let (_, began) = self.probes.get(token)?;
        let ended = self.now.duration_since(*began) >= TAKES && self.exit_code >= 0;
        let is_over = ended || self.halted.iter().any(|halted| halted == token);
        let status = if is_over { "STOPPED" } else { "RUNNING" };
        let exit_code = is_over.then_some(self.exit_code);
        let container = TaskContainer {
            name: "check".to_owned(),
            exit_code,
            ..TaskContainer::default()
        };
        Some(Task {
            task: token.to_owned(),
            status: status.to_owned(),
            containers: vec![container],
            ..Task::default()
        })
    }
}
