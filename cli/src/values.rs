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
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()
        .filter(SignedDuration::is_positive)
        .ok_or("not a duration such as 90m, 24h or 7d")?;
    if duration > MAX_DURATION {
        return Err("longer than a year".to_owned());
    }
    Ok(duration)
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

/// Reports whether a preview plays a tag.
#[must_use]
pub fn is_played(key: &str) -> bool {
    const PLAYED: [&str; 3] = [
        "lamplighter:scale",
        "lamplighter:schedule",
        "lamplighter:alarms",
    ];
    PLAYED.contains(&find_base(key))
}

/// Returns the key of a tag without the number of its part: `lamplighter:scale` for `lamplighter:scale.2`.
pub fn find_base(key: &str) -> &str {
    key.split_once('.').map_or(key, |(base, _)| base)
}

/// Parses a tag that a preview plays: `lamplighter:scale=min=2 max=8`.
pub fn parse_played_tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("not a tag such as 'lamplighter:scale=min=2 max=8'")?;
    if !is_played(key) {
        return Err(format!(
            "a preview plays lamplighter:scale, lamplighter:schedule and lamplighter:alarms, and not {key}"
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "not a time with its zone such as 2026-12-01T08:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::minutes("90m", Some(90))]
    #[case::mixed("2h30m", Some(150))]
    #[case::days("7d", Some(7 * 24 * 60))]
    #[case::nothing("0m", None)]
    #[case::backwards("-5m", None)]
    #[case::a_word("soon", None)]
    #[case::longer_than_a_year("4000000d", None)]
    fn a_duration_has_a_unit_and_an_end(#[case] text: &str, #[case] minutes: Option<i64>) {
        let parsed = parse_duration(text).ok();
        assert_eq!(parsed, minutes.map(SignedDuration::from_mins));
    }

    #[rstest]
    #[case::encrypted("https://requests.example.com/", true)]
    #[case::on_this_machine("http://127.0.0.1:4566/x", true)]
    #[case::not_encrypted("http://requests.example.com/", false)]
    #[case::a_look_alike("http://127.0.0.1.example.com/", false)]
    fn an_address_is_encrypted(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(parse_address(text).is_ok(), expected);
    }

    /// The definition of the command has no conflicts, and a silence needs an end.
    #[test]
    fn the_definition_is_sound() {
        let mut command = <crate::Arguments as clap::CommandFactory>::command();
        command.build();
        command.clone().debug_assert();
        let without_end = command
            .clone()
            .try_get_matches_from(["lamplighter", "silence", "--all"]);
        assert!(without_end.is_err());
        let with_end =
            command.try_get_matches_from(["lamplighter", "silence", "--all", "--for", "2h"]);
        assert!(with_end.is_ok());
    }
}
