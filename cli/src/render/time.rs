//! Times and ages.

use jiff::{SignedDuration, Timestamp};

const MINUTES_PER_HOUR: i64 = 60;
const MINUTES_PER_DAY: i64 = 24 * MINUTES_PER_HOUR;

/// Formats a time in UTC.
#[must_use]
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%F %H:%M UTC").to_string()
}

/// Formats the time since then in one or two units: `2 h 5 min`.
#[must_use]
pub fn format_age(since: Timestamp, now: Timestamp) -> String {
    let minutes = now
        .duration_since(since)
        .max(SignedDuration::ZERO)
        .as_mins();
    if minutes < MINUTES_PER_HOUR {
        format!("{minutes} min")
    } else if minutes < MINUTES_PER_DAY {
        format!(
            "{} h {} min",
            minutes / MINUTES_PER_HOUR,
            minutes % MINUTES_PER_HOUR
        )
    } else {
        let hours = minutes % MINUTES_PER_DAY / MINUTES_PER_HOUR;
        format!("{} d {hours} h", minutes / MINUTES_PER_DAY)
    }
}
