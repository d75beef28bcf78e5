//! The trait that an operation implements, and the contexts that the engine passes to it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::engine::arbiter::Preconditions;
use crate::event::detail::Detail;
use crate::model::{Arn, Tagged};
use crate::operations::Function;
use crate::plan::Action;
use crate::policy::{StackDefaults, TagError};
use crate::ports::capability::Capability;
use crate::state::TargetState;
use crate::{AwsError, Error, Event, Plan};

/// The domain logic of one Lambda function. The engine does the rest.
pub trait Operation {
    /// The function that runs the operation.
    const FUNCTION: Function;
    /// The policy that is parsed from the tags of a target.
    type Policy;
    /// Data that is read once for all targets of a run.
    type Prefetched;
    /// The observed facts that a decision needs.
    type Observed: Serialize;
    /// The capability: the changes of AWS that the operation may make.
    type Capability: Capability;
    /// Reconciles every target that is no longer managed, to delete what the operation created for
    /// it. If false, it does so only for targets on its watch list.
    const CLEANS_UP_UNMANAGED: bool = false;

    /// How long a locked target is waited for, before the invocation fails and Lambda retries it a minute later. For
    /// operations whose event others react to in the same moment.
    #[must_use]
    fn lease_patience(_target: &Arn) -> Duration {
        Duration::ZERO
    }

    /// Cleans up regardless of the tags of the target: even if it is paused, observed or has
    /// invalid tags.
    const ALWAYS_CLEANS_UP: bool = false;
    /// Whether it puts events about releases on the bus.
    const PUBLISHES_EVENTS: bool = false;
    /// Whether it works on targets that a request pauses: it changes nothing on them.
    const IGNORES_PAUSES: bool = false;

    /// Parses the tag of this operation. Returns `None` if the target does not have it.
    ///
    /// # Errors
    /// [`TagError`] if the tag is invalid. The engine then notifies once and leaves the target
    /// alone.
    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self::Policy>, TagError>;

    /// Returns a mistake in a tag with which the operation goes on all the same. People are notified of it.
    #[must_use]
    fn find_mistake(_: &Self::Policy) -> Option<&TagError> {
        None
    }

    /// Returns the policy for a target that is no longer managed, whatever its other tags say.
    fn cleanup_policy(&self, _defaults: &StackDefaults) -> Option<Self::Policy> {
        None
    }

    /// Decides what should happen. Pure: uses no I/O, clock, environment or randomness beside its
    /// arguments.
    fn decide(
        &self,
        context: TargetContext<'_, Self::Policy>,
        observed: &Self::Observed,
        now: Timestamp,
    ) -> Plan;

    /// Returns the facts about the target that the arbiter checks.
    fn preconditions(observed: &Self::Observed) -> Preconditions;

    /// Reports whether the observed state shows that an action has taken effect.
    fn is_applied(action: &Action, observed: &Self::Observed) -> bool;

    /// Reports whether a locked target is left to the next sweep. True for an event that is one of
    /// many with the same meaning.
    #[must_use]
    fn skips_locked(_event: &Event, _target: &Arn) -> bool {
        false
    }

    /// Returns metrics of a target, as name and value in seconds.
    fn list_gauges(
        _observed: &Self::Observed,
        _state: &TargetState,
        _now: Timestamp,
    ) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Removes from the target state what AWS no longer confirms.
    fn prune_state(_state: &mut TargetState, _observed: &Self::Observed, _now: Timestamp) {}

    /// Builds the response of Lambda, if the caller of the function expects a certain form.
    ///
    /// # Errors
    /// The error that makes Lambda retry.
    fn build_response(
        &self,
        _payload: &Value,
        result: Result<Value, Error>,
    ) -> Result<Value, Error> {
        result
    }

    /// Reports whether the sweep must reconcile the target again even without an event
    /// (`Ledger::list_watched`).
    fn needs_requeue(
        _context: TargetContext<'_, Self::Policy>,
        _observed: &Self::Observed,
        _plan: &Plan,
    ) -> bool {
        false
    }
}

/// The reads of an operation. The bounds on `C` in its implementation say which parts of AWS it reads.
pub trait Observe<C, L>: Operation {
    /// Finds the targets of an event from the current state of AWS, and prefetches data for all of
    /// them.
    ///
    /// # Errors
    /// [`AwsError`] if AWS or the ledger can't be read.
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Self::Prefetched>, AwsError>;

    /// Reads the current state of one target from AWS, as far as the prefetched data lacks it.
    ///
    /// # Errors
    /// [`AwsError`] if AWS can't be read.
    async fn observe(
        &self,
        context: TargetContext<'_, Self::Policy>,
        prefetched: &Self::Prefetched,
        cloud: &C,
    ) -> Result<Self::Observed, AwsError>;
}

/// The context in which an operation finds its targets.
#[derive(Debug)]
pub struct DiscoveryContext<'a, C, L> {
    pub event: &'a Event,
    pub now: Timestamp,
    pub defaults: &'a StackDefaults,
    pub cloud: &'a C,
    pub ledger: &'a L,
}

/// The context in which an operation observes and decides about one target.
#[derive(Debug)]
pub struct TargetContext<'a, P> {
    pub event: &'a Event,
    pub target: &'a Tagged,
    pub policy: &'a P,
    pub state: &'a TargetState,
}

impl<P> Clone for TargetContext<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for TargetContext<'_, P> {}

/// The targets of an event, or the reason why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets<S> {
    /// The targets, and the data that was prefetched for all of them.
    Found(Vec<Tagged>, S),
    Skipped(String),
}

impl<S> Targets<S> {
    /// Returns the result for an event that `operation` does not handle.
    #[must_use]
    pub fn unsupported_event(operation: &str, detail: &Detail) -> Self {
        Self::Skipped(match detail {
            Detail::Other {
                source,
                detail_type,
            } => format!("{operation} does not handle \"{detail_type}\" from {source}"),
            Detail::ImageAction(_)
            | Detail::ImageScanned(_)
            | Detail::SecretChange(_)
            | Detail::TagChange(_)
            | Detail::AlarmChange(_)
            | Detail::ServiceCreated(_)
            | Detail::TaskChange(_)
            | Detail::RunFailure(_)
            | Detail::InstanceChange(_)
            | Detail::DeploymentChange(_)
            | Detail::Snapshot(_)
            | Detail::BackupJob(_)
            | Detail::Database(_)
            | Detail::Drill(_)
            | Detail::Request(_)
            | Detail::Release(_)
            | Detail::Hook(_)
            | Detail::CodeDeployHook(_)
            | Detail::CodeDeployment(_)
            | Detail::Sweep => format!("{operation} does not handle this kind of event"),
        })
    }
}
