//! `deploy`: rolls a pushed image out, pinned by digest, to every service that tracks its tag.
//!
//! Triggers: an ECR push, a finished scan, a rotated secret, a changed tag, and a sweep that finds
//! lost events. `rollout` tracks how a rollout ends. Lamplighter does not build, scan or sign
//! images.

mod backup;
mod code_deploy;
mod container;
mod decide;
#[cfg(test)]
mod decide_tests;
mod discovery;
#[cfg(test)]
mod fixtures;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod reads;
mod restart;
mod shift;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, BackupAction, ReleaseAction};
use lamplighter::policy::{
    self, DeployPolicy, FreezeWindow, LifecycleHook, StackDefaults, TagError,
};
use lamplighter::ports::capability::DeployActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use container::{SelectedContainer, select_container};
pub use decide::decide;
pub use observation::{Observed, Offer};

pub struct Deploy;

/// The parsed tag policy of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub deploy: DeployPolicy,
    pub freeze: Option<FreezeWindow>,
    /// The stack that owns the snapshots.
    pub stack: String,
    /// The lifecycle hook that deployments with traffic shifting call.
    pub hook: Option<LifecycleHook>,
}

impl Operation for Deploy {
    const FUNCTION: Function = Function::Deploy;
    type Policy = Policy;
    type Prefetched = ();
    type Observed = Observed;
    type Capability = DeployActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let Some(value) = tags.get(policy::DEPLOY) else {
            return Ok(None);
        };
        let freeze = tags
            .get(policy::FREEZE)
            .map(|value| FreezeWindow::parse(value))
            .transpose()?;
        let (stack, hook) = (defaults.stack.clone(), defaults.hook.clone());
        Ok(Some(Policy {
            deploy: DeployPolicy::parse(value)?,
            freeze,
            stack,
            hook,
        }))
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

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Release(ReleaseAction::Rollout(rollout)) => observed
                .running_digest()
                .is_some_and(|digest| digest == rollout.digest),
            Action::Release(ReleaseAction::RestartTasks(redeploy)) => observed
                .service
                .as_ref()
                .is_some_and(|s| s.was_deployed_since(redeploy.since)),
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                let mut taken = observed
                    .databases
                    .iter()
                    .flat_map(|before| &before.snapshots);
                taken.any(|snapshot| snapshot.identifier == backup.identifier)
            }
            _ => false,
        }
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Deploy {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<()>, AwsError> {
        discovery::find_targets(discovery.event, discovery.cloud).await
    }

    async fn observe(
        &self,
        context: TargetContext<'_, Policy>,
        (): &(),
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        observation::observe(context, cloud).await
    }
}
