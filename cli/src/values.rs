//! Parses the values of arguments.

use jiff::{SignedDuration, Timestamp};

/// The longest period of a timeline.
const MAX_PERIOD: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The longest duration: a year.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Parses a duration such as `90m`, `2h30m` or `7d`.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let span: jiff::Span = text
        .parse()
        .map_err(|_| "not a duration such as 90m, 24h or 7d".to_owned())?;
    let options = jiff::SpanRelativeTo::days_are_24_hours();
    span.to_duration(options)
        .ok()
        .filter(|duration| duration.is_positive() && *duration <= MAX_DURATION)
        .ok_or_else(|| "not a duration such as 90m, 24h or 7d".to_owned())
}

/// Parses the address of an API. Only one on this machine needs no encryption.
pub fn parse_address(text: &str) -> Result<String, String> {
    let is_local = text.starts_with("http://127.0.0.1:");
    if text.starts_with("https://") || is_local {
        Ok(text.to_owned())
    } else {
        Err("not an address that begins with https://".to_owned())
    }
}

/// Parses the period of a timeline.
pub fn parse_period(text: &str) -> Result<SignedDuration, String> {
    let period = parse_duration(text)?;
    if period > MAX_PERIOD {
        return Err("longer than 31d".to_owned());
    }
    Ok(period)
}

pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "not a time with its zone such as 2026-12-01T08:00Z".to_owned())
}
