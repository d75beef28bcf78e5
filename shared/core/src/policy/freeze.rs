//! `lamplighter:freeze`: the times in which new images are held.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::clock::{parse_time_of_day, parse_time_zone, parse_weekday};
use super::grammar::{TagError, build_tag_error};
use super::reference::FREEZE_TAG;

/// A window in which new images are held, by the clock of a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct FreezeWindow {
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
    /// On each of these weekdays, from a time to the next occurrence of another.
    Daily {
        from: Weekday,
        to: Weekday,
        start: Time,
        end: Time,
    },
    /// Once.
    Dates { start: DateTime, end: DateTime },
}

/// The days of a week.
const DAYS_PER_WEEK: i64 = 7;
/// How often a freeze may follow directly on another until the end is reported.
const MAX_CHAINED: usize = 50;

/// Returns the time at which no freeze is active any more; `None` if none is active now. A freeze that begins before the
/// end of another prolongs it.
#[must_use]
pub fn frozen_until(freezes: &[FreezeWindow], now: Timestamp) -> Option<Timestamp> {
    let end_of_all = |at: Timestamp| {
        freezes
            .iter()
            .filter_map(|freeze| freeze.active_until(at))
            .max()
    };
    let mut until = end_of_all(now)?;
    for _ in 0..MAX_CHAINED {
        match end_of_all(until) {
            Some(later) if later > until => until = later,
            Some(_) | None => break,
        }
    }
    Some(until)
}

impl FreezeWindow {
    /// Parses the value of a tag with this key.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(key: &str, value: &str) -> Result<Self, TagError> {
        parse_words(value)
            .map_err(|problem| build_tag_error(key, value, &problem, FREEZE_TAG.example))
    }

    /// Returns the end of the freeze that is active at `now`; `None` if there is none.
    #[must_use]
    pub fn active_until(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.to_zoned(self.zone.clone()).datetime();
        let end = self.window.active_until(local)?;
        Some(end.to_zoned(self.zone.clone()).ok()?.timestamp())
    }
}

impl Window {
    /// Returns the end of the window that is open at a local time; `None` if it is closed.
    fn active_until(&self, at: DateTime) -> Option<DateTime> {
        match self {
            Self::Weekly { start, end } => {
                let start = find_latest_before(at, *start)?;
                let end = find_first_after(start, *end)?;
                (at < end).then_some(end)
            }
            Self::Daily {
                from,
                to,
                start,
                end,
            } => {
                // Overnight, the window of yesterday may still be open.
                let yesterday = at.date().yesterday().ok()?;
                [at.date(), yesterday].into_iter().find_map(|day| {
                    let opens = day.to_datetime(*start);
                    let ends_on = if end > start {
                        day
                    } else {
                        day.tomorrow().ok()?
                    };
                    let closes = ends_on.to_datetime(*end);
                    let is_open =
                        is_between(day.weekday(), *from, *to) && opens <= at && at < closes;
                    is_open.then_some(closes)
                })
            }
            Self::Dates { start, end } => (*start <= at && at < *end).then_some(*end),
        }
    }
}

/// Parses the words of a freeze: from, to, and the time zone, which is UTC if absent.
fn parse_words(value: &str) -> Result<FreezeWindow, String> {
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
        [start, "-", end] if start.contains(':') => parse_daily("mon", "sun", start, end)?,
        ["daily", start, "-", end] => parse_daily("mon", "sun", start, end)?,
        [from, "-", to, start, "-", end] if !from.contains('-') => {
            parse_daily(from, to, start, end)?
        }
        [from, "-", to] => parse_dates(from, "00:00", to, None)?,
        [from, start, "-", to, end] if from.contains('-') => {
            parse_dates(from, start, to, Some(end))?
        }
        [from, start, "-", to, end] => Window::Weekly {
            start: (parse_weekday(from)?, parse_time_of_day(start)?),
            end: (parse_weekday(to)?, parse_time_of_day(end)?),
        },
        _ => {
            return Err(
                "is none of these: fri 16:00 - mon 08:00, daily 22:00 - 06:00, mon-fri 09:00-10:00, \
                 2026-12-20 - 2027-01-06, each with a time zone or in UTC"
                    .to_owned(),
            );
        }
    };
    Ok(FreezeWindow { window, zone })
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
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && parse_weekday(word).is_err()
}

fn parse_daily(from: &str, to: &str, start: &str, end: &str) -> Result<Window, String> {
    let (start, end) = (parse_time_of_day(start)?, parse_time_of_day(end)?);
    if start == end {
        return Err("begins and ends at the same time".to_owned());
    }
    Ok(Window::Daily {
        from: parse_weekday(from)?,
        to: parse_weekday(to)?,
        start,
        end,
    })
}

/// Parses a window of dates. Without a time, the last day is frozen as a whole.
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
