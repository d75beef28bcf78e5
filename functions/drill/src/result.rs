//! End of a drill: the comparison with the source, the result and the cleanup. Pure.

use lamplighter::Plan;
use lamplighter::model::{Database, Snapshot};
use lamplighter::plan::{
    Action, DeleteRestoredDatabase, DrillAction, DrillResult, MarkVerified, Step, StopCheckTask,
};

use crate::decision::{Decision, RunningDrill};
use crate::messages;

impl Decision<'_> {
    /// Compares the restored database with its source, and ends the drill with the result.
    pub fn finish_drill(
        &self,
        source: &Database,
        restored: &Database,
        drill: &RunningDrill,
    ) -> Plan {
        let snapshot = self.observed.find_snapshot(&drill.snapshot);
        let mut problems = find_differences(source, snapshot, restored);
        problems.extend(self.check_failure());
        let result = drill.result(problems.is_empty());
        let rto = self.context.policy.backup.as_ref().and_then(|b| b.rto);
        let message = messages::drill_result(snapshot, &result, &problems, rto);
        let reason = message.title.clone();
        let mut plan = self.delete_restored(&reason, Some(result.clone()));
        if result.passed {
            plan.steps.push(Step {
                action: Action::Drill(DrillAction::MarkVerified(MarkVerified {
                    snapshot: result.snapshot,
                    at: self.now,
                })),
                reason: reason.clone(),
                message: None,
            });
        }
        if let Some(first) = plan.steps.first_mut() {
            first.message = Some(message);
        }
        if self.context.policy.lacks_check_cluster() {
            plan.messages.push(messages::no_check_cluster());
        }
        plan.reason = reason;
        plan
    }

    /// Deletes the temporary database, starting with a cluster's instance. Skips one that is
    /// already being deleted.
    pub fn delete_restored(&self, because: &str, outcome: Option<DrillResult>) -> Plan {
        let member = self.observed.member.as_ref();
        let Some(next) = member.or(self.observed.restored.as_ref()) else {
            return Plan::nothing(because);
        };
        let mut plan = if next.status == "deleting" {
            Plan::nothing(format!("{because}; {} is being deleted", next.identifier))
        } else {
            let delete = DeleteRestoredDatabase {
                source: self.source_arn().clone(),
                database: next.arn.clone(),
                outcome,
            };
            Plan::single_step(
                Action::Drill(DrillAction::DeleteRestoredDatabase(delete)),
                because,
                None,
            )
        };
        plan.steps.extend(self.stop_check_task());
        plan
    }

    /// Builds the step that stops a check task which outlives its drill.
    fn stop_check_task(&self) -> Option<Step> {
        let task = self.observed.check_task.as_ref();
        let running = task.filter(|task| !task.is_stopped())?;
        Some(Step {
            action: Action::Drill(DrillAction::StopCheckTask(StopCheckTask {
                cluster: self.context.policy.checks.cluster.clone(),
                task: running.task.clone(),
            })),
            reason: "the drill is over".to_owned(),
            message: None,
        })
    }

    /// Describes the failure that the check reported.
    fn check_failure(&self) -> Option<String> {
        let task_definition = self.context.policy.check_task()?;
        let task = self.observed.check_task.as_ref();
        let failure = task.filter(|task| task.is_stopped())?.describe_failure()?;
        Some(format!("its check {task_definition} {failure}"))
    }
}

/// Lists the differences between the restored database and its source or snapshot.
fn find_differences(
    source: &Database,
    snapshot: Option<&Snapshot>,
    restored: &Database,
) -> Vec<String> {
    let mut found = Vec::new();
    if source.engine != restored.engine {
        found.push(format!(
            "its engine is {}, not {}",
            restored.engine, source.engine
        ));
    }
    let version = snapshot
        .map(|snapshot| snapshot.engine_version.as_str())
        // ElastiCache returns no version for a replication group.
        .filter(|version| !version.is_empty() && !restored.engine_version.is_empty());
    if let Some(version) = version.filter(|version| *version != restored.engine_version) {
        found.push(format!(
            "its version is {}, not {version}",
            restored.engine_version
        ));
    }
    let storage = snapshot
        .and_then(|snapshot| snapshot.allocated_gib)
        .zip(restored.allocated_gib);
    if let Some((expected, actual)) = storage.filter(|(expected, actual)| actual < expected) {
        found.push(format!("it has {actual} GiB, not {expected}"));
    }
    if source.encrypted && !restored.encrypted {
        found.push("it is not encrypted".to_owned());
    }
    found
}
