//! The engine's surroundings: ports, defaults, clock, and one invocation.

use std::cell::RefCell;

use jiff::{SignedDuration, Timestamp};

use crate::AwsError;
use crate::model::Arn;
use crate::policy::StackDefaults;
use crate::ports::ledger::StateReader;
use crate::state::RequestState;

/// How long an invocation does not read the pauses of all targets again: they hold after so many seconds at the latest.
const PAUSES_ARE_FRESH: SignedDuration = SignedDuration::from_secs(5);

/// The dependencies of an operation: AWS, ledger, notification queue, stack defaults, clock and
/// metrics.
pub struct Engine<C, L, O> {
    pub cloud: C,
    pub ledger: L,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// The sink of metric records, which takes one line each.
    pub metrics: fn(&str),
    pub pauses: PauseCache,
}

/// The pauses of applications and of everything, and when they were read.
#[derive(Debug, Default)]
pub struct PauseCache(RefCell<Option<(Timestamp, RequestState)>>);

impl<C, L: StateReader, O> Engine<C, L, O> {
    pub(super) fn forget_pauses(&self) {
        self.pauses.0.replace(None);
    }

    /// Returns the requests about applications and about everything, at most a few seconds old.
    ///
    /// # Errors
    /// [`AwsError`] if the ledger can't be read. Nothing may be changed then.
    pub(super) async fn read_pauses(&self, now: Timestamp) -> Result<RequestState, AwsError> {
        if let Some((read_at, pauses)) = &*self.pauses.0.borrow()
            && now.duration_since(*read_at) < PAUSES_ARE_FRESH
        {
            return Ok(pauses.clone());
        }
        let all_targets = Arn::new(&self.defaults.topic).all_targets();
        let pauses = self.ledger.read_state(&all_targets).await?.requests;
        self.pauses.0.replace(Some((now, pauses.clone())));
        Ok(pauses)
    }
}

/// One invocation of the Lambda function.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    /// The ARN of the function, as the caller named it.
    pub function_arn: String,
    /// The time at which Lambda stops the function.
    pub deadline: Timestamp,
}
