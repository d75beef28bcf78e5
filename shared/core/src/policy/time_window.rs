//! Windows of time by the clock of a time zone: `lamplighter:freeze`, `lamplighter:schedule` and quiet hours.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::clock::{parse_time_of_day, parse_time_zone, parse_weekday};
use super::grammar::{TagError, build_tag_error};
use super::reference::FREEZE_TAG;

/// A window of time, by the clock of a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeWindow {
    window: Window,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq)]
enum Window {
    /// Once a week, from a time of a weekday to a time of another.
    Weekly {
        start: (Weekday, Time),
        end: (Weekday, Time),
    },
    /// On each of these weekdays, from Monday, from a time to the next occurrence of another.
    Daily {
        days: [bool; DAYS],
        start: Time,
        end: Time,
    },
    /// Once.
    Dates { start: DateTime, end: DateTime },
}

/// The midnight at the end of a day.
const END_OF_DAY: &str = "24:00";
/// The days of a week.
const DAYS: usize = 7;
const DAYS_PER_WEEK: i64 = 7;
/// No clock goes back by more.
const REPEATED_HOURS: i64 = 3;
impl TimeWindow {
    /// Parses the value of a tag with this key.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(key: &str, value: &str) -> Result<Self, TagError> {
        parse_words(value)
            .map_err(|problem| build_tag_error(key, value, &problem, FREEZE_TAG.example))
    }

    /// Parses a window without a key.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn parse_text(value: &str) -> Result<Self, String> {
        parse_words(value)
    }

    /// Returns the end of the window that is open at `now`; `None` if it is closed.
    ///
    /// If the clock jumps over the beginning, the window opens after the jump; if it jumps over the end as well, the window
    /// is open for as long as on other days. If the clock repeats an hour, a window that begins or ends in it includes both.
    #[must_use]
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.to_zoned(self.zone.clone()).datetime();
        let occurrences = self.window.list_occurrences(local);
        occurrences.into_iter().find_map(|(start, end)| {
            let opens = self.zone.to_ambiguous_timestamp(start).compatible().ok()?;
            let closes = self.zone.to_ambiguous_timestamp(end).later().ok()?;
            let closes = if closes > opens {
                closes
            } else {
                opens + end.duration_since(start)
            };
            (opens <= now && now < closes).then_some(closes)
        })
    }
}

impl Window {
    /// Lists the occurrences that may be open around a local time, by the clock: of today, of yesterday if it crosses
    /// midnight, and of this week.
    fn list_occurrences(&self, at: DateTime) -> Vec<(DateTime, DateTime)> {
        match self {
            Self::Weekly { start, end } => {
                // Where the clock repeats an hour, the window may have opened at a time that is still to come.
                let ahead = at.checked_add(REPEATED_HOURS.hours()).unwrap_or(at);
                let starts = [at, ahead].map(|at| find_latest_before(at, *start));
                starts
                    .into_iter()
                    .flatten()
                    .filter_map(|start| Some((start, find_first_after(start, *end)?)))
                    .collect()
            }
            Self::Daily { days, start, end } => {
                let date = at.date();
                let dates = [Ok(date), date.yesterday()].into_iter().flatten();
                dates
                    .filter(|date| is_on_day(*days, date.weekday()))
                    .filter_map(|date| {
                        let ends_on = if end > start {
                            date
                        } else {
                            date.tomorrow().ok()?
                        };
                        Some((date.to_datetime(*start), ends_on.to_datetime(*end)))
                    })
                    .collect()
            }
            Self::Dates { start, end } => vec![(*start, *end)],
        }
    }
}

/// Parses the words of a window: from, to, and the time zone, which is UTC if absent.
fn parse_words(value: &str) -> Result<TimeWindow, String> {
    // A dash between two times or days needs no spaces, as in `mon-fri 22:00-06:00`.
    let spaced: Vec<String> = value.split_whitespace().flat_map(split_range).collect();
    let mut words: Vec<&str> = spaced.iter().map(String::as_str).collect();
    let zone = match words.last() {
        Some(last) if is_time_zone(last) => {
            let zone = parse_time_zone(last)?;
            words.pop();
            zone
        }
        Some(_) | None => TimeZone::UTC,
    };
    let window = match words[..] {
        [start, "-", end] if start.contains(':') => parse_daily("mon-sun", start, end)?,
        ["daily", start, "-", end] => parse_daily("mon-sun", start, end)?,
        [days, start, "-", end] => parse_daily(days, start, end)?,
        [from, "-", to, start, "-", end] if !from.contains('-') => {
            parse_daily(&format!("{from}-{to}"), start, end)?
        }
        [from, "-", to] => parse_dates(from, "00:00", to, None)?,
        [from, start, "-", to, end] if from.contains('-') => {
            parse_dates(from, start, to, Some(end).filter(|end| *end != END_OF_DAY))?
        }
        [from, start, "-", to, end] => Window::Weekly {
            start: (parse_weekday(from)?, parse_time_of_day(start)?),
            end: (parse_weekday(to)?, parse_time_of_day(end)?),
        },
        _ => {
            return Err(
                "is none of these: fri 16:00 - mon 08:00, daily 22:00 - 06:00, mon-fri 09:00-10:00, mon+wed 09:00-10:00, \
                 2026-12-20 - 2027-01-06, each with a time zone or in UTC"
                    .to_owned(),
            );
        }
    };
    Ok(TimeWindow { window, zone })
}

/// Splits `22:00-06:00` and `mon-fri` at the dash. Dates and names of time zones stay whole.
fn split_range(word: &str) -> Vec<String> {
    let is_part = |part: &str| part.contains(':') || parse_weekday(part).is_ok();
    match word.split_once('-') {
        Some((from, to)) if is_part(from) && is_part(to) => {
            vec![from.to_owned(), "-".to_owned(), to.to_owned()]
        }
        _ => vec![word.to_owned()],
    }
}

/// Reports whether a last word is meant to be a time zone: it is no time, date or weekday.
fn is_time_zone(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && parse_days(word).is_err()
}

/// Parses a window of some days of the week. `24:00` is the midnight at the end of the day.
fn parse_daily(days: &str, start: &str, end: &str) -> Result<Window, String> {
    let days = parse_days(days)?;
    let start = parse_time_of_day(start)?;
    let is_end_of_day = end == END_OF_DAY;
    let end = if is_end_of_day {
        Time::midnight()
    } else {
        parse_time_of_day(end)?
    };
    if start == end && !is_end_of_day {
        return Err("begins and ends at the same time; a whole day is 00:00-24:00".to_owned());
    }
    Ok(Window::Daily { days, start, end })
}

/// Parses days of the week: `mon-fri`, `mon+wed+fri`, `sat-mon+wed`. Tags of AWS can have no comma; the secret of the
/// channels can.
fn parse_days(text: &str) -> Result<[bool; DAYS], String> {
    let ranges: Result<Vec<(Weekday, Weekday)>, String> = text
        .split(['+', ','])
        .map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Ok((parse_weekday(from)?, parse_weekday(to)?))
        })
        .collect();
    let ranges = ranges?;
    let mut days = [false; DAYS];
    for (offset, day) in Weekday::Monday.cycle_forward().take(DAYS).enumerate() {
        if let Some(is_on) = days.get_mut(offset) {
            *is_on = ranges.iter().any(|(from, to)| is_between(day, *from, *to));
        }
    }
    Ok(days)
}

fn is_on_day(days: [bool; DAYS], day: Weekday) -> bool {
    let offset = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
    days.get(offset).copied().unwrap_or_default()
}

/// Parses a window of dates. Without a time, the last day is part of it as a whole.
fn parse_dates(from: &str, start: &str, to: &str, end: Option<&str>) -> Result<Window, String> {
    let start = parse_date(from)?.to_datetime(parse_time_of_day(start)?);
    let last = parse_date(to)?;
    let end = match end {
        Some(end) => last.to_datetime(parse_time_of_day(end)?),
        None => last
            .tomorrow()
            .map_err(|_| format!("{to} is too far away"))?
            .to_datetime(Time::midnight()),
    };
    if end <= start {
        return Err("ends before it begins".to_owned());
    }
    Ok(Window::Dates { start, end })
}

fn parse_date(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a date such as 2026-12-20"))
}

/// Reports whether a weekday is one of those from `from` to `to`, which may span the weekend.
fn is_between(day: Weekday, from: Weekday, to: Weekday) -> bool {
    let (day, from, to) = (
        day.to_monday_zero_offset(),
        from.to_monday_zero_offset(),
        to.to_monday_zero_offset(),
    );
    if from <= to {
        (from..=to).contains(&day)
    } else {
        day >= from || day <= to
    }
}

/// Returns the latest time at or before `at` with this weekday and time of day.
fn find_latest_before(at: DateTime, (day, time): (Weekday, Time)) -> Option<DateTime> {
    let this_week = date_on_weekday(at.date(), day)?.to_datetime(time);
    if this_week <= at {
        Some(this_week)
    } else {
        this_week.checked_sub(DAYS_PER_WEEK.days()).ok()
    }
}

/// Returns the first time after `at` with this weekday and time of day.
fn find_first_after(at: DateTime, (day, time): (Weekday, Time)) -> Option<DateTime> {
    let this_week = date_on_weekday(at.date(), day)?.to_datetime(time);
    if this_week > at {
        Some(this_week)
    } else {
        this_week.checked_add(DAYS_PER_WEEK.days()).ok()
    }
}

/// Returns the date of a weekday in the week of `date`. Weeks start on Monday.
fn date_on_weekday(date: Date, day: Weekday) -> Option<Date> {
    let offset = day.to_monday_zero_offset() - date.weekday().to_monday_zero_offset();
    date.checked_add(i64::from(offset).days()).ok()
}
