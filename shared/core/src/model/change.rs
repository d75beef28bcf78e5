use jiff::Timestamp;
use serde::Serialize;

/// An API call that changed a resource. Source: CloudTrail LookupEvents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CloudTrailEvent {
    pub at: Timestamp,
    /// Name of the API call: `DeleteSecret`.
    pub call: String,
    /// Name of the user or of the role session that made the call.
    pub by: String,
}
