//! The actions of runs, from the records of the journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::{Outcome, Plan};
use crate::ports::ledger::{Record, RecordKind, RunKey};

/// The actions of one run about a target, and their reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionsOfRun {
    pub at: Timestamp,
    /// The display name of the target.
    pub name: String,
    /// The name of the function.
    pub operation: String,
    pub steps: Vec<StepResult>,
    pub reason: String,
    /// The titles of the notifications, unless the reason contains them.
    pub notified: Vec<String>,
}

/// One step of a plan, and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    pub what: String,
    pub outcome: Outcome,
}

impl ActionsOfRun {
    /// Lists what the runs of some records did, in the order of their outcomes. `records`: in the order of writing.
    #[must_use]
    pub fn list(records: &[Record]) -> Vec<Self> {
        // An outcome does not repeat its plan. A repeated event has several intents: the last one before the outcome counts.
        let mut plans: BTreeMap<RunKey<'_>, &Plan> = BTreeMap::new();
        let mut runs = Vec::new();
        for record in records {
            match record.kind {
                RecordKind::Intent => {
                    plans.extend(record.plan.as_ref().map(|plan| (record.run_key(), plan)));
                }
                RecordKind::Outcome => {
                    let plan = plans.remove(&record.run_key());
                    runs.push(Self::of_record(record, plan));
                }
                RecordKind::Nothing => {}
            }
        }
        runs
    }

    fn of_record(record: &Record, plan: Option<&Plan>) -> Self {
        let steps = plan.map_or(&[][..], |plan| &plan.steps);
        let results = record.outcomes.iter().enumerate().map(|(n, outcome)| {
            let what = steps.get(n).map(|step| step.action.describe());
            StepResult {
                what: what.unwrap_or_else(|| "a step".to_owned()),
                outcome: outcome.clone(),
            }
        });
        let notified = record.notified.iter();
        Self {
            at: record.at,
            name: record.target.display_name(),
            operation: record.operation.clone(),
            steps: results.collect(),
            reason: record.reason.clone(),
            notified: notified
                .filter(|title| !record.reason.contains(*title))
                .cloned()
                .collect(),
        }
    }

    /// Returns the reason and the notifications as one text.
    #[must_use]
    pub fn describe_reason(&self) -> String {
        let texts: Vec<&str> = std::iter::once(&self.reason)
            .chain(&self.notified)
            .map(String::as_str)
            .collect();
        texts.join("; ")
    }
}
