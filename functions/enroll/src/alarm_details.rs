//! What is read about an alarm for a message.

use jiff::Timestamp;
use lamplighter::model::{Alarm, CloudTrailEvent, Measure, Series, Share};
use serde::Serialize;

/// What a message about an alarm says beside its state.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AlarmDetails {
    pub name: String,
    /// The last 15 minutes of what it measures.
    pub values: Series,
    /// The counts that a share is computed from: those that it is about, and the others.
    pub part: Series,
    pub others: Series,
    /// Calls that changed the target before, according to CloudTrail.
    pub calls: Vec<CloudTrailEvent>,
}

impl AlarmDetails {
    /// Computes a share minute by minute, in percent.
    #[must_use]
    pub fn share_by_minute(&self, share: &Share) -> Series {
        let count = |series: &Series, minute| series.get(minute).copied().unwrap_or_default();
        let minutes = self.part.keys().chain(self.others.keys());
        minutes
            .filter_map(|minute| {
                let part = count(&self.part, minute);
                Some((
                    *minute,
                    share.in_percent(part, count(&self.others, minute))?,
                ))
            })
            .collect()
    }

    /// Returns the newest value. Of a share, it is that of the last minute if it has enough counts, and that of the alarm's last
    /// period otherwise.
    #[must_use]
    pub fn newest_value(&self, alarm: Option<&Alarm>) -> Option<f64> {
        let newest = self.values.values().next_back().copied();
        match alarm {
            Some(Alarm {
                measure: Measure::Share(share),
                period,
                ..
            }) => {
                let last = self.part.values().next_back().copied();
                if last.is_some_and(|count| count >= f64::from(share.least)) {
                    return newest;
                }
                let minutes: Vec<&Timestamp> = self.values.keys().rev().collect();
                let period = usize::try_from(*period).unwrap_or(usize::MAX);
                let first = minutes.get(period - 1).or(minutes.last())?;
                let sum =
                    |series: &Series| -> f64 { series.range(**first..).map(|(_, n)| n).sum() };
                share.in_percent(sum(&self.part), sum(&self.others))
            }
            Some(_) | None => newest,
        }
    }
}
