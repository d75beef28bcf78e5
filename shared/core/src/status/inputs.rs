//! What a status is computed from.

use jiff::Timestamp;

use crate::model::{Database, Service, Snapshot, Tagged};
use crate::notify::incident::Incident;
use crate::policy::StackDefaults;
use crate::state::{RequestState, TargetState};

/// What AWS and the ledger show about one target.
#[derive(Debug, Clone, Copy)]
pub struct StatusInputs<'a> {
    pub tagged: &'a Tagged,
    pub state: &'a TargetState,
    /// The service, if the target is one and AWS describes it.
    pub service: Option<&'a Service>,
    /// The database or cache, if the target is one and AWS describes it.
    pub database: Option<&'a Database>,
    /// The snapshots of all databases.
    pub snapshots: &'a [Snapshot],
    /// The incidents of all targets.
    pub incidents: &'a [Incident],
    /// The pauses of applications and of everything.
    pub pauses: &'a RequestState,
    pub defaults: &'a StackDefaults,
    pub now: Timestamp,
}
