//! `certificates`: reports certificates on the load balancers of managed services that expire soon and that nothing
//! renews.
//!
//! Triggers: a sweep every day, and the events of ACM. It reads only. A certificate that several services share is
//! reported once, for the first of them.

mod decide;
mod discovery;
mod messages;
mod observation;
mod observed;
mod reads;
mod risk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::ReadOnly;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Operation, Plan};

use crate::reads::Reads;

pub use decide::decide;
pub use observation::Prefetched;
pub use observed::{Observed, SharedCertificate};

/// The operation that reports certificates about to expire.
pub struct Certificates;

impl Operation for Certificates {
    const FUNCTION: Function = Function::Certificates;
    /// Every managed service is observed; there is nothing to configure.
    type Policy = ();
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = ReadOnly;

    fn parse_policy(
        &self,
        _tags: &BTreeMap<String, String>,
        _defaults: &StackDefaults,
    ) -> Result<Option<()>, TagError> {
        Ok(Some(()))
    }

    fn decide(&self, _context: TargetContext<'_, ()>, observed: &Observed, now: Timestamp) -> Plan {
        decide(observed, now)
    }

    fn preconditions(_: &Observed) -> Preconditions {
        Preconditions::for_active_target()
    }

    fn is_applied(_action: &Action, _observed: &Observed) -> bool {
        false
    }

    /// Replaces the recorded certificates by the observed ones.
    fn prune_state(state: &mut TargetState, observed: &Observed, _: Timestamp) {
        state.certificates = observed.list_records();
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Certificates {
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
        Ok(prefetched.observe_target(context))
    }
}
