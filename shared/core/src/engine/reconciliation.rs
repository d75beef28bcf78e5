//! The state of one reconciliation, from the lease to the outcome.

use jiff::Timestamp;

use crate::engine::context::{Engine, Invocation};
use crate::engine::operation::Operation;
use crate::engine::telemetry::Counts;
use crate::model::{ReleaseEvent, Tagged};
use crate::notify::Notification;
use crate::plan::{Hold, HookStatus, Outcome, Plan, Step};
use crate::ports::ledger::{Lease, LedgerError};
use crate::state::RequestState;
use crate::{Error, Event};

/// The result of one reconciliation.
#[derive(Debug, Clone)]
pub(super) struct ReconcileResult {
    pub(super) reason: String,
    pub(super) hook: Option<HookStatus>,
    /// Whether the operation refused what a caller asked for.
    pub(super) is_refusal: bool,
}

/// The context that all reconciliations of one event share.
pub(super) struct RunContext<'a, Op: Operation> {
    pub(super) op: &'a Op,
    pub(super) event: &'a Event,
    pub(super) prefetched: &'a Op::Prefetched,
    pub(super) invocation: &'a Invocation,
}

impl<Op: Operation> Clone for RunContext<'_, Op> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Op: Operation> Copy for RunContext<'_, Op> {}

/// One reconciliation: the lease on a target, and what it has queued until now.
pub(super) struct Reconciliation<'a, Op: Operation, C, L, O> {
    pub(super) engine: &'a Engine<C, L, O>,
    pub(super) run: RunContext<'a, Op>,
    pub(super) target: &'a Tagged,
    pub(super) lease: Lease,
    pub(super) now: Timestamp,
    pub(super) counts: &'a mut Counts,
    /// The time until which the tags of the target silence it.
    pub(super) silence_tag: Option<Timestamp>,
    /// The pauses of applications and of everything.
    pub(super) pauses: RequestState,
    /// The titles of silenced messages.
    pub(super) silenced_titles: Vec<String>,
    /// The notifications to send, in order.
    pub(super) notifications: Vec<Notification>,
    /// The events to put on the bus, in order.
    pub(super) events: Vec<ReleaseEvent>,
}

/// A plan with the verdict about each step: the content of a journal record.
pub(super) struct Decision {
    pub(super) plan: Plan,
    /// Each step of the plan in order, or the veto or limit that withholds it.
    pub(super) steps: Vec<Result<Step, Hold>>,
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

    /// Returns the mode as the journal records it.
    pub(super) fn mode(&self) -> &'static str {
        if self.observe_only { "observe" } else { "act" }
    }

    pub(super) fn executable_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flatten()
    }

    pub(super) fn list_withheld(&self) -> Vec<Outcome> {
        self.steps
            .iter()
            .filter_map(|step| step.as_ref().err())
            .map(|hold| Outcome::Withheld(hold.reason.clone()))
            .collect()
    }

    /// Returns what withholds every step of the plan, else what the plan says it is held by, else what withholds a step.
    pub(super) fn find_hold(&self) -> Option<Hold> {
        let mut withheld = self.steps.iter().filter_map(|step| step.as_ref().err());
        let first = withheld.next();
        let of_plan = self.plan.hold.as_ref();
        let is_all = self.executable_steps().next().is_none();
        match (first, of_plan) {
            (Some(withheld), Some(hold)) if is_all => Some(Hold {
                image: hold.image.clone(),
                ..withheld.clone()
            }),
            (first, of_plan) => of_plan.or(first).cloned(),
        }
    }

    /// Returns the reason of the plan, with all vetoes and limits that apply.
    pub(super) fn full_reason(&self) -> String {
        let withheld = self
            .steps
            .iter()
            .filter_map(|step| step.as_ref().err().map(|hold| hold.reason.as_str()));
        std::iter::once(self.plan.reason.as_str())
            .chain(withheld)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

pub(super) fn map_ledger_error(target: &Tagged, error: LedgerError) -> Error {
    match error {
        LedgerError::Busy { holder, until } => Error::TargetBusy {
            target: target.arn.display_name(),
            holder,
            until,
        },
        LedgerError::Aws(error) => error.into(),
    }
}
