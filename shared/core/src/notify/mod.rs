//! Notifications, the incidents that they are grouped into, and helpers for rendering them.

mod console;
pub mod html;
pub mod incident;
mod links;
mod mrkdwn;
mod notification;
mod offer;
pub mod redact;
mod source;
mod sparkline;

pub use console::{console_host, console_link};
pub use links::{dashboard_link, dashboard_name, dashboard_prefix, logs_link};
pub use mrkdwn::escape_mrkdwn;
pub use notification::{
    ACKNOWLEDGED_PREFIX, ALARM_PREFIX, APPROVAL_CONDITION, CERTIFICATE_PREFIX,
    DATABASE_DOWN_CONDITION, MAX_REPORT_BYTES, Message, Notification, Outbox, PAUSE_OF_EVERYTHING,
    PAUSE_PREFIX, RELEASE_CONDITION, SILENCE_PREFIX, Severity, Unsent,
};
pub use offer::{BUTTON_PREFIX, Offer, TargetOffer};
pub use source::Source;
pub use sparkline::draw_sparkline;
