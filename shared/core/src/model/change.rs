use jiff::Timestamp;
use serde::Serialize;

/// Something that somebody did to a resource. Source: LookupEvents of CloudTrail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    pub at: Timestamp,
    /// The API call: `DeleteSecret`.
    pub call: String,
    /// The name of a user, or of a role's session.
    pub by: String,
}
