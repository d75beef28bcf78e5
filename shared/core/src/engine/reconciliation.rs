//! The state of one reconciliation, from the lease to the outcome.

use jiff::Timestamp;

use crate::engine::context::{Engine, Invocation};
use crate::engine::operation::Operation;
use crate::engine::telemetry::Counts;
use crate::model::Tagged;
use crate::notify::Notice;
use crate::plan::{HookStatus, Outcome, Plan, Step};
use crate::ports::ledger::{Lease, LedgerError};
use crate::{Error, Event};

/// What came of a visit.
#[derive(Debug, Clone)]
pub(super) struct Concluded {
    pub(super) reason: String,
    pub(super) hook: Option<HookStatus>,
}

/// What the visits of one event have in common.
pub(super) struct Round<'a, Op: Operation> {
    pub(super) op: &'a Op,
    pub(super) event: &'a Event,
    pub(super) survey: &'a Op::Survey,
    pub(super) run: &'a Invocation,
}

impl<Op: Operation> Clone for Round<'_, Op> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Op: Operation> Copy for Round<'_, Op> {}

pub(super) struct Visit<'a, Op: Operation, C, L, O> {
    pub(super) engine: &'a Engine<C, L, O>,
    pub(super) round: Round<'a, Op>,
    pub(super) target: &'a Tagged,
    pub(super) lease: Lease,
    pub(super) now: Timestamp,
    pub(super) counts: &'a mut Counts,
    /// Until when the target's tags mute messages.
    pub(super) silenced: Option<Timestamp>,
    /// Titles of messages that were muted.
    pub(super) muted: Vec<String>,
    /// What people are to be told, in order.
    pub(super) notices: Vec<Notice>,
}

/// What is known once AWS was asked: enough to write a record.
pub(super) struct Decision {
    pub(super) plan: Plan,
    /// Each step of the plan, in order, or why the arbiter or a limit stands against it.
    pub(super) steps: Vec<Result<Step, String>>,
    pub(super) observed: String,
    pub(super) observe_only: bool,
}

impl Decision {
    pub(super) fn nothing(reason: impl Into<String>) -> Self {
        Self {
            plan: Plan::nothing(reason),
            steps: Vec::new(),
            observed: String::new(),
            observe_only: false,
        }
    }

    pub(super) fn permitted(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flatten()
    }

    pub(super) fn withheld(&self) -> Vec<Outcome> {
        self.steps
            .iter()
            .filter_map(|step| step.as_ref().err().cloned().map(Outcome::Withheld))
            .collect()
    }

    /// The plan's reason, and what stood against it.
    pub(super) fn reason(&self) -> String {
        let against = self
            .steps
            .iter()
            .filter_map(|step| step.as_ref().err().map(String::as_str));
        std::iter::once(self.plan.reason.as_str())
            .chain(against)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

pub(super) fn ledger_error(target: &Tagged, error: LedgerError) -> Error {
    match error {
        LedgerError::Busy { holder, until } => Error::TargetBusy {
            target: target.arn.name(),
            holder,
            until,
        },
        LedgerError::Aws(error) => error.into(),
    }
}
