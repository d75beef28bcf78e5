//! Renders the subject and the body of a message for small screens.

mod body;
mod format;
mod incident;
mod summary;

pub use format::format_duration;
pub use incident::{IncidentMessage, RESOLVED_LABEL};
pub use summary::{MAX_LISTED_INCIDENTS, SummaryMessage};
