//! `lamplighter:backup`: schedule, retention, RPO, copies and drills.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::clock::{parse_time_of_day, parse_time_zone};
use super::grammar::{TagError, TagPairs, parse_seconds};
use super::reference::BACKUP_TAG;
use super::{BACKUP, Retention, StackDefaults};
use crate::model::{CopyDestination, Database};

#[derive(Debug, Clone, PartialEq)]
pub struct BackupPolicy {
    pub slots: Slots,
    /// Time zone for the boundaries of days, weeks and months.
    pub zone: TimeZone,
    pub keep: Retention,
    /// Recovery point objective: maximum age of the newest snapshot, in seconds.
    pub rpo: Option<u64>,
    /// Destinations that get a copy of every snapshot: regions, the vault.
    pub copy: Vec<CopyDestination>,
    /// KMS key at the destination for encrypted copies; RDS's default key if absent.
    pub copy_key: Option<String>,
    /// Option group at the destination for copies of instances; the default one if absent.
    pub copy_option_group: Option<String>,
    pub drill: Option<DrillSchedule>,
    /// Security group of databases restored for a drill; the stack's by default.
    pub drill_group: Option<String>,
    /// Instance class or node type of what a drill restores; the smallest offered one by default, and that of the source for
    /// a cache.
    pub drill_class: Option<String>,
    /// Task definition that checks the restored database: a family, or a family and a revision.
    pub check_task: Option<String>,
    /// Recovery time objective: maximum duration of a restore and its check, in seconds.
    pub rto: Option<u64>,
}

/// The schedule of backup slots.
#[derive(Debug, Clone, PartialEq)]
pub enum Slots {
    /// One slot a day at this time.
    Daily { at: Time },
    /// One slot every `seconds`, counted from midnight UTC.
    Every { seconds: u64 },
}

const SECONDS_PER_DAY: i64 = 86_400;
/// The time that a snapshot may take from its slot on: until a sweep requests it, and until it is complete.
const SNAPSHOT_TIME: SignedDuration = SignedDuration::from_mins(30);

impl DrillSchedule {
    /// Returns the time between two drills.
    #[must_use]
    pub fn repeat_interval(self) -> SignedDuration {
        SignedDuration::from_hours(match self {
            Self::Daily => 24,
            Self::Weekly => 7 * 24,
            Self::Monthly => 30 * 24,
        })
    }
}

/// The frequency of drills (restore tests).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrillSchedule {
    Daily,
    Weekly,
    Monthly,
}

impl BackupPolicy {
    /// Parses the backup tag of a target; `None` if it is absent.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        tags.get(BACKUP)
            .map(|value| Self::parse(value, defaults))
            .transpose()
    }

    /// Parses the tag's value. The stack provides the default time and retention.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(value: &str, defaults: &StackDefaults) -> Result<Self, TagError> {
        let pairs = TagPairs::parse(&BACKUP_TAG, value)?;
        let keep = pairs
            .get("keep")
            .map(|text| parse_retention(&pairs, text))
            .transpose()?;
        let keep = keep.unwrap_or(Retention {
            days: defaults.retention_days,
            ..Retention::default()
        });
        let zone = pairs.get("tz").map_or(Ok(TimeZone::UTC), |name| {
            parse_time_zone(name).map_err(|e| pairs.build_error(e))
        })?;
        Ok(Self {
            slots: parse_slots(&pairs, defaults)?,
            zone,
            keep,
            rpo: pairs.parse_duration("rpo", 1..=u64::MAX, "duration such as 1h")?,
            copy: pairs
                .get("copy")
                .map(|text| parse_copy_destinations(&pairs, text))
                .transpose()?
                .unwrap_or_default(),
            copy_key: pairs.get("copy-key").map(str::to_owned),
            copy_option_group: pairs.get("copy-option-group").map(str::to_owned),
            drill: pairs
                .get("drill")
                .map(|text| parse_drill(&pairs, text))
                .transpose()?,
            drill_group: pairs
                .get("drill-group")
                .map(|text| parse_drill_group(&pairs, text))
                .transpose()?,
            drill_class: pairs
                .get("drill-class")
                .map(|text| parse_drill_class(&pairs, text))
                .transpose()?,
            check_task: pairs
                .get("check-task")
                .map(|text| parse_check_task(&pairs, text))
                .transpose()?,
            rto: pairs.parse_duration("rto", 1..=u64::MAX, "duration such as 2h")?,
        })
    }

    /// Returns the start of the latest slot, which is the one due at `now`.
    #[must_use]
    pub fn due_slot(&self, now: Timestamp) -> Timestamp {
        match self.slots {
            Slots::Daily { at } => {
                let today = now.to_zoned(self.zone.clone()).date();
                let days = [
                    Some(today),
                    today.yesterday().ok(),
                    today.yesterday().and_then(Date::yesterday).ok(),
                ];
                days.into_iter()
                    .flatten()
                    .filter_map(|date| self.daily_slot(date, at))
                    .find(|slot| *slot <= now)
                    .unwrap_or(now)
            }
            Slots::Every { seconds } => {
                let of_day = now.as_second().rem_euclid(SECONDS_PER_DAY);
                let every = i64::try_from(seconds).unwrap_or(SECONDS_PER_DAY).max(1);
                // An interval of a day or longer is counted from the epoch.
                let since = if every < SECONDS_PER_DAY {
                    of_day % every
                } else {
                    now.as_second().rem_euclid(every)
                };
                Timestamp::from_second(now.as_second() - since).unwrap_or(now)
            }
        }
    }

    /// Returns the slot of one day. If a clock change skips the time, the slot moves past the gap,
    /// so that each day has one slot.
    fn daily_slot(&self, date: Date, at: Time) -> Option<Timestamp> {
        date.to_datetime(at)
            .to_zoned(self.zone.clone())
            .ok()
            .map(|zoned| zoned.timestamp())
    }

    /// Returns the time between two slots.
    #[must_use]
    pub fn slot_interval(&self) -> SignedDuration {
        match self.slots {
            Slots::Daily { .. } => SignedDuration::from_hours(24),
            Slots::Every { seconds } => {
                SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
            }
        }
    }

    /// Returns the maximum age of the recovery point: `rpo`, or by default the slot interval plus a
    /// quarter.
    #[must_use]
    pub(super) fn target_age(&self) -> SignedDuration {
        self.rpo.map_or_else(
            || self.slot_interval() * 5 / 4,
            |seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
        )
    }

    /// Returns `rpo=` if snapshots alone can't keep it and the database has no point-in-time recovery.
    #[must_use]
    pub fn find_unkept_rpo(&self, database: &Database) -> Option<SignedDuration> {
        let rpo = self.rpo.map(|_| self.target_age())?;
        let has_recovery = database.backup_retention_days > 0 && !database.arn.is_cache();
        (!has_recovery && rpo < self.slot_interval() + SNAPSHOT_TIME).then_some(rpo)
    }

    /// Returns the age of the recovery point from which people are told. An `rpo=` that can't be kept would tell them of each
    /// slot; a finding says so once.
    #[must_use]
    pub fn max_recovery_point_age(&self, database: &Database) -> SignedDuration {
        if self.find_unkept_rpo(database).is_some() {
            self.slot_interval() * 5 / 4
        } else {
            self.target_age()
        }
    }
}

fn parse_slots(pairs: &TagPairs<'_>, defaults: &StackDefaults) -> Result<Slots, TagError> {
    match (pairs.get("at"), pairs.get("every")) {
        (Some(_), Some(_)) => Err(pairs.build_error("at= and every= are mutually exclusive")),
        (None, Some(text)) => match parse_seconds(text) {
            Some(seconds) if seconds >= 3_600 => Ok(Slots::Every { seconds }),
            _ => Err(pairs.build_error(format!(
                "every={text} is not a duration of at least 1 hour such as 6h"
            ))),
        },
        (at, None) => {
            let at = at.map_or(Ok(defaults.backup_at), |text| {
                parse_time_of_day(text).map_err(|e| pairs.build_error(e))
            })?;
            Ok(Slots::Daily { at })
        }
    }
}

fn parse_retention(pairs: &TagPairs<'_>, text: &str) -> Result<Retention, TagError> {
    text.parse().map_err(|problem| pairs.build_error(problem))
}

fn parse_copy_destinations(
    pairs: &TagPairs<'_>,
    text: &str,
) -> Result<Vec<CopyDestination>, TagError> {
    text.split('+')
        .map(|text| {
            CopyDestination::parse(text).ok_or_else(|| {
                pairs.build_error(format!(
                    "copy={text} is neither a region such as eu-central-1 nor vault"
                ))
            })
        })
        .collect()
}

fn parse_drill_group(pairs: &TagPairs<'_>, text: &str) -> Result<String, TagError> {
    if text.starts_with("sg-") {
        return Ok(text.to_owned());
    }
    Err(pairs.build_error(format!(
        "drill-group={text} is not a security group such as sg-0123456789abcdef0"
    )))
}

fn parse_drill_class(pairs: &TagPairs<'_>, text: &str) -> Result<String, TagError> {
    let parts: Vec<&str> = text.split('.').collect();
    let is_known = matches!(parts.as_slice(), ["db" | "cache", family, size] if !family.is_empty() && !size.is_empty());
    if is_known {
        return Ok(text.to_owned());
    }
    Err(pairs.build_error(format!(
        "drill-class={text} is not an instance class such as db.r6g.large, nor a node type such as cache.r7g.large"
    )))
}

fn parse_check_task(pairs: &TagPairs<'_>, text: &str) -> Result<String, TagError> {
    let (family, revision) = text.split_once(':').unwrap_or((text, "1"));
    let is_family = family
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        && !family.is_empty();
    if is_family && revision.parse::<u32>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(pairs.build_error(format!(
        "check-task={text} is not a task definition such as shop-db-check or shop-db-check:3"
    )))
}

fn parse_drill(pairs: &TagPairs<'_>, text: &str) -> Result<DrillSchedule, TagError> {
    match text {
        "daily" => Ok(DrillSchedule::Daily),
        "weekly" => Ok(DrillSchedule::Weekly),
        "monthly" => Ok(DrillSchedule::Monthly),
        _ => Err(pairs.build_error(format!("drill={text} is not one of daily, weekly, monthly"))),
    }
}
