//! Formats times, durations and subjects.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The longest subject, in characters: SNS refuses 100 and more.
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_LENGTH: usize = 99;

/// Formats a time to the minute: `2026-11-21 03:12 UTC`.
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Formats a time as seen at `now`: `03:12 UTC` on the same day, with the date otherwise.
pub fn format_recent_time(at: Timestamp, now: Timestamp) -> String {
    if at.to_zoned(TimeZone::UTC).date() == now.to_zoned(TimeZone::UTC).date() {
        at.strftime("%H:%M UTC").to_string()
    } else {
        format_time(at)
    }
}

/// Formats a duration: `40 s`, `14 min`, `5 h 20 min`, `3 days`.
#[must_use]
pub fn format_duration(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", span.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, _) if hours >= 48 => format!("{} days", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Returns the label at the beginning of a subject: `[CRITICAL] `, `[CRITICAL, PAUSED] ` while everything is paused, or
/// nothing.
pub fn format_label(severity: Option<&str>, pause: Option<&str>) -> String {
    let labels: Vec<&str> = severity
        .into_iter()
        .chain(pause.map(|_| "PAUSED"))
        .collect();
    if labels.is_empty() {
        return String::new();
    }
    format!("[{}] ", labels.join(", "))
}

/// Returns a subject in ASCII, at most 99 characters long.
pub fn truncate_subject(text: &str) -> String {
    let text = to_ascii(text);
    if text.len() <= SUBJECT_LENGTH {
        return text;
    }
    let kept: String = text.chars().take(SUBJECT_LENGTH - 3).collect();
    format!("{}...", kept.trim_end())
}

/// Replaces dashes, quotes and arithmetic signs by ASCII, line breaks by blanks and everything else
/// by `?`.
fn to_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '—' | '–' => ascii.push('-'),
            '→' => ascii.push_str("->"),
            '÷' => ascii.push('/'),
            '×' => ascii.push('x'),
            '’' | '‘' => ascii.push('\''),
            '“' | '”' => ascii.push('"'),
            c if c.is_ascii_graphic() => ascii.push(c),
            c if c.is_whitespace() || c.is_control() => ascii.push(' '),
            _ => ascii.push('?'),
        }
    }
    ascii
}
