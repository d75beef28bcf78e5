//! Check of a restored database by a task that the user supplies. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::Database;
use lamplighter::plan::{Action, DrillAction, DrillResult, RunCheckTask, Step, StopCheckTask};
use lamplighter::policy::{DRILL, SLOT, STACK, TARGET};
use lamplighter::{Operation, Plan};
use sha2::{Digest as _, Sha256};

use crate::decide::{Decision, MAX_DURATION};
use crate::{Drill, messages};

/// Prefix of `startedBy` on every task that a drill starts.
pub const STARTED_BY_PREFIX: &str = "lamplighter-drill/";

/// Returns the token that links a check task to its drill: a hash of the source and the drill's
/// start time.
pub fn check_token(restored: &Database) -> Option<String> {
    let (source, began) = (restored.tags.get(TARGET)?, restored.tags.get(SLOT)?);
    let hash = Sha256::digest(format!("{source} {began}"));
    let hash = hash
        .iter()
        .take(8)
        .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    Some(format!("{STARTED_BY_PREFIX}{hash:016x}"))
}

/// Returns the key under which a plan waits for a check.
fn wait_key(began: Timestamp) -> String {
    format!("the check of the drill of {began}")
}

impl Decision<'_> {
    /// Returns the task definition of the check, if one is configured and the stack has a cluster
    /// for it.
    fn check_task(&self) -> Option<&String> {
        self.context
            .policy
            .backup
            .as_ref()?
            .check_task
            .as_ref()
            .filter(|_| !self.context.policy.checks.cluster.is_empty())
    }

    /// Returns the seconds from the drill's start until the restored database was available, and
    /// until its check ended.
    pub fn measure_times(&self, began: Timestamp) -> (i64, Option<i64>) {
        let now = self.now.duration_since(began).as_secs();
        match self
            .context
            .state
            .waiting_since(Drill::FUNCTION.name(), &wait_key(began))
        {
            Some(since) => (since.duration_since(began).as_secs(), Some(now)),
            None => (now, None),
        }
    }

    /// Plans the next step of the check; `None` if there is no check or it has ended.
    pub fn plan_check(
        &self,
        source: &Database,
        restored: &Database,
        failed: &DrillResult,
    ) -> Option<Plan> {
        let task_definition = self.check_task()?.clone();
        let took = self.now.duration_since(failed.began);
        let mut plan = match &self.observed.probe {
            Some(probe) if probe.is_stopped() => return None,
            _ if took > MAX_DURATION => {
                let mut plan =
                    self.delete_restored("its check took too long", Some(failed.clone()));
                plan.messages.push(messages::check_timed_out(
                    &failed.snapshot,
                    &task_definition,
                    took,
                    failed.began,
                ));
                return Some(plan);
            }
            Some(probe) => {
                Plan::nothing(format!("its check {task_definition} is {}", probe.status))
            }
            None => {
                let probe = self.build_check_task(source, restored, task_definition)?;
                Plan::single_step(
                    Action::Drill(DrillAction::RunCheckTask(probe)),
                    "what was restored is available and is to be looked into",
                    None,
                )
            }
        };
        plan.waits_for = Some(wait_key(failed.began));
        Some(plan)
    }

    fn build_check_task(
        &self,
        source: &Database,
        restored: &Database,
        task_definition: String,
    ) -> Option<RunCheckTask> {
        let checks = &self.context.policy.checks;
        let member = self.observed.member.as_ref();
        let own = if restored.subnets.is_empty() {
            member.map(|member| &member.subnets)
        } else {
            Some(&restored.subnets)
        };
        let subnets = if checks.subnets.is_empty() {
            own.cloned().unwrap_or_default()
        } else {
            checks.subnets.clone()
        };
        let port = restored.port.map(|port| port.to_string());
        let variables = [
            ("DB_HOST", restored.address.clone()),
            ("DB_PORT", port),
            ("DB_ENGINE", Some(restored.engine.clone())),
            ("DB_NAME", restored.schema.clone()),
            (
                "DB_USER",
                Some(restored.user.clone()).filter(|user| !user.is_empty()),
            ),
            ("DB_SECRET_ARN", source.secret.clone()),
        ];
        let given = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let tags = [
            (STACK, self.context.policy.stack.clone()),
            (TARGET, self.source_arn().to_string()),
            (DRILL, restored.tags.get(DRILL).cloned().unwrap_or_default()),
        ];
        Some(RunCheckTask {
            source: self.source_arn().clone(),
            cluster: checks.cluster.clone(),
            task_definition,
            subnets,
            security_group: checks.group.clone(),
            environment: given.collect::<BTreeMap<String, String>>(),
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
            token: check_token(restored)?,
        })
    }

    /// Returns the failure that the check reported.
    pub fn check_failure(&self) -> Option<String> {
        let task_definition = self.check_task()?;
        let failure = self
            .observed
            .probe
            .as_ref()
            .filter(|probe| probe.is_stopped())?
            .describe_failure()?;
        Some(format!("its check {task_definition} {failure}"))
    }

    /// Builds the step that stops a check task which outlives its drill.
    pub fn stop_check_task(&self) -> Option<Step> {
        let probe = self
            .observed
            .probe
            .as_ref()
            .filter(|probe| !probe.is_stopped())?;
        let halt = StopCheckTask {
            cluster: self.context.policy.checks.cluster.clone(),
            task: probe.task.clone(),
        };
        Some(Step {
            action: Action::Drill(DrillAction::StopCheckTask(halt)),
            reason: "its drill is over".to_owned(),
            message: None,
        })
    }

    /// Reports whether a check is configured and the stack has no cluster for it.
    pub fn lacks_check_cluster(&self) -> bool {
        let asks = self
            .context
            .policy
            .backup
            .as_ref()
            .is_some_and(|backup| backup.check_task.is_some());
        asks && self.context.policy.checks.cluster.is_empty()
    }
}
