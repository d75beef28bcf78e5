//! The inputs of the decision about one database, and the drill that runs for it.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Function;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Database};
use lamplighter::plan::DrillResult;
use lamplighter::policy::{DRILL, SLOT, STACK, TARGET};

use crate::observed::Observed;
use crate::policy::Policy;

/// Age at which an unfinished drill fails and its temporary database is deleted.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(6);

/// Inputs of the decision for one database.
pub struct Decision<'a> {
    pub context: TargetContext<'a, Policy>,
    pub observed: &'a Observed,
    pub now: Timestamp,
}

/// A running drill, as the tags of its temporary database describe it.
pub struct RunningDrill {
    pub snapshot: Arn,
    pub began: Timestamp,
    /// Time since the drill began.
    pub took: SignedDuration,
    /// Seconds until the restored database was available.
    pub available_after: i64,
    /// Seconds until the check ended, if there is one.
    pub checked_after: Option<i64>,
}

/// Returns the key under which a plan waits for a check.
pub fn wait_key(began: Timestamp) -> String {
    format!("the check of the drill of {began}")
}

impl RunningDrill {
    /// Returns the result of the drill, if it ended now.
    pub fn result(&self, passed: bool) -> DrillResult {
        DrillResult {
            snapshot: self.snapshot.clone(),
            began: self.began,
            took: self.available_after,
            checked: self.checked_after,
            passed,
        }
    }
}

impl Decision<'_> {
    pub fn source_arn(&self) -> &Arn {
        &self.context.target.arn
    }

    /// Reports whether this stack restored the database for a drill of the target.
    pub fn is_own(&self, database: &Database) -> bool {
        has_tag(database, STACK, &self.context.policy.stack)
            && has_tag(database, TARGET, self.source_arn().as_str())
            && database.tags.contains_key(DRILL)
    }

    /// Returns the drill that a temporary database belongs to.
    pub fn running_drill(&self, temporary: &Database) -> RunningDrill {
        let began = temporary
            .tags
            .get(SLOT)
            .and_then(|at| at.parse::<Timestamp>().ok())
            .unwrap_or(self.now);
        let took = self.now.duration_since(began);
        // The plan waits for the check from when the restored database was available.
        let check_since = self
            .context
            .state
            .waiting_since(Function::Drill.name(), &wait_key(began));
        RunningDrill {
            snapshot: Arn::new(temporary.tags.get(DRILL).cloned().unwrap_or_default()),
            began,
            took,
            available_after: check_since
                .map_or(took, |at| at.duration_since(began))
                .as_secs(),
            checked_after: check_since.map(|_| took.as_secs()),
        }
    }

    /// Reports whether the target state already has the result of a drill.
    pub fn has_result(&self, drill: &RunningDrill) -> bool {
        let last = self.context.state.backups.last_drill.as_ref();
        last.is_some_and(|result| result.began == drill.began)
    }
}

fn has_tag(database: &Database, key: &str, value: &str) -> bool {
    database.tags.get(key).is_some_and(|tag| tag == value)
}
