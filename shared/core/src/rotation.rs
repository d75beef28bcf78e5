//! The tiers of a retention policy: last snapshots, hours, days, weeks, months and years. Pure.
//!
//! A tier keeps the newest snapshot of each hour, day, week, month or year, for as many periods as the
//! policy says. Periods without a snapshot don't count. While a tier is not full, it also keeps the
//! oldest snapshot. restic's `forget` works the same way:
//! <https://restic.readthedocs.io/en/stable/060_forget.html>.

use crate::model::Snapshot;
use crate::policy::Retention;
use jiff::Zoned;
use jiff::tz::TimeZone;

/// State of one tier while walking the snapshots, newest first.
struct Tier {
    unit: &'static str,
    /// Number of periods that the tier still keeps.
    left: u32,
    /// Period of the last snapshot that the tier kept.
    last: Option<String>,
    /// Format of the period that a time belongs to, for `strftime`; empty if each snapshot is one.
    period: &'static str,
}

/// Returns the tiers' reasons to keep each good snapshot, newest first.
#[must_use]
pub fn reasons_of_tiers(good: &[&Snapshot], keep: &Retention, zone: &TimeZone) -> Vec<Vec<String>> {
    let mut tiers = [
        Tier::new("last snapshot", keep.last, ""),
        Tier::new("hour", keep.hours, "%F %H:00 %:z"),
        Tier::new("day", keep.days, "%F"),
        Tier::new("week", keep.weeks, "%G-W%V"),
        Tier::new("month", keep.months, "%Y-%m"),
        Tier::new("year", keep.years, "%Y"),
    ];
    good.iter()
        .enumerate()
        .map(|(place, snapshot)| {
            let at = snapshot.taken_at.unwrap_or_default();
            let at = at.to_zoned(zone.clone());
            let is_oldest = place + 1 == good.len();
            tiers
                .iter_mut()
                .filter_map(|tier| tier.claim_period(place, &at, is_oldest))
                .collect()
        })
        .collect()
}

impl Tier {
    fn new(unit: &'static str, left: u32, period: &'static str) -> Self {
        Self {
            unit,
            left,
            last: None,
            period,
        }
    }

    /// Returns the reason to keep a snapshot of this time, and counts its period; `None` if the
    /// tier doesn't keep it.
    fn claim_period(&mut self, place: usize, at: &Zoned, is_oldest: bool) -> Option<String> {
        let period = if self.period.is_empty() {
            (place + 1).to_string()
        } else {
            at.strftime(self.period).to_string()
        };
        let is_new = self.last.as_ref() != Some(&period);
        if self.left == 0 || !(is_new || is_oldest) {
            return None;
        }
        self.left -= 1;
        let reason = if is_new {
            format!("{} {period}", self.unit)
        } else {
            format!("oldest snapshot, {}s not full", self.unit)
        };
        self.last = Some(period);
        Some(reason)
    }
}
