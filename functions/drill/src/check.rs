//! Check of a restored database by a task that the user supplies. Pure.

use lamplighter::Plan;
use lamplighter::model::Database;
use lamplighter::plan::{Action, DrillAction, RunCheckTask};
use lamplighter::policy::{DRILL, STACK, TARGET};

use crate::decision::{Decision, MAX_DURATION, RunningDrill, wait_key};
use crate::messages;
use crate::temporary_names::check_token;

impl Decision<'_> {
    /// Plans the next step of the check; `None` if there is no check or it has ended.
    pub fn plan_check(
        &self,
        source: &Database,
        restored: &Database,
        drill: &RunningDrill,
    ) -> Option<Plan> {
        let task_definition = self.context.policy.check_task()?;
        let mut plan = match &self.observed.check_task {
            Some(task) if task.is_stopped() => return None,
            Some(_) | None if drill.took > MAX_DURATION => {
                return Some(self.end_slow_check(task_definition, drill));
            }
            Some(task) => Plan::nothing(format!("the check {task_definition} is {}", task.status)),
            None => {
                let run = self.build_check_task(source, restored, task_definition)?;
                Plan::single_step(
                    Action::Drill(DrillAction::RunCheckTask(run)),
                    "the restored database is available and its check is due",
                    None,
                )
            }
        };
        plan.waits_for = Some(wait_key(drill.began));
        Some(plan)
    }

    /// Ends a drill whose check takes too long.
    fn end_slow_check(&self, task_definition: &str, drill: &RunningDrill) -> Plan {
        let mut plan = self.delete_restored("the check took too long", Some(drill.result(false)));
        plan.messages.push(messages::check_timed_out(
            &drill.snapshot,
            task_definition,
            drill.took,
            drill.began,
        ));
        plan
    }

    fn build_check_task(
        &self,
        source: &Database,
        restored: &Database,
        task_definition: &str,
    ) -> Option<RunCheckTask> {
        let checks = &self.context.policy.checks;
        let environment = list_variables(source, restored)
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let tags = [
            (STACK, self.context.policy.stack.clone()),
            (TARGET, self.source_arn().to_string()),
            (DRILL, restored.tags.get(DRILL).cloned().unwrap_or_default()),
        ];
        Some(RunCheckTask {
            source: self.source_arn().clone(),
            cluster: checks.cluster.clone(),
            task_definition: task_definition.to_owned(),
            subnets: self.check_subnets(restored),
            security_group: checks.group.clone(),
            environment,
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
            token: check_token(restored)?,
        })
    }

    /// Returns the subnets of the check: those of the stack, or else those of the restored
    /// database. A cluster does not list its own; its instance does.
    fn check_subnets(&self, restored: &Database) -> Vec<String> {
        let configured = &self.context.policy.checks.subnets;
        if !configured.is_empty() {
            return configured.clone();
        }
        if !restored.subnets.is_empty() {
            return restored.subnets.clone();
        }
        let member = self.observed.member.as_ref();
        member
            .map(|member| member.subnets.clone())
            .unwrap_or_default()
    }
}

/// Lists the environment variables that tell the check how to reach the restored database.
fn list_variables(source: &Database, restored: &Database) -> [(&'static str, Option<String>); 6] {
    let user = Some(restored.user.clone()).filter(|user| !user.is_empty());
    [
        ("DB_HOST", restored.address.clone()),
        ("DB_PORT", restored.port.map(|port| port.to_string())),
        ("DB_ENGINE", Some(restored.engine.clone())),
        ("DB_NAME", restored.schema.clone()),
        ("DB_USER", user),
        ("DB_SECRET_ARN", source.secret.clone()),
    ]
}
