//! The trait that an operation implements, and the contexts that the engine passes to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::engine::arbiter::TargetState;
use crate::event::detail::Detail;
use crate::model::Tagged;
use crate::plan::Action;
use crate::policy::{StackDefaults, TagError};
use crate::ports::cloud::{Cloud, Reach};
use crate::ports::ledger::Ledger;
use crate::state::Memory;
use crate::{AwsError, Error, Event, Plan};

/// What one Lambda does, in as many words as it takes and no more. The engine does the rest.
pub trait Operation {
    /// The verb: `deploy`.
    const NAME: &'static str;
    /// What the operator wants, read from a target's tags.
    type Policy;
    /// What is read once for all targets of a run.
    type Survey;
    /// All that a decision needs to know.
    type Observed: Serialize;
    /// What of AWS it changes.
    type Reach: Reach;
    /// Visits whatever is not managed any more, to take away what it made for it. Otherwise it visits only what
    /// it watches.
    const TIDIES: bool = false;

    /// What it made is taken away whatever the target's tags say: paused, observed or unreadable.
    const TEARS_DOWN: bool = false;

    /// Which targets an event is about, by what AWS says now, and what is read for all of them at once.
    ///
    /// # Errors
    /// [`AwsError`] where AWS or the ledger can't be asked.
    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<Self::Survey>, AwsError>;

    /// Reads this operation's tag; `None` where the target has none.
    ///
    /// # Errors
    /// [`TagError`], of which a person is told once; nothing is done to the target.
    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self::Policy>, TagError>;

    /// What applies to a target that is not managed any more, whatever its other tags say.
    fn tidying(&self, _defaults: &StackDefaults) -> Option<Self::Policy> {
        None
    }

    /// Reads what AWS says now about one target, as far as the survey does not know it.
    ///
    /// # Errors
    /// [`AwsError`] where AWS can't be asked.
    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Self::Policy>,
        survey: &Self::Survey,
        cloud: &C,
    ) -> Result<Self::Observed, AwsError>;

    /// What should happen. No I/O, clock, environment or randomness: all it knows is in its arguments.
    fn decide(
        &self,
        seen: Seen<'_, Self::Policy>,
        observed: &Self::Observed,
        now: Timestamp,
    ) -> Plan;

    /// What the arbiter must know of the target.
    fn state(observed: &Self::Observed) -> TargetState;

    /// Whether an action shows in what is observed now.
    fn in_effect(action: &Action, observed: &Self::Observed) -> bool;

    /// Whether a target that somebody else holds is left to the next sweep: the event is one of many that say the same.
    #[must_use]
    fn leaves_busy(_event: &Event) -> bool {
        false
    }

    /// What of a target is measured, in seconds, beside what is decided: name and value.
    fn gauges(_observed: &Self::Observed, _now: Timestamp) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Forgets what AWS does not bear out any more.
    fn forget(_memory: &mut Memory, _observed: &Self::Observed) {}

    /// What Lambda is answered, where whoever invokes the function reads the answer and must find a certain form in it.
    ///
    /// # Errors
    /// What makes Lambda try again.
    fn reply(&self, _payload: &Value, result: Result<Value, Error>) -> Result<Value, Error> {
        result
    }

    /// Whether the sweep must come back to the target even if nothing speaks of it ([`Ledger::watched`]).
    fn watches(_seen: Seen<'_, Self::Policy>, _observed: &Self::Observed, _plan: &Plan) -> bool {
        false
    }
}

/// What an operation is given to find its targets.
#[derive(Debug)]
pub struct Search<'a, C, L> {
    pub event: &'a Event,
    pub now: Timestamp,
    pub defaults: &'a StackDefaults,
    pub cloud: &'a C,
    pub ledger: &'a L,
}

/// What an operation is given about one target.
#[derive(Debug)]
pub struct Seen<'a, P> {
    pub event: &'a Event,
    pub target: &'a Tagged,
    pub policy: &'a P,
    pub memory: &'a Memory,
}

impl<P> Clone for Seen<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Seen<'_, P> {}

/// The targets of an event, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets<S> {
    /// With what was read for all of them at once.
    These(Vec<Tagged>, S),
    None(String),
}

impl<S> Targets<S> {
    /// An event that `operation` does nothing about.
    #[must_use]
    pub fn not_for(operation: &str, detail: &Detail) -> Self {
        Self::None(match detail {
            Detail::Other {
                source,
                detail_type,
            } => {
                format!("\"{detail_type}\" from {source} is nothing {operation} acts on")
            }
            _ => format!("it is nothing {operation} acts on"),
        })
    }
}
