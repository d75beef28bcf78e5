//! Windows of the week in a time zone: `lamplighter:schedule` and `lamplighter:freeze`.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::FREEZE;
use super::grammar::{TagError, error};

const SCHEDULE_EXAMPLE: &str = "mon-fri 05:00-10:00 Europe/Rome min=6";
const FREEZE_EXAMPLE: &str = "fri 16:00 - mon 08:00 Europe/Rome";

/// A floor for a known burst.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleWindow {
    pub from: Weekday,
    pub to: Weekday,
    pub start: Time,
    pub end: Time,
    pub zone: TimeZone,
    pub min: u32,
    /// The window without its floor, as it was written: `mon-fri 05:00-10:00 Europe/Rome`.
    pub text: String,
}

/// A stretch of every week in which new images wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Freeze {
    start: (Weekday, Time),
    end: (Weekday, Time),
    zone: TimeZone,
}

impl ScheduleWindow {
    /// Reads one window.
    ///
    /// # Errors
    /// [`TagError`] naming what is wrong.
    pub fn parse(tag: &str, value: &str) -> Result<Self, TagError> {
        let wrong = |problem: String| error(tag, value, &problem, SCHEDULE_EXAMPLE);
        let words: Vec<&str> = value.split_whitespace().collect();
        let [days, hours, zone, min] = words[..] else {
            return Err(wrong("is not days, hours, time zone and min=".to_owned()));
        };
        let (from, to) = days.split_once('-').unwrap_or((days, days));
        let (begins, ends) = hours
            .split_once('-')
            .ok_or_else(|| wrong(format!("{hours} is not a stretch such as 05:00-10:00")))?;
        let (start, end) = (
            time_of_day(begins).map_err(&wrong)?,
            time_of_day(ends).map_err(&wrong)?,
        );
        if start >= end {
            return Err(wrong(format!(
                "{hours} does not end after it starts; use two windows to cross midnight"
            )));
        }
        Ok(Self {
            text: format!("{days} {hours} {zone}"),
            from: weekday(from).map_err(&wrong)?,
            to: weekday(to).map_err(&wrong)?,
            start,
            end,
            zone: time_zone(zone).map_err(&wrong)?,
            min: min
                .strip_prefix("min=")
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| wrong(format!("{min} is not a floor such as min=6")))?,
        })
    }
}

impl ScheduleWindow {
    /// Whether the window is open. Days and hours are those of its time zone, summer time included.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        let local = now.to_zoned(self.zone.clone());
        let day = |weekday: Weekday| weekday.to_monday_zero_offset();
        let (from, to, today) = (day(self.from), day(self.to), day(local.weekday()));
        let on_day = if from <= to {
            (from..=to).contains(&today)
        } else {
            today >= from || today <= to
        };
        on_day && (self.start..self.end).contains(&local.time())
    }
}

impl Freeze {
    /// Reads the tag's value.
    ///
    /// # Errors
    /// [`TagError`] naming what is wrong.
    pub fn parse(value: &str) -> Result<Self, TagError> {
        let wrong = |problem: String| error(FREEZE, value, &problem, FREEZE_EXAMPLE);
        let words: Vec<&str> = value.split_whitespace().collect();
        let [from, start, "-", to, end, zone] = words[..] else {
            return Err(wrong(
                "is not day, time, -, day, time and time zone".to_owned(),
            ));
        };
        Ok(Self {
            start: (
                weekday(from).map_err(&wrong)?,
                time_of_day(start).map_err(&wrong)?,
            ),
            end: (
                weekday(to).map_err(&wrong)?,
                time_of_day(end).map_err(&wrong)?,
            ),
            zone: time_zone(zone).map_err(&wrong)?,
        })
    }

    /// When the freeze that holds at `now` ends; `None` outside of one.
    #[must_use]
    pub fn holds_until(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.to_zoned(self.zone.clone()).datetime();
        let start = latest_before(local, self.start)?;
        let end = first_after(start, self.end)?;
        (local < end)
            .then(|| end.to_zoned(self.zone.clone()).ok())
            .flatten()
            .map(|zoned| zoned.timestamp())
    }
}

/// The last moment at or before `at` that is this weekday and time.
fn latest_before(at: DateTime, (day, time): (Weekday, Time)) -> Option<DateTime> {
    let this_week = on_weekday(at.date(), day)?.to_datetime(time);
    if this_week <= at {
        Some(this_week)
    } else {
        this_week.checked_sub(7.days()).ok()
    }
}

/// The first moment after `at` that is this weekday and time.
fn first_after(at: DateTime, (day, time): (Weekday, Time)) -> Option<DateTime> {
    let this_week = on_weekday(at.date(), day)?.to_datetime(time);
    if this_week > at {
        Some(this_week)
    } else {
        this_week.checked_add(7.days()).ok()
    }
}

/// That weekday in the week (from Monday) of a date.
fn on_weekday(date: Date, day: Weekday) -> Option<Date> {
    let offset = day.to_monday_zero_offset() - date.weekday().to_monday_zero_offset();
    date.checked_add(i64::from(offset).days()).ok()
}

pub(super) fn time_of_day(text: &str) -> Result<Time, String> {
    let parsed = text
        .split_once(':')
        .and_then(|(h, m)| Time::new(h.parse().ok()?, m.parse().ok()?, 0, 0).ok());
    parsed.ok_or_else(|| format!("{text} is not a time of day such as 03:00"))
}

pub(super) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name} is no time zone such as Europe/Rome"))
}

fn weekday(text: &str) -> Result<Weekday, String> {
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

    #[rstest]
    #[case::before("2026-11-20T14:59:59Z", None)]
    #[case::begins("2026-11-20T15:00:00Z", Some("2026-11-23T07:00:00Z"))]
    #[case::weekend("2026-11-22T12:00:00Z", Some("2026-11-23T07:00:00Z"))]
    #[case::ends("2026-11-23T07:00:00Z", None)]
    #[case::summer_time_ends_within("2026-10-23T14:00:00Z", Some("2026-10-26T07:00:00Z"))]
    fn a_freeze_holds_over_the_weekend(#[case] now: Timestamp, #[case] until: Option<&str>) {
        let freeze = Freeze::parse("fri 16:00 - mon 08:00 Europe/Rome").unwrap();
        assert_eq!(
            freeze.holds_until(now).map(|t| t.to_string()).as_deref(),
            until
        );
    }

    #[rstest]
    #[case(
        "fri 16:00 mon 08:00 Europe/Rome",
        "is not day, time, -, day, time and time zone"
    )]
    #[case(
        "fri 16 - mon 08:00 Europe/Rome",
        "16 is not a time of day such as 03:00"
    )]
    #[case(
        "friday 16:00 - mon 08:00 UTC",
        "friday is not one of mon, tue, wed, thu, fri, sat, sun"
    )]
    fn a_mistaken_freeze_is_named(#[case] value: &str, #[case] problem: &str) {
        assert_eq!(Freeze::parse(value).unwrap_err().problem, problem);
    }

    #[test]
    fn a_window_has_days_hours_zone_and_floor() {
        let window = ScheduleWindow::parse("lamplighter:schedule", SCHEDULE_EXAMPLE).unwrap();
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
        let window = ScheduleWindow::parse("lamplighter:schedule", SCHEDULE_EXAMPLE).unwrap();
        assert_eq!(window.holds(now), open);
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
        .map(|now| window.holds(now.parse().unwrap()));
        assert_eq!(open, [true, true, false]);
    }

    #[rstest]
    #[case(
        "mon-fri 22:00-04:00 Europe/Rome min=6",
        "does not end after it starts"
    )]
    #[case(
        "mon-fri 05:00-10:00 Europe/Rome floor=6",
        "floor=6 is not a floor such as min=6"
    )]
    #[case("mon-fri 05:00-10:00 min=6", "is not days, hours, time zone and min=")]
    fn a_mistaken_window_is_named(#[case] value: &str, #[case] problem: &str) {
        let error = ScheduleWindow::parse("lamplighter:schedule.2", value).unwrap_err();
        assert!(error.problem.contains(problem), "{error}");
        assert_eq!(error.tag, "lamplighter:schedule.2");
    }
}
