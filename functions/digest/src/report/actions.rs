//! The actions of the period.

use jiff::Timestamp;
use lamplighter::plan::{Action, Outcome};
use lamplighter::ports::ledger::{Record, RecordKind};

/// Returns the actions that AWS accepted, with the time of their intent.
pub fn list_completed_actions(records: &[Record]) -> impl Iterator<Item = (Timestamp, &Action)> {
    let intents = records
        .iter()
        .filter(|record| record.kind == RecordKind::Intent);
    intents.flat_map(|intent| {
        let steps = intent.plan.iter().flat_map(|plan| &plan.steps);
        steps
            .zip(outcomes_of(intent, records))
            .filter(|(_, outcome)| is_done(outcome))
            .map(|(step, _)| (intent.at, &step.action))
    })
}

/// Returns the outcomes of an intent, in the order of its steps; none if it has not ended.
fn outcomes_of<'a>(intent: &Record, records: &'a [Record]) -> &'a [Outcome] {
    let outcome = records.iter().find(|record| {
        record.kind == RecordKind::Outcome
            && record.at >= intent.at
            && record.run_key() == intent.run_key()
    });
    outcome.map_or(&[], |record| &record.outcomes)
}

fn is_done(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done(_) => true,
        Outcome::Failed(_) | Outcome::Withheld(_) => false,
    }
}
