//! Retention of backups by tier.

use std::fmt;
use std::str::FromStr;

/// Retention per tier. `3l+24h+7d+4w+12m+2y` keeps the last 3 snapshots, hourly ones for 24 hours, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Number of the newest snapshots that stay, whenever they were taken.
    pub last: u32,
    pub hours: u32,
    pub days: u32,
    pub weeks: u32,
    pub months: u32,
    pub years: u32,
}

impl Retention {
    /// Returns the tiers with their units.
    fn tiers(&self) -> [(u32, char); 6] {
        [
            (self.last, 'l'),
            (self.hours, 'h'),
            (self.days, 'd'),
            (self.weeks, 'w'),
            (self.months, 'm'),
            (self.years, 'y'),
        ]
    }

    fn tier_mut(&mut self, unit: &str) -> Option<&mut u32> {
        match unit {
            "l" => Some(&mut self.last),
            "h" => Some(&mut self.hours),
            "d" => Some(&mut self.days),
            "w" => Some(&mut self.weeks),
            "m" => Some(&mut self.months),
            "y" => Some(&mut self.years),
            _ => None,
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .tiers()
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, unit)| format!("{n}{unit}"))
            .collect();
        f.write_str(&parts.join("+"))
    }
}

/// Parses `3l+24h+7d+4w+12m+2y`. The error says what is wrong.
impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut keep = Self::default();
        for part in text.split('+') {
            let (number, unit) = part
                .split_at_checked(part.len().saturating_sub(1))
                .ok_or_else(|| describe_error(part))?;
            let number = number.parse().ok().filter(|n| *n > 0);
            let number = number.ok_or_else(|| describe_error(part))?;
            let tier = keep.tier_mut(unit).ok_or_else(|| describe_error(part))?;
            if *tier > 0 {
                return Err(format!("keep= has the unit \"{unit}\" twice"));
            }
            *tier = number;
        }
        Ok(keep)
    }
}

fn describe_error(part: &str) -> String {
    format!(
        "keep={part} is not a number with the unit l (last), h, d, w, m (months) or y such as 7d"
    )
}
