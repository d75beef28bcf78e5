//! `deploy`: a pushed image is rolled out to every service that follows it.
//!
//! Triggers: an ECR push or a finished scan, a rotated secret, a changed tag, and a sweep that finds what
//! events lost. How a rollout ends is `rollout`'s affair, and images are not built, scanned or signed here.

mod backup;
mod code_deploy;
mod decide;
#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod fixtures;
mod observe;
mod restart;
mod shift;
mod subject;
mod targets;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{self, DeployPolicy, Freeze, Hook, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, Services};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use observe::{Observed, Offer};
pub use subject::{Subject, subject};

pub struct Deploy;

/// What the operator wants of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub deploy: DeployPolicy,
    pub freeze: Option<Freeze>,
    /// The stack that owns snapshots.
    pub stack: String,
    /// What deployments that shift traffic ask on their way.
    pub hook: Option<Hook>,
}

impl Operation for Deploy {
    const NAME: &'static str = "deploy";
    type Policy = Policy;
    type Survey = ();
    type Observed = Observed;
    type Reach = Services;

    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<()>, AwsError> {
        targets::targets(search.event, search.cloud).await
    }

    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let Some(value) = tags.get(policy::DEPLOY) else {
            return Ok(None);
        };
        let freeze = tags
            .get(policy::FREEZE)
            .map(|value| Freeze::parse(value))
            .transpose()?;
        let (stack, hook) = (defaults.stack.clone(), defaults.hook.clone());
        Ok(Some(Policy {
            deploy: DeployPolicy::parse(value)?,
            freeze,
            stack,
            hook,
        }))
    }

    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        (): &(),
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        observe::observe(seen, cloud).await
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

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Rollout(rollout) => observed
                .running_digest()
                .is_some_and(|digest| digest == rollout.digest),
            Action::Redeploy(redeploy) => observed
                .service
                .as_ref()
                .is_some_and(|s| s.started_since(redeploy.since)),
            Action::Backup(backup) => {
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
