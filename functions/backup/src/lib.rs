//! `backup`: every database that is tagged for it has a snapshot for each slot, as many of them as its policy
//! says, and somebody is told when its recovery point grows too old.
//!
//! Triggers: a sweep every quarter of an hour, a snapshot that was made or deleted, a changed tag, and an AWS
//! Backup job that failed. It deletes only what it took itself, and only when newer good ones are there.

mod copies;
mod decide;
#[cfg(test)]
mod decide_tests;
mod rotate;
#[cfg(test)]
mod rotate_tests;
mod survey;
mod targets;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::telemetry::RECOVERY_POINT;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::model::{Arn, Snapshot};
use lamplighter::plan::Action;
use lamplighter::policy::{BackupPolicy, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, Snapshots};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::{decide, name};
pub use rotate::{Rules, Verdict, rotate};
pub use survey::{Copies, Observed, Survey};

pub struct Backup;

/// What the operator wants of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub backup: BackupPolicy,
    /// The stack that owns what is taken.
    pub stack: String,
    /// There is another account for copies.
    pub has_vault: bool,
}

impl Policy {
    /// By what snapshots of this database are rotated.
    fn rules<'a>(
        &'a self,
        database: &'a Arn,
        resource_id: &'a str,
        in_use: &'a BTreeSet<String>,
    ) -> Rules<'a> {
        let (keep, zone) = (&self.backup.keep, &self.backup.zone);
        Rules {
            stack: &self.stack,
            database,
            resource_id,
            keep,
            zone,
            in_use,
        }
    }
}

impl Operation for Backup {
    const NAME: &'static str = "backup";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Snapshots;

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
        let backup = BackupPolicy::of(tags, defaults)?;
        let (stack, has_vault) = (defaults.stack.clone(), !defaults.vault_role.is_empty());
        Ok(backup.map(|backup| Policy {
            backup,
            stack,
            has_vault,
        }))
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
        // Whether a snapshot may be taken now is part of the decision: AWS has a dozen states.
        if observed.database.is_some() {
            TargetState::active()
        } else {
            TargetState::missing()
        }
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        let everywhere = || {
            observed
                .snapshots
                .iter()
                .chain(observed.copies.values().flat_map(|there| &there.snapshots))
        };
        let is_there = |is: &dyn Fn(&Snapshot) -> bool| everywhere().any(is);
        match action {
            Action::Copy(copy) => {
                let there = observed.copies.get(&copy.to);
                there.is_some_and(|there| {
                    there
                        .snapshots
                        .iter()
                        .any(|s| s.identifier == copy.snapshot.name())
                })
            }
            Action::Backup(backup) => {
                is_there(&|snapshot| snapshot.identifier == backup.identifier)
            }
            Action::Expire(expire) => !is_there(&|snapshot| snapshot.arn == expire.snapshot),
            _ => false,
        }
    }

    fn gauges(observed: &Observed, now: Timestamp) -> Vec<(&'static str, f64)> {
        let age = observed
            .recovery_point()
            .map(|at| now.duration_since(at).as_secs_f64().max(0.0));
        age.map(|age| (RECOVERY_POINT, age)).into_iter().collect()
    }
}
