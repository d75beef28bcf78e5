//! The port to the ledger: leases, target states and an append-only journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::AwsError;
use crate::model::Arn;
use crate::notify::incident::Incident;
use crate::plan::{Outcome, Plan};
use crate::state::TargetState;

/// The exclusive right to act on one target until a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    pub target: Arn,
    /// The fencing number: it rises with every holder, and a write with an older one is rejected.
    pub fence: u64,
    pub until: Timestamp,
    pub state: TargetState,
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    pub kind: RecordKind,
    pub event_id: String,
    pub operation: String,
    pub target: Arn,
    pub reason: String,
    /// A hash of all observed data: equal hashes mean equal observations.
    pub observed: String,
    pub plan: Option<Plan>,
    /// The outcome of each step in order. If no step was executed, only the outcomes of withheld
    /// steps.
    pub outcomes: Vec<Outcome>,
    /// `act` or `observe`.
    pub mode: String,
    /// The titles of the notifications that were sent.
    pub notified: Vec<String>,
    /// The version of Lamplighter.
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A decision without an action.
    Nothing,
    /// Written before the first action.
    Intent,
    /// Written after the last action.
    Outcome,
}

/// The key that an intent and its outcome share: event, operation and target.
pub type RunKey<'a> = (&'a str, &'a str, &'a str);

impl Record {
    /// Returns the key of the run that the record belongs to.
    #[must_use]
    pub fn run_key(&self) -> RunKey<'_> {
        (&self.event_id, &self.operation, self.target.as_str())
    }
}

/// The reason why a ledger operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("locked by {holder} until {until}")]
    Busy { holder: String, until: String },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// Read access to the states of targets.
pub trait StateReader {
    /// Returns the state of a target without acquiring its lease.
    ///
    /// # Errors
    /// [`AwsError`] if the state can't be read.
    async fn read_state(&self, target: &Arn) -> Result<TargetState, AwsError>;
}

/// The only writer of leases, target states and journal records.
pub trait Ledger: StateReader {
    /// Acquires the lease on a target and returns it with the target state, in one conditional
    /// write.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while the lease of another holder has not expired.
    async fn acquire_lease(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError>;

    /// Lists the targets on the watch list of an operation (`TargetState::watched`). Reads all
    /// pages. The list may lag a write by a moment.
    ///
    /// # Errors
    /// [`AwsError`] if the ledger can't be read.
    async fn list_watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError>;

    /// Writes an intent and the target state together, if the lease is still held. If this fails,
    /// no action may be executed.
    ///
    /// # Errors
    /// [`LedgerError`] if the write failed.
    async fn write_intent(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError>;

    /// Writes the outcome and the target state, and releases the lease.
    ///
    /// # Errors
    /// [`LedgerError`] if the write failed; the lease then expires.
    async fn write_outcome(
        &self,
        lease: &Lease,
        record: Option<&Record>,
    ) -> Result<(), LedgerError>;
}

/// Read access to the past: the journal, incidents and target states.
pub trait JournalReader: StateReader {
    /// Lists the journal records of all targets between two times, in the order of writing. Reads
    /// all pages.
    ///
    /// # Errors
    /// [`AwsError`] if the journal can't be read.
    async fn list_records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Record>, AwsError>;

    /// Lists the incidents that opened between two times or are still open, oldest first. Reads
    /// all pages.
    ///
    /// # Errors
    /// [`AwsError`] if the incidents can't be read.
    async fn list_incidents(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Incident>, AwsError>;
}

impl RecordKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
        }
    }
}
