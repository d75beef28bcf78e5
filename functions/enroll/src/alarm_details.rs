//! What is read about an alarm for a message.

use lamplighter::model::{CloudTrailEvent, Series};
use serde::Serialize;

/// What a message about an alarm says beside its state.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AlarmDetails {
    pub name: String,
    /// The last 15 minutes of what it measures.
    pub values: Series,
    /// The requests of the same minutes; read only for errors.
    pub requests: Series,
    /// Calls that changed the target before, according to CloudTrail.
    pub calls: Vec<CloudTrailEvent>,
}
