//! The conversion of the SDK's time stamps.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// Converts a time, with a precision of a millisecond.
pub fn to_timestamp(at: DateTime) -> Option<Timestamp> {
    at.to_millis()
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

/// Converts a time, with a precision of a second.
pub fn to_second(at: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}
