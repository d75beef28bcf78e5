//! The ledger: leases, memory and an append-only journal, behind a port.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::AwsError;
use crate::model::Arn;
use crate::notify::incident::Incident;
use crate::plan::{Outcome, Plan};
use crate::state::Memory;

/// The right to act on one target, for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    pub target: Arn,
    /// Rises with every holder; a write under an older one is refused.
    pub fence: u64,
    pub until: Timestamp,
    pub memory: Memory,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    pub kind: Kind,
    pub event_id: String,
    pub operation: String,
    pub target: Arn,
    pub reason: String,
    /// A hash of all that was observed: two decisions with the same one saw the same world.
    pub observed: String,
    pub plan: Option<Plan>,
    /// Of each step of the plan, in order; of one that was not carried out, of the steps that something stood against.
    pub outcomes: Vec<Outcome>,
    /// `act` or `observe`.
    pub mode: String,
    /// The titles of what people were told.
    pub told: Vec<String>,
    /// This product's version.
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing was to be done.
    Nothing,
    /// Written before anything is done.
    Intent,
    /// What came of it.
    Outcome,
}

/// What a ledger may answer instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("held by {holder} until {until}")]
    Busy { holder: String, until: String },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// The one writer of leases, memory and records.
pub trait Ledger {
    /// Takes the lease on a target, with the memory of it, in one conditional write.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while another holder's lease has not expired.
    async fn acquire(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError>;

    /// The targets that an operation's sweep must come back to (`Memory::watched`), all pages. May lag a
    /// write by a moment.
    ///
    /// # Errors
    /// [`AwsError`] where the ledger can't be asked.
    async fn watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError>;

    /// Writes an intent and the memory together, if the lease is still ours. Nothing may be done where
    /// this fails.
    ///
    /// # Errors
    /// [`LedgerError`] where it was not written.
    async fn intend(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError>;

    /// Writes what came of it and the memory, and frees the target.
    ///
    /// # Errors
    /// [`LedgerError`] where it was not written; the lease then ends by itself.
    async fn conclude(&self, lease: &Lease, record: Option<&Record>) -> Result<(), LedgerError>;
}

/// What the ledger knows of what was.
pub trait History {
    /// The journal of a span of time, of all targets, in the order it was written; all pages.
    ///
    /// # Errors
    /// [`AwsError`] where it can't be read.
    async fn records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Record>, AwsError>;

    /// The incidents that began in a span of time, or last still, the oldest first; all pages.
    ///
    /// # Errors
    /// [`AwsError`] where they can't be read.
    async fn incidents(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Incident>, AwsError>;

    /// What is remembered of a target, without taking it.
    ///
    /// # Errors
    /// [`AwsError`] where it can't be read.
    async fn memory(&self, target: &Arn) -> Result<Memory, AwsError>;
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
        }
    }
}
