//! Formats times and durations of a report.

use jiff::{SignedDuration, Timestamp};

use crate::report::DailyReport;

/// Formats a time in the time zone of the report.
#[must_use]
pub fn format_time(report: &DailyReport, at: Timestamp) -> String {
    at.to_zoned(report.window.zone.clone())
        .strftime("%a %-d %b %H:%M %Z")
        .to_string()
}

/// Formats the time since a moment, at the time of the report: `12 min`.
#[must_use]
pub fn format_age(report: &DailyReport, since: Timestamp) -> String {
    format_duration(report.now.duration_since(since))
}

/// Formats a duration: `12 min`, `16 h`, `3 days`.
#[must_use]
pub fn format_duration(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match minutes {
        ..1 => format!("{} s", span.as_secs()),
        1..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}
