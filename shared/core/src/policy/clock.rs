//! Times of the day, weekdays and time zones.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

pub(super) fn parse_time_of_day(text: &str) -> Result<Time, String> {
    let parsed = text
        .split_once(':')
        .and_then(|(h, m)| Time::new(h.parse().ok()?, m.parse().ok()?, 0, 0).ok());
    parsed.ok_or_else(|| format!("{text} is not a time of day such as 03:00"))
}

pub(super) fn parse_time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name} is not a time zone such as Europe/Rome"))
}

pub(super) fn parse_weekday(text: &str) -> Result<Weekday, String> {
    match text {
        "mon" => Ok(Weekday::Monday),
        "tue" => Ok(Weekday::Tuesday),
        "wed" => Ok(Weekday::Wednesday),
        "thu" => Ok(Weekday::Thursday),
        "fri" => Ok(Weekday::Friday),
        "sat" => Ok(Weekday::Saturday),
        "sun" => Ok(Weekday::Sunday),
        _ => Err(format!(
            "{text} is not one of mon, tue, wed, thu, fri, sat, sun"
        )),
    }
}
