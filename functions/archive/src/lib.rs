//! `archive`: the logs of every log group that is tagged for it are in the stack's bucket, a day at a time, and a
//! manifest says which days are complete.
//!
//! Triggers: a sweep every five minutes, and a changed tag. AWS exports for one log group at a time, so that the
//! others wait for their turn; no event says that an export is over.

mod decide;
#[cfg(test)]
mod decide_tests;
mod due;
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
use lamplighter::policy::{LogsPolicy, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, Logs};
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{Exporting, Memory};
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use survey::{Observed, Survey};

pub struct Archive;

/// What the operator wants of one log group.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub logs: LogsPolicy,
    /// Where exports go.
    pub bucket: String,
    /// Days that exports are kept where the tag does not say.
    pub default_keep: u32,
}

impl Operation for Archive {
    const NAME: &'static str = "archive";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Logs;

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
        let (bucket, default_keep) = (defaults.log_bucket.clone(), defaults.retention_days);
        Ok(LogsPolicy::of(tags)?.map(|logs| Policy {
            logs,
            bucket,
            default_keep,
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
        if observed.group.is_some() {
            TargetState::active()
        } else {
            TargetState::missing()
        }
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Export(export) => observed
                .task
                .as_ref()
                .is_some_and(|task| task.day() == Some(export.of.day)),
            Action::Complete(complete) => observed.done >= Some(complete.of.day),
            Action::Retain(retain) => observed
                .group
                .as_ref()
                .is_some_and(|group| group.retention_days == Some(retain.days)),
            _ => false,
        }
    }

    /// A task that nobody heard of the beginning of is known by what it exports; one that AWS does not know is
    /// begun again.
    fn forget(memory: &mut Memory, observed: &Observed) {
        memory.exported = memory.exported.max(observed.done);
        memory.exporting = match (&observed.task, memory.exporting.take()) {
            (None, _) => None,
            (Some(task), exporting) => task.day().map(|day| Exporting {
                day,
                task: Some(task.id.clone()),
                at: exporting.map_or(observed.at, |exporting| exporting.at),
            }),
        };
    }
}
