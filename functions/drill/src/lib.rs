//! `drill`: a backup is proven by restoring it. The newest good snapshot of a database becomes a throwaway one,
//! which is looked at, timed and deleted.
//!
//! Triggers: a sweep every quarter of an hour, events of the throwaway databases, and a person who names a database.
//! Nothing is waited for: each look goes one step on from what AWS shows.

mod check;
mod decide;
mod survey;
mod targets;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{BackupPolicy, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, Drills};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::{decide, name};
pub use survey::{Observed, Survey};

pub struct Exercise;

/// What the operator wants of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: what is left of a drill is deleted, and none begins.
    pub backup: Option<BackupPolicy>,
    /// The security group of what is restored; may be empty.
    pub group: String,
    /// The stack that owns what is restored.
    pub stack: String,
    pub checks: Checks,
}

/// Where the tasks run that look into what is restored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks {
    /// May be empty: then none runs.
    pub cluster: String,
    /// May be empty: then those of the database.
    pub subnets: Vec<String>,
    pub group: String,
}

impl Checks {
    fn of(defaults: &StackDefaults) -> Self {
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

impl Operation for Exercise {
    const NAME: &'static str = "drill";
    const TIDIES: bool = true;
    const TEARS_DOWN: bool = true;
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Drills;

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
        let own = backup
            .as_ref()
            .and_then(|backup| backup.drill_group.clone());
        let group = own.unwrap_or_else(|| defaults.drill_group.clone());
        Ok(Some(Policy {
            backup,
            group,
            stack: defaults.stack.clone(),
            checks: Checks::of(defaults),
        }))
    }

    fn tidying(&self, defaults: &StackDefaults) -> Option<Policy> {
        let (stack, checks) = (defaults.stack.clone(), Checks::of(defaults));
        Some(Policy {
            backup: None,
            group: String::new(),
            stack,
            checks,
        })
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

    fn state(_: &Observed) -> TargetState {
        // The source is not touched, whatever state it is in.
        TargetState::active()
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        let there = || [&observed.restored, &observed.member].into_iter().flatten();
        match action {
            Action::Restore(restore) => there().any(|database| database.identifier == restore.into),
            Action::Remove(remove) => !there()
                .any(|database| database.arn == remove.database && database.status != "deleting"),
            Action::RunProbe(_) => observed.probe.is_some(),
            Action::Halt(halt) => observed
                .probe
                .as_ref()
                .is_none_or(|probe| probe.task != halt.task || probe.is_over()),
            Action::Verify(verify) => observed
                .snapshots
                .iter()
                .any(|snapshot| snapshot.arn == verify.snapshot && snapshot.is_verified()),
            _ => false,
        }
    }
}
