//! Values of one metric by the minute, without the time of each.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Series;

const SECONDS_PER_MINUTE: i64 = 60;

/// The minutes of a preview, by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The start of the first minute.
    pub from: Timestamp,
    /// The number of minutes.
    pub minutes: usize,
}

impl Period {
    /// Returns the whole minutes before a time, as many as a duration has.
    #[must_use]
    pub fn before(end: Timestamp, length: SignedDuration) -> Self {
        let end = end - SignedDuration::from_secs(end.as_second().rem_euclid(SECONDS_PER_MINUTE));
        let minutes = usize::try_from(length.as_mins()).unwrap_or_default();
        Self {
            from: end - SignedDuration::from_mins(length.as_mins()),
            minutes,
        }
    }

    /// Returns the start of a minute.
    #[must_use]
    pub fn start_of(self, minute: usize) -> Timestamp {
        let minutes = i64::try_from(minute).unwrap_or(i64::MAX / SECONDS_PER_MINUTE);
        self.from + SignedDuration::from_mins(minutes)
    }

    #[must_use]
    pub fn end(self) -> Timestamp {
        self.start_of(self.minutes)
    }

    /// Returns the number of the minute that contains a time; `None` before the first one.
    #[must_use]
    pub fn minute_at(self, at: Timestamp) -> Option<usize> {
        let seconds = at.as_second() - self.from.as_second();
        usize::try_from(seconds.div_euclid(SECONDS_PER_MINUTE)).ok()
    }
}

/// Values by the number of their minute. A minute without data is NaN.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Minutes(Vec<f64>);

impl Minutes {
    /// Takes the values of a period from a series.
    #[must_use]
    pub fn from_series(series: &Series, period: Period) -> Self {
        let mut values = vec![f64::NAN; period.minutes];
        for (at, value) in series {
            let place = period
                .minute_at(*at)
                .and_then(|minute| values.get_mut(minute));
            if let Some(place) = place {
                *place = *value;
            }
        }
        Self(values)
    }

    /// Returns the value of a minute.
    #[must_use]
    pub fn get(&self, minute: usize) -> Option<f64> {
        let value = self.0.get(minute).copied()?;
        (!value.is_nan()).then_some(value)
    }

    /// Adds the value of the next minute.
    pub fn push(&mut self, value: Option<f64>) {
        self.0.push(value.unwrap_or(f64::NAN));
    }

    /// Reports whether no minute has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|value| value.is_nan())
    }

    /// Returns the values between two times, as CloudWatch answers them.
    #[must_use]
    pub fn read(&self, period: Period, from: Timestamp, to: Timestamp) -> Series {
        let first = period.minute_at(from).unwrap_or_default();
        let end = period.minute_at(to).unwrap_or_default();
        let minutes =
            (first..end.min(self.0.len())).filter(|minute| period.start_of(*minute) >= from);
        minutes
            .filter_map(|minute| Some((period.start_of(minute), self.get(minute)?)))
            .collect()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
