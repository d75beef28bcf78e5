//! Looking into what was restored, by a task that the user supplies. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::Database;
use lamplighter::plan::{Action, Drilled, Halt, RunProbe, Step};
use lamplighter::policy::{DRILL, SLOT, STACK, TARGET};
use lamplighter::{Operation, Plan};
use sha2::{Digest as _, Sha256};

use crate::decide::{CEILING, Case};
use crate::{Exercise, words};

/// What all that a drill starts is started by, at its beginning.
pub const STARTED_BY: &str = "lamplighter-drill/";

/// What makes a task the check of this drill: of a source, and of when the drill began.
pub fn token(restored: &Database) -> Option<String> {
    let (source, began) = (restored.tags.get(TARGET)?, restored.tags.get(SLOT)?);
    let hash = Sha256::digest(format!("{source} {began}"));
    let hash = hash
        .iter()
        .take(8)
        .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    Some(format!("{STARTED_BY}{hash:016x}"))
}

/// What a plan that waits for a check waits for.
fn key(began: Timestamp) -> String {
    format!("the check of the drill of {began}")
}

impl Case<'_> {
    /// The task definition that looks, if one is to.
    fn check_task(&self) -> Option<&String> {
        self.seen
            .policy
            .backup
            .as_ref()?
            .check_task
            .as_ref()
            .filter(|_| !self.seen.policy.checks.cluster.is_empty())
    }

    /// Seconds from the beginning until what was restored was available, and until its check had ended.
    pub fn times(&self, began: Timestamp) -> (i64, Option<i64>) {
        let now = self.now.duration_since(began).as_secs();
        match self.seen.memory.waits_since(Exercise::NAME, &key(began)) {
            Some(since) => (since.duration_since(began).as_secs(), Some(now)),
            None => (now, None),
        }
    }

    /// What is still to be done about the check; `None` where there is none, or it has ended.
    pub fn check(&self, source: &Database, restored: &Database, failed: &Drilled) -> Option<Plan> {
        let task_definition = self.check_task()?.clone();
        let took = self.now.duration_since(failed.began);
        let mut plan = match &self.observed.probe {
            Some(probe) if probe.is_over() => return None,
            _ if took > CEILING => {
                let mut plan = self.remove("its check took too long", Some(failed.clone()));
                plan.messages.push(words::check_took_too_long(
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
                let probe = self.probe(source, restored, task_definition)?;
                Plan::act(
                    Action::RunProbe(probe),
                    "what was restored is available and is to be looked into",
                    None,
                )
            }
        };
        plan.waits_for = Some(key(failed.began));
        Some(plan)
    }

    fn probe(
        &self,
        source: &Database,
        restored: &Database,
        task_definition: String,
    ) -> Option<RunProbe> {
        let checks = &self.seen.policy.checks;
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
            (STACK, self.seen.policy.stack.clone()),
            (TARGET, self.source().to_string()),
            (DRILL, restored.tags.get(DRILL).cloned().unwrap_or_default()),
        ];
        Some(RunProbe {
            source: self.source().clone(),
            cluster: checks.cluster.clone(),
            task_definition,
            subnets,
            security_group: checks.group.clone(),
            environment: given.collect::<BTreeMap<String, String>>(),
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
            token: token(restored)?,
        })
    }

    /// What is wrong by the check.
    pub fn failure(&self) -> Option<String> {
        let task_definition = self.check_task()?;
        let failure = self
            .observed
            .probe
            .as_ref()
            .filter(|probe| probe.is_over())?
            .failure()?;
        Some(format!("its check {task_definition} {failure}"))
    }

    /// A check that still runs ends with its drill.
    pub fn halt(&self) -> Option<Step> {
        let probe = self
            .observed
            .probe
            .as_ref()
            .filter(|probe| !probe.is_over())?;
        let halt = Halt {
            cluster: self.seen.policy.checks.cluster.clone(),
            task: probe.task.clone(),
        };
        Some(Step {
            action: Action::Halt(halt),
            reason: "its drill is over".to_owned(),
            message: None,
        })
    }

    /// A check is asked for, and the stack has no place to run it.
    pub fn no_place(&self) -> bool {
        let asks = self
            .seen
            .policy
            .backup
            .as_ref()
            .is_some_and(|backup| backup.check_task.is_some());
        asks && self.seen.policy.checks.cluster.is_empty()
    }
}
