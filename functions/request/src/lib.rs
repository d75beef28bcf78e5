//! `request`: records what people and pipelines ask for, and passes it on.
//!
//! Triggers: calls of an HTTP API that IAM authorizes, and a sweep every five minutes that ends pauses and silences
//! whose time is up. A request is stored in the state of its target; pauses of an application or of everything are
//! stored under one synthetic target that all functions read.

mod decide;
mod discovery;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observed;
mod reads;
mod response;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, Observe, TargetContext, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{self, StackDefaults, TagError};
use lamplighter::ports::capability::RequestActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Error, Function, Operation, Plan};
use serde_json::Value;

use crate::reads::Reads;

pub use decide::decide;
pub use discovery::Prefetched;
pub use observed::Observed;

/// The operation that records requests.
pub struct RequestOperation;

impl Operation for RequestOperation {
    const FUNCTION: Function = Function::Request;
    /// A paused target can be resumed, so requests are recorded whatever the tags say.
    const ALWAYS_CLEANS_UP: bool = true;
    const IGNORES_PAUSES: bool = true;
    /// No tag configures requests.
    type Policy = ();
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = RequestActions;

    fn parse_policy(
        &self,
        _tags: &BTreeMap<String, String>,
        _defaults: &StackDefaults,
    ) -> Result<Option<()>, TagError> {
        Ok(Some(()))
    }

    fn cleanup_policy(&self, _defaults: &StackDefaults) -> Option<()> {
        Some(())
    }

    fn decide(&self, context: TargetContext<'_, ()>, observed: &Observed, now: Timestamp) -> Plan {
        decide(context, observed, now)
    }

    fn preconditions(_: &Observed) -> Preconditions {
        Preconditions::for_active_target()
    }

    /// A request is recorded together with its outcome, so one without an outcome was not recorded.
    fn is_applied(_action: &Action, _observed: &Observed) -> bool {
        false
    }

    fn prune_state(state: &mut TargetState, observed: &Observed, _: Timestamp) {
        state.requests.remove(&observed.ended);
    }

    fn needs_requeue(context: TargetContext<'_, ()>, _: &Observed, plan: &Plan) -> bool {
        context.state.requests.has_open() || !plan.is_empty()
    }

    fn build_response(
        &self,
        payload: &Value,
        result: Result<Value, Error>,
    ) -> Result<Value, Error> {
        response::build_response(payload, result)
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for RequestOperation {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Prefetched>, AwsError> {
        discovery::find_targets(discovery).await
    }

    async fn observe(
        &self,
        context: TargetContext<'_, ()>,
        prefetched: &Prefetched,
        _cloud: &C,
    ) -> Result<Observed, AwsError> {
        let now = prefetched.now;
        let app = policy::app_name(&context.target.tags);
        Ok(Observed {
            observes: prefetched.observes,
            ended: context.state.requests.list_ended(now),
            pause: prefetched.pauses.find_pause(app, now).cloned(),
            dead_letters: prefetched.dead_letters,
        })
    }
}
