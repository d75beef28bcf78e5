//! `verify`: a deployment that shifts traffic asks whether it may go on. It is judged at the test listener before
//! production traffic moves, and after each step by what the new revision does beside the old one.
//!
//! Called by ECS, as a deployment lifecycle hook. Whatever happens, it is answered in the form that ECS reads: anything
//! else would take the deployment back. CodeDeploy calls once and is answered by a call: a sweep every minute goes on with
//! what it still waits for.

mod decide;
pub mod sequential;
mod survey;
mod targets;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::plan::{Action, HookStatus};
use lamplighter::policy::{
    self, DEPLOY, DeployPolicy, Managed, Mode, StackDefaults, TagError, Unclear,
};
use lamplighter::ports::cloud::{Cloud, Verdicts};
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::Memory;
use lamplighter::{AwsError, Error, Operation, Plan};
use serde_json::{Value, json};

pub use decide::decide;
pub use survey::{Observed, Stage, Survey};

pub struct Verify;

/// What the operator wants of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Otherwise everything goes on.
    pub judges: bool,
    /// What it must answer on once it carries production traffic, and with what in it.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// The same at the test listener.
    pub verify_test: Option<String>,
    /// Seconds that one step may be looked at.
    pub step: u64,
    /// What becomes of what nobody can say anything about.
    pub unclear: Unclear,
}

/// Seconds until ECS asks again.
const SOON: u32 = 15;
const LATER: u32 = 30;

impl Operation for Verify {
    const NAME: &'static str = "verify";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Verdicts;

    const TEARS_DOWN: bool = true;

    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<Survey>, AwsError> {
        targets::targets(search).await
    }

    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let deploy = tags
            .get(DEPLOY)
            .map(|value| DeployPolicy::parse(value))
            .transpose()?;
        let acts = policy::managed(tags) == Ok(Managed::Act) && defaults.mode == Mode::Act;
        let Some(deploy) = deploy.filter(|_| acts) else {
            return Ok(self.tidying(defaults));
        };
        Ok(Some(Policy {
            judges: true,
            step: deploy.step(),
            verify: deploy.verify,
            expect: deploy.expect,
            verify_test: deploy.verify_test,
            unclear: deploy.unclear,
        }))
    }

    /// Whoever is asked answers.
    fn tidying(&self, _: &StackDefaults) -> Option<Policy> {
        Some(Policy::default())
    }

    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        survey: &Survey,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        survey.of(seen, cloud).await
    }

    fn decide(&self, seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
        decide(seen, observed, now)
    }

    fn state(observed: &Observed) -> TargetState {
        observed
            .service
            .as_ref()
            .map_or_else(TargetState::missing, TargetState::from)
    }

    fn in_effect(_: &Action, _: &Observed) -> bool {
        false
    }

    fn forget(memory: &mut Memory, observed: &Observed) {
        memory.judging.clone_from(&observed.judging);
    }

    fn watches(_: Seen<'_, Policy>, observed: &Observed, _: &Plan) -> bool {
        observed
            .judging
            .as_ref()
            .is_some_and(|judging| judging.execution.is_some())
    }

    fn reply(&self, payload: &Value, result: Result<Value, Error>) -> Result<Value, Error> {
        // An answer to CodeDeploy is a call, and what fails is tried again.
        let others = ["detail-type", "Records", "LifecycleEventHookExecutionId"];
        let is_call = !others.iter().any(|key| payload.get(key).is_some());
        if !is_call {
            return result;
        }
        match result {
            Ok(value) => {
                let hook = value
                    .pointer("/targets/0/hook")
                    .filter(|hook| !hook.is_null())
                    .cloned();
                Ok(hook.unwrap_or_else(|| json!(HookStatus::Succeeded)))
            }
            // Nobody can judge what can't be read, and a later call reads no better.
            Err(Error::MalformedEvent(error)) => {
                tracing::error!(error = %error, "a call that can't be read is answered with SUCCEEDED");
                Ok(json!(HookStatus::Succeeded))
            }
            Err(_) => Ok(json!(HookStatus::InProgress {
                call_back_delay: SOON
            })),
        }
    }
}
