//! Which day of logs is due. Pure.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lamplighter::model::{LogDay, LogGroup};
use lamplighter::policy::Keep;

use crate::Policy;

/// A day is exported at noon of the next one, in UTC: by then CloudWatch Logs has all of it.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html>
const AFTER: SignedDuration = SignedDuration::from_hours(36);

/// The last day that is due.
pub fn last(now: Timestamp) -> Date {
    (now - AFTER).to_zoned(TimeZone::UTC).date()
}

/// When a day begins.
pub fn beginning(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// Since when a day is due.
pub fn since(day: Date) -> Timestamp {
    beginning(day).checked_add(AFTER).unwrap_or(Timestamp::MAX)
}

/// The first day that is due: the one after what is complete, but none that CloudWatch Logs has deleted or that the
/// bucket would delete at once. Before anything is complete that is the last one.
pub fn first(
    policy: &Policy,
    keep: Keep,
    group: &LogGroup,
    exported: Option<Date>,
    now: Timestamp,
) -> Option<Date> {
    let last = last(now);
    let wanted = exported.map_or(Ok(last), Date::tomorrow).ok()?;
    let kept = match keep {
        Keep::Days(days) => days,
        Keep::Default => policy.default_keep,
    };
    // At least the two days in which a day is due for the first time.
    let of_use = ago(kept.max(2), now);
    let there = group
        .retention_days
        .map_or(of_use, |days| oldest_there(days, now));
    let first = wanted.max(of_use).max(there);
    (first <= last && since_creation(group, last)).then_some(first)
}

/// The oldest day of which CloudWatch Logs has all: of the one before a part is gone.
pub fn oldest_there(retention_days: u32, now: Timestamp) -> Date {
    ago(retention_days.saturating_sub(1), now)
}

fn ago(days: u32, now: Timestamp) -> Date {
    let today = now.to_zoned(TimeZone::UTC).date();
    today.checked_sub(i64::from(days).days()).unwrap_or(today)
}

/// The group was there before the day ended.
fn since_creation(group: &LogGroup, day: Date) -> bool {
    let end = day.tomorrow().map_or(Timestamp::MAX, beginning);
    group.created.is_none_or(|created| created < end)
}

/// Where a day of a group is kept. A group without a leading slash has a folder that no other can have.
pub fn place(policy: &Policy, keep: Keep, group: &LogGroup, day: Date) -> LogDay {
    let name = group.arn.name();
    let path = name
        .strip_prefix('/')
        .map_or_else(|| format!("_/{name}"), str::to_owned);
    LogDay {
        group: group.arn.clone(),
        day,
        bucket: policy.bucket.clone(),
        prefix: format!("{keep}/{path}/{day}"),
    }
}
