//! Notifications, the incidents that they are grouped into, and helpers for rendering them.

pub mod html;
pub mod incident;
mod notification;
pub mod redact;

pub use notification::{
    ACKNOWLEDGED, ALARM, DOWN, Message, Notice, Outbox, RELEASE, SILENCE, Severity, Unsent,
    console, console_link,
};
