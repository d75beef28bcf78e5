//! `drill`: tests backups by restoring them. Restores the newest good snapshot of a database to a
//! temporary database, checks it, measures the time and deletes it.
//!
//! Triggers: a sweep every 15 minutes, events of the temporary databases, and a manual request for
//! one database. Lamplighter never waits inside an invocation: each run takes the next step from
//! the state in AWS.

mod check;
mod decide;
mod discovery;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod reads;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, DrillAction};
use lamplighter::policy::{BackupPolicy, StackDefaults, TagError};
use lamplighter::ports::capability::DrillActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::{decide, temporary_name};
pub use observation::{Observed, Prefetched};

pub struct Drill;

/// Drill policy of one database, read from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: starts no drill, and deletes the temporary resources of an earlier one.
    pub backup: Option<BackupPolicy>,
    /// Security group of the temporary database; may be empty.
    pub group: String,
    /// Name of the stack that owns the temporary database.
    pub stack: String,
    pub checks: CheckSettings,
}

/// Network settings of the tasks that check a restored database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckSettings {
    /// ECS cluster for check tasks. If empty, no check runs.
    pub cluster: String,
    /// Subnets for check tasks. If empty, those of the database are used.
    pub subnets: Vec<String>,
    pub group: String,
}

impl CheckSettings {
    fn from_defaults(defaults: &StackDefaults) -> Self {
        let subnets = defaults
            .check_subnets
            .split(',')
            .filter(|subnet| !subnet.is_empty())
            .map(str::to_owned);
        Self {
            cluster: defaults.check_cluster.clone(),
            subnets: subnets.collect(),
            group: defaults.check_group.clone(),
        }
    }
}

impl Operation for Drill {
    const FUNCTION: Function = Function::Drill;
    const CLEANS_UP_UNMANAGED: bool = true;
    const ALWAYS_CLEANS_UP: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = DrillActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let backup = BackupPolicy::from_tags(tags, defaults)?;
        let own = backup
            .as_ref()
            .and_then(|backup| backup.drill_group.clone());
        let group = own.unwrap_or_else(|| defaults.drill_group.clone());
        Ok(Some(Policy {
            backup,
            group,
            stack: defaults.stack.clone(),
            checks: CheckSettings::from_defaults(defaults),
        }))
    }

    fn cleanup_policy(&self, defaults: &StackDefaults) -> Option<Policy> {
        let (stack, checks) = (
            defaults.stack.clone(),
            CheckSettings::from_defaults(defaults),
        );
        Some(Policy {
            backup: None,
            group: String::new(),
            stack,
            checks,
        })
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        decide(context, observed, now)
    }

    fn preconditions(_: &Observed) -> Preconditions {
        // A drill doesn't change the source, so the source's status doesn't matter.
        Preconditions::for_active_target()
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        let there = || [&observed.restored, &observed.member].into_iter().flatten();
        match action {
            Action::Drill(DrillAction::RestoreForDrill(restore)) => {
                there().any(|database| database.identifier == restore.into)
            }
            Action::Drill(DrillAction::DeleteRestoredDatabase(remove)) => !there()
                .any(|database| database.arn == remove.database && database.status != "deleting"),
            Action::Drill(DrillAction::RunCheckTask(_)) => observed.probe.is_some(),
            Action::Drill(DrillAction::StopCheckTask(halt)) => observed
                .probe
                .as_ref()
                .is_none_or(|probe| probe.task != halt.task || probe.is_stopped()),
            Action::Drill(DrillAction::MarkVerified(verify)) => observed
                .snapshots
                .iter()
                .any(|snapshot| snapshot.arn == verify.snapshot && snapshot.is_verified()),
            _ => false,
        }
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Drill {
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
        prefetched.observe_target(context, cloud).await
    }
}
