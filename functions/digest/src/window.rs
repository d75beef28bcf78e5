//! The period that a report covers.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lamplighter::MalformedEvent;
use lamplighter::policy::StackDefaults;

/// The period that a report covers, and the time zone it is shown in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
    pub zone: TimeZone,
}

impl Window {
    /// Returns the day that ends now, if this is the digest hour.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the day is out of range.
    pub fn for_digest_hour(
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, MalformedEvent> {
        let local = now.to_zoned(defaults.time_zone.clone());
        let is_due = u32::try_from(local.hour()).ok() == Some(defaults.digest_hour);
        is_due
            .then(|| Self::for_day(local.date(), defaults))
            .transpose()
    }

    /// Returns the day that ends at the digest hour of a date.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the day is out of range.
    pub fn for_day(day: Date, defaults: &StackDefaults) -> Result<Self, MalformedEvent> {
        let hour = i8::try_from(defaults.digest_hour).unwrap_or_default();
        let time = Time::new(hour, 0, 0, 0).map_err(|error| unusable_day(day, &error))?;
        let to = day
            .to_datetime(time)
            .to_zoned(defaults.time_zone.clone())
            .map_err(|error| unusable_day(day, &error))?;
        // A day has 23 or 25 hours when daylight saving time changes.
        let from = to
            .checked_sub(1.day())
            .map_err(|error| unusable_day(day, &error))?;
        Ok(Self {
            from: from.timestamp(),
            to: to.timestamp(),
            zone: defaults.time_zone.clone(),
        })
    }
}

fn unusable_day(day: Date, error: &jiff::Error) -> MalformedEvent {
    MalformedEvent(format!("day {day}: {error}"))
}
