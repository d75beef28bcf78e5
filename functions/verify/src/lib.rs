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
mod hook;
mod hook_plan;
mod image;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod observed;
mod policy;
mod reads;
pub mod sequential;
mod stage;
mod traffic;
mod verdict;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, Observe, TargetContext, Targets};
use lamplighter::plan::{Action, HookStatus};
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::HookActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Error, Function, Operation, Plan};
use serde_json::{Value, json};

use crate::hook_plan::RETRY_SOON_SECONDS;
use crate::reads::Reads;

pub use decide::decide;
pub use observation::Prefetched;
pub use observed::Observed;
pub use policy::Policy;
pub use stage::HookStage;

/// The keys of payloads that are not a direct call of an ECS lifecycle hook: an event, a batch of
/// records or a call of CodeDeploy.
const OTHER_PAYLOADS: [&str; 3] = ["detail-type", "Records", "LifecycleEventHookExecutionId"];

pub struct Verify;

impl Operation for Verify {
    const FUNCTION: Function = Function::Verify;
    const PUBLISHES_EVENTS: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = HookActions;

    const ALWAYS_CLEANS_UP: bool = true;
    /// ECS and CodeDeploy shift traffic whether or not Lamplighter is paused. A verdict still stops a bad release.
    const IGNORES_PAUSES: bool = true;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let parsed = Policy::parse(tags, defaults)?;
        Ok(parsed.or_else(|| self.cleanup_policy(defaults)))
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

    /// A verdict changes nothing on AWS that could be observed.
    fn is_applied(_: &Action, _: &Observed) -> bool {
        false
    }

    fn prune_state(state: &mut TargetState, observed: &Observed, _: Timestamp) {
        state
            .releases
            .pending_verdict
            .clone_from(&observed.pending_verdict);
    }

    fn needs_requeue(_: TargetContext<'_, Policy>, observed: &Observed, _: &Plan) -> bool {
        observed
            .pending_verdict
            .as_ref()
            .is_some_and(|verdict| verdict.execution.is_some())
    }

    fn build_response(
        &self,
        payload: &Value,
        result: Result<Value, Error>,
    ) -> Result<Value, Error> {
        // CodeDeploy receives its result by an API call, so errors are returned and retried.
        if OTHER_PAYLOADS.iter().any(|key| payload.get(key).is_some()) {
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
                tracing::error!(error = %error, "unreadable hook call, answering SUCCEEDED");
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
