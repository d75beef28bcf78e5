//! The port behind which incidents are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::AwsError;
use crate::model::Arn;
use crate::notify::Notice;
use crate::notify::incident::{Channel, Id, Incident};
use crate::ports::ledger::LedgerError;

/// All that is open, held by one writer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desk {
    /// Rises with every holder; a write under an older one is refused.
    pub fence: u64,
    pub incidents: BTreeMap<Id, Incident>,
    pub channels: BTreeMap<String, Channel>,
    /// Until when people want to hear nothing of a target, and when that was said.
    pub silences: BTreeMap<Arn, (Timestamp, Option<Timestamp>)>,
    /// What has come and belongs to no incident yet, by where it is kept.
    pub inbox: BTreeMap<String, Notice>,
}

/// What has become of a desk.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    pub written: Vec<Incident>,
    pub forgotten: Vec<Id>,
    /// What was in the inbox and is part of an incident now. Taken out last.
    pub taken: Vec<String>,
}

/// Where incidents are kept. Anybody may add notices; one at a time makes incidents of them.
pub trait Incidents {
    /// Puts notices into the inbox. The same twice is there once.
    ///
    /// # Errors
    /// [`AwsError`] where not all of them are known to be there.
    async fn add(&self, notices: &[Notice], now: Timestamp) -> Result<(), AwsError>;

    /// Whether something is in the inbox.
    ///
    /// # Errors
    /// [`AwsError`] where that can't be read.
    async fn has_new(&self) -> Result<bool, AwsError>;

    /// Takes the right to write, with all that is open.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while another holder's lease has not expired.
    async fn take(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Desk, LedgerError>;

    /// Writes what changed, if the lease is still ours.
    ///
    /// # Errors
    /// [`LedgerError`] where not all of it is known to be written.
    async fn write(
        &self,
        desk: &Desk,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<(), LedgerError>;

    /// Writes what is known of the channels, and lets the next one write.
    ///
    /// # Errors
    /// [`LedgerError`] where it was not written; the lease then ends by itself.
    async fn release(&self, desk: &Desk) -> Result<(), LedgerError>;
}
