//! The port behind which incidents are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::AwsError;
use crate::model::Arn;
use crate::notify::Notification;
use crate::notify::incident::{Channel, Incident, IncidentId};
use crate::ports::ledger::LedgerError;

/// All open incidents, locked by one writer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DispatcherState {
    /// The fencing number: it rises with every holder, and a write with an older one is rejected.
    pub fence: u64,
    pub incidents: BTreeMap<IncidentId, Incident>,
    pub channels: BTreeMap<String, Channel>,
    /// The silenced targets: until when, and the time of the message that said so.
    pub silences: BTreeMap<Arn, (Timestamp, Option<Timestamp>)>,
    /// Notifications that belong to no incident yet, by their storage key.
    pub inbox: BTreeMap<String, Notification>,
}

/// The changes of the dispatcher state that must be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    pub written: Vec<Incident>,
    pub expired: Vec<IncidentId>,
    /// The keys of inbox items that are now part of an incident. Removed last.
    pub ingested: Vec<String>,
}

/// The store of incidents. Any invocation may add notifications; one at a time turns them into
/// incidents.
pub trait IncidentStore {
    /// Adds notifications to the inbox. Adding one twice stores it once.
    ///
    /// # Errors
    /// [`AwsError`] if any of them may be missing from the inbox.
    async fn add_notifications(
        &self,
        notifications: &[Notification],
        now: Timestamp,
    ) -> Result<(), AwsError>;

    /// Reports whether the inbox has items.
    ///
    /// # Errors
    /// [`AwsError`] if the inbox can't be read.
    async fn has_inbox_items(&self) -> Result<bool, AwsError>;

    /// Acquires the lease for writing and returns all open incidents.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while the lease of another holder has not expired.
    async fn acquire_lease(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<DispatcherState, LedgerError>;

    /// Writes the changes, if the lease is still held.
    ///
    /// # Errors
    /// [`LedgerError`] if any of the changes may be unwritten.
    async fn write_changes(
        &self,
        dispatcher: &DispatcherState,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<(), LedgerError>;

    /// Writes the state of the channels and releases the lease.
    ///
    /// # Errors
    /// [`LedgerError`] if the write failed; the lease then expires.
    async fn release_lease(&self, dispatcher: &DispatcherState) -> Result<(), LedgerError>;
}
