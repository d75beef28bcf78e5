//! `lamplighter:backup`: when, how long, how fresh, where else.

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::clock::{time_of_day, time_zone};
use super::grammar::{Pairs, TagError, seconds};
use super::{BACKUP, StackDefaults};

const EXAMPLE: &str = "at=03:00 keep=7d";
const KEYS: [&str; 7] = ["at", "every", "tz", "keep", "rpo", "copy", "drill"];

#[derive(Debug, Clone, PartialEq)]
pub struct BackupPolicy {
    pub slots: Slots,
    pub keep: Retention,
    /// The recovery point may be this old, in seconds.
    pub rpo: Option<u64>,
    /// Regions that get a copy of every backup.
    pub copy: Vec<String>,
    pub drill: Option<Drill>,
}

/// When backups are due.
#[derive(Debug, Clone, PartialEq)]
pub enum Slots {
    /// Every day at this time of this zone.
    Daily { at: Time, zone: TimeZone },
    /// Every so many seconds, counted from midnight UTC.
    Every { seconds: u64 },
}

/// How many of each tier are kept: `24h+7d+4w+12m` keeps hourly ones for 24 hours, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    pub hours: u32,
    pub days: u32,
    pub weeks: u32,
    pub months: u32,
}

/// How often a backup is proven by restoring it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drill {
    Daily,
    Weekly,
    Monthly,
}

impl BackupPolicy {
    /// Reads the tag's value; the stack gives the hour and the days where the tag does not say.
    ///
    /// # Errors
    /// [`TagError`] naming what is wrong.
    pub fn parse(value: &str, defaults: &StackDefaults) -> Result<Self, TagError> {
        let pairs = Pairs::parse(BACKUP, value, &KEYS, EXAMPLE)?;
        let keep = pairs.get("keep").map(|text| retention(&pairs, text)).transpose()?;
        let rpo = |text| seconds(text).ok_or_else(|| pairs.error(format!("rpo={text} is not a duration such as 1h")));
        Ok(Self {
            slots: slots(&pairs, defaults)?,
            keep: keep.unwrap_or(Retention { days: defaults.retention_days, ..Retention::default() }),
            rpo: pairs.get("rpo").map(rpo).transpose()?,
            copy: pairs.get("copy").map(|text| regions(&pairs, text)).transpose()?.unwrap_or_default(),
            drill: pairs.get("drill").map(|text| drill(&pairs, text)).transpose()?,
        })
    }
}

fn slots(pairs: &Pairs<'_>, defaults: &StackDefaults) -> Result<Slots, TagError> {
    let zone = pairs.get("tz").map_or(Ok(TimeZone::UTC), |name| time_zone(name).map_err(|e| pairs.error(e)))?;
    match (pairs.get("at"), pairs.get("every")) {
        (Some(_), Some(_)) => Err(pairs.error("at= and every= exclude each other")),
        (None, Some(text)) => match seconds(text) {
            Some(seconds) if seconds >= 3_600 => Ok(Slots::Every { seconds }),
            _ => Err(pairs.error(format!("every={text} is not a duration of an hour or more such as 1h"))),
        },
        (at, None) => {
            let at = at.map_or(Ok(defaults.backup_at), |text| time_of_day(text).map_err(|e| pairs.error(e)))?;
            Ok(Slots::Daily { at, zone })
        }
    }
}

fn retention(pairs: &Pairs<'_>, text: &str) -> Result<Retention, TagError> {
    let wrong = |part: &str| pairs.error(format!("keep={part} is not a number of h, d, w or m(onths) such as 7d"));
    let mut keep = Retention::default();
    for part in text.split('+') {
        let (number, unit) = part.split_at_checked(part.len().saturating_sub(1)).ok_or_else(|| wrong(part))?;
        let number = number.parse().ok().filter(|n| *n > 0).ok_or_else(|| wrong(part))?;
        let tier = match unit {
            "h" => &mut keep.hours,
            "d" => &mut keep.days,
            "w" => &mut keep.weeks,
            "m" => &mut keep.months,
            _ => return Err(wrong(part)),
        };
        if *tier > 0 {
            return Err(pairs.error(format!("keep= names \"{unit}\" twice")));
        }
        *tier = number;
    }
    Ok(keep)
}

fn regions(pairs: &Pairs<'_>, text: &str) -> Result<Vec<String>, TagError> {
    let looks_right = |region: &str| {
        let parts: Vec<&str> = region.split('-').collect();
        parts.len() >= 3 && parts.last().is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()) && !n.is_empty())
    };
    let named = text.split('+').map(|region| {
        if looks_right(region) {
            Ok(region.to_owned())
        } else {
            Err(pairs.error(format!("copy={region} is no region")))
        }
    });
    named.collect()
}

fn drill(pairs: &Pairs<'_>, text: &str) -> Result<Drill, TagError> {
    match text {
        "daily" => Ok(Drill::Daily),
        "weekly" => Ok(Drill::Weekly),
        "monthly" => Ok(Drill::Monthly),
        _ => Err(pairs.error(format!("drill={text} is not one of daily, weekly, monthly"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(value: &str) -> Result<BackupPolicy, TagError> {
        BackupPolicy::parse(value, &StackDefaults::default())
    }

    #[test]
    fn reads_tiers_copies_and_drills() {
        let policy = parse("every=1h keep=24h+7d+4w rpo=1h copy=eu-west-1 drill=weekly").unwrap();
        assert_eq!(policy.slots, Slots::Every { seconds: 3_600 });
        assert_eq!(policy.keep, Retention { hours: 24, days: 7, weeks: 4, months: 0 });
        assert_eq!((policy.rpo, policy.drill), (Some(3_600), Some(Drill::Weekly)));
        assert_eq!(policy.copy, ["eu-west-1"]);
    }

    #[test]
    fn the_stack_fills_in_what_the_tag_leaves_open() {
        let policy = parse("tz=Europe/Rome").unwrap();
        let Slots::Daily { at, zone } = policy.slots else { panic!("not daily") };
        assert_eq!((at.to_string().as_str(), zone.iana_name()), ("03:00:00", Some("Europe/Rome")));
        assert_eq!(policy.keep.days, 7);
    }

    #[rstest]
    #[case("at=25:00", "25:00 is not a time of day such as 03:00")]
    #[case("at=03:00 every=1h", "at= and every= exclude each other")]
    #[case("keep=7", "keep=7 is not a number of h, d, w or m(onths) such as 7d")]
    #[case("keep=7d+8d", "keep= names \"d\" twice")]
    #[case("every=5m", "every=5m is not a duration of an hour or more such as 1h")]
    #[case("tz=Europe/Roma", "Europe/Roma is no time zone such as Europe/Rome")]
    #[case("copy=ireland", "copy=ireland is no region")]
    #[case("drill=yes", "drill=yes is not one of daily, weekly, monthly")]
    fn a_mistake_is_named(#[case] value: &str, #[case] problem: &str) {
        assert_eq!(parse(value).unwrap_err().problem, problem);
    }
}
