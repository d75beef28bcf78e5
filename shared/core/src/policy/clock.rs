//! Weekly time windows in a time zone: `lamplighter:schedule`.

use super::reference::SCHEDULE_TAG;
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::grammar::{TagError, build_tag_error};

/// A weekly window with a minimum number of tasks, for a known burst of load.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleWindow {
    pub from: Weekday,
    pub to: Weekday,
    pub start: Time,
    pub end: Time,
    pub zone: TimeZone,
    pub min: u32,
    /// The window as written, without its minimum: `mon-fri 05:00-10:00 Europe/Rome`.
    pub text: String,
}

impl ScheduleWindow {
    /// Parses one window.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(tag: &str, value: &str) -> Result<Self, TagError> {
        Self::parse_words(value)
            .map_err(|problem| build_tag_error(tag, value, &problem, SCHEDULE_TAG.example))
    }

    fn parse_words(value: &str) -> Result<Self, String> {
        let words: Vec<&str> = value.split_whitespace().collect();
        let [days, hours, zone, min] = words[..] else {
            return Err("must consist of days, hours, time zone and min=".to_owned());
        };
        let (from, to) = days.split_once('-').unwrap_or((days, days));
        let (start, end) = parse_hours(hours)?;
        Ok(Self {
            text: format!("{days} {hours} {zone}"),
            from: parse_weekday(from)?,
            to: parse_weekday(to)?,
            start,
            end,
            zone: parse_time_zone(zone)?,
            min: min
                .strip_prefix("min=")
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| format!("{min} is not a minimum such as min=6"))?,
        })
    }

    /// Reports whether the window is open at `now`, in its own time zone, daylight saving time
    /// included.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        let local = now.to_zoned(self.zone.clone());
        let from = self.from.to_monday_zero_offset();
        let to = self.to.to_monday_zero_offset();
        let today = local.weekday().to_monday_zero_offset();
        let on_day = if from <= to {
            (from..=to).contains(&today)
        } else {
            today >= from || today <= to
        };
        on_day && (self.start..self.end).contains(&local.time())
    }
}

/// Parses a range of hours within one day: `05:00-10:00`.
fn parse_hours(hours: &str) -> Result<(Time, Time), String> {
    let (start, end) = hours
        .split_once('-')
        .ok_or_else(|| format!("{hours} is not a time range such as 05:00-10:00"))?;
    let start = parse_time_of_day(start)?;
    let end = parse_time_of_day(end)?;
    if start >= end {
        return Err(format!(
            "{hours} does not end after it starts; use two windows to cross midnight"
        ));
    }
    Ok((start, end))
}

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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_window_has_days_hours_zone_and_minimum() {
        let window = ScheduleWindow::parse("lamplighter:schedule", SCHEDULE_TAG.example).unwrap();
        assert_eq!(
            (window.from, window.to, window.min),
            (Weekday::Monday, Weekday::Friday, 6)
        );
        assert_eq!(window.zone.iana_name(), Some("Europe/Rome"));
    }

    #[rstest]
    #[case::before("2026-11-20T03:59:59Z", false)]
    #[case::opens("2026-11-20T04:00:00Z", true)]
    #[case::closes("2026-11-20T09:00:00Z", false)]
    #[case::saturday("2026-11-21T05:00:00Z", false)]
    #[case::in_summer_an_hour_earlier("2026-07-20T03:00:00Z", true)]
    fn a_window_opens_by_the_local_clock(#[case] now: Timestamp, #[case] open: bool) {
        let window = ScheduleWindow::parse("lamplighter:schedule", SCHEDULE_TAG.example).unwrap();
        assert_eq!(window.is_open(now), open);
    }

    #[test]
    fn days_may_span_the_weekend() {
        let window =
            ScheduleWindow::parse("lamplighter:schedule", "sat-mon 00:00-10:00 UTC min=3").unwrap();
        let open = [
            "2026-11-21T03:00:00Z",
            "2026-11-23T03:00:00Z",
            "2026-11-24T03:00:00Z",
        ]
        .map(|now| window.is_open(now.parse().unwrap()));
        assert_eq!(open, [true, true, false]);
    }

    #[rstest]
    #[case(
        "mon-fri 22:00-04:00 Europe/Rome min=6",
        "does not end after it starts"
    )]
    #[case(
        "mon-fri 05:00-10:00 Europe/Rome floor=6",
        "floor=6 is not a minimum such as min=6"
    )]
    #[case(
        "mon-fri 05:00-10:00 min=6",
        "must consist of days, hours, time zone and min="
    )]
    fn an_invalid_window_is_rejected(#[case] value: &str, #[case] problem: &str) {
        let error = ScheduleWindow::parse("lamplighter:schedule.2", value).unwrap_err();
        assert!(error.problem.contains(problem), "{error}");
        assert_eq!(error.tag, "lamplighter:schedule.2");
    }
}
