//! `verify`: decides at each lifecycle hook whether a deployment that shifts traffic may proceed.
//!
//! It probes the new revision at the test listener before production traffic shifts. At each
//! traffic step it compares the new revision with the old one.
//!
//! ECS invokes this function as a deployment lifecycle hook. Every invocation returns a response
//! that ECS can parse, because anything else would roll the deployment back. CodeDeploy invokes the
//! hook once and receives the result by an API call. A sweep every minute continues with its open
//! hooks.

mod decide;
mod discovery;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod reads;
pub mod sequential;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, HookStatus};
use lamplighter::policy::{
    self, DEPLOY, DeployPolicy, Managed, Mode, OnInconclusive, StackDefaults, TagError,
};
use lamplighter::ports::capability::HookActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Error, Operation, Plan};
use serde_json::{Value, json};

pub use decide::decide;
pub use observation::{HookStage, Observed, Prefetched};

pub struct Verify;

/// The parsed tag policy of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Whether deployments are verified; if not, all of them proceed.
    pub enabled: bool,
    /// The addresses to probe once the release has production traffic, and the text that responses
    /// must contain.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// The address to probe at the test listener.
    pub verify_test: Option<String>,
    /// Seconds that one step may be evaluated for.
    pub step: u64,
    /// How to treat an inconclusive result.
    pub unclear: OnInconclusive,
}

/// Seconds until ECS invokes the hook again.
const RETRY_SOON_SECONDS: u32 = 15;
const RETRY_LATER_SECONDS: u32 = 30;

impl Operation for Verify {
    const FUNCTION: Function = Function::Verify;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = HookActions;

    const ALWAYS_CLEANS_UP: bool = true;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let deploy = tags
            .get(DEPLOY)
            .map(|value| DeployPolicy::parse(value))
            .transpose()?;
        let acts = policy::parse_managed(tags) == Ok(Managed::Act) && defaults.mode == Mode::Act;
        let Some(deploy) = deploy.filter(|_| acts) else {
            return Ok(self.cleanup_policy(defaults));
        };
        Ok(Some(Policy {
            enabled: true,
            step: deploy.max_step_seconds(),
            verify: deploy.verify,
            expect: deploy.expect,
            verify_test: deploy.verify_test,
            unclear: deploy.unclear,
        }))
    }

    /// Hooks are always answered, even without a tag.
    fn cleanup_policy(&self, _: &StackDefaults) -> Option<Policy> {
        Some(Policy::default())
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        decide(context, observed, now)
    }

    fn preconditions(observed: &Observed) -> Preconditions {
        observed
            .service
            .as_ref()
            .map_or_else(Preconditions::for_missing_target, Preconditions::from)
    }

    fn is_applied(_: &Action, _: &Observed) -> bool {
        false
    }

    fn prune_state(memory: &mut TargetState, observed: &Observed) {
        memory
            .releases
            .pending_verdict
            .clone_from(&observed.pending_verdict);
    }

    fn needs_requeue(_: TargetContext<'_, Policy>, observed: &Observed, _: &Plan) -> bool {
        observed
            .pending_verdict
            .as_ref()
            .is_some_and(|judging| judging.execution.is_some())
    }

    fn build_response(
        &self,
        payload: &Value,
        result: Result<Value, Error>,
    ) -> Result<Value, Error> {
        // CodeDeploy receives its result by an API call, so errors are returned and retried.
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
            // An unreadable invocation can't be verified, and a retry would be just as unreadable.
            Err(Error::MalformedEvent(error)) => {
                tracing::error!(error = %error, "a call that can't be read is answered with SUCCEEDED");
                Ok(json!(HookStatus::Succeeded))
            }
            Err(_) => Ok(json!(HookStatus::InProgress {
                call_back_delay: RETRY_SOON_SECONDS
            })),
        }
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Verify {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Prefetched>, AwsError> {
        discovery::find_targets(discovery).await
    }

    async fn observe(
        &self,
        context: TargetContext<'_, Policy>,
        prefetched: &Prefetched,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        prefetched.observe_deployment(context, cloud).await
    }
}
