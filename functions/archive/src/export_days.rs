//! Schedule of the daily log exports. Pure.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lamplighter::model::{LogDay, LogGroup};
use lamplighter::policy::ExportRetention;

use crate::policy::Policy;

/// Delay from the start of a day (UTC) to its export, at noon of the next day. By then CloudWatch
/// Logs has all of its events.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html>
const EXPORT_DELAY: SignedDuration = SignedDuration::from_hours(36);

/// Returns the last day that is due.
pub fn last_due_day(now: Timestamp) -> Date {
    (now - EXPORT_DELAY).to_zoned(TimeZone::UTC).date()
}

/// Returns the start of a day, in UTC.
pub fn day_start(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// Returns the time from which a day is due.
pub fn due_since(day: Date) -> Timestamp {
    day_start(day)
        .checked_add(EXPORT_DELAY)
        .unwrap_or(Timestamp::MAX)
}

/// Returns the first day that is due: the day after the last complete one, or the last due day if
/// none is complete.
///
/// Skips days that CloudWatch Logs has deleted or that the bucket would expire at once.
pub fn first_due_day(
    policy: &Policy,
    keep: ExportRetention,
    group: &LogGroup,
    exported: Option<Date>,
    now: Timestamp,
) -> Option<Date> {
    let last = last_due_day(now);
    let wanted = exported.map_or(Ok(last), Date::tomorrow).ok()?;
    let kept = match keep {
        ExportRetention::Days(days) => days,
        ExportRetention::Default => policy.default_keep,
    };
    // At least two days, because a day only becomes due in the middle of the next one.
    let oldest_useful = days_ago(kept.max(2), now);
    let oldest_complete = group
        .retention_days
        .map_or(oldest_useful, |days| oldest_complete_day(days, now));
    let first = wanted.max(oldest_useful).max(oldest_complete);
    (first <= last && has_existed_on(group, last)).then_some(first)
}

/// Returns the oldest day whose events are all still in CloudWatch Logs. The day before it is
/// partly deleted.
pub fn oldest_complete_day(retention_days: u32, now: Timestamp) -> Date {
    days_ago(retention_days.saturating_sub(1), now)
}

fn days_ago(days: u32, now: Timestamp) -> Date {
    let today = now.to_zoned(TimeZone::UTC).date();
    today.checked_sub(i64::from(days).days()).unwrap_or(today)
}

/// Reports whether the group was created before the day ended.
fn has_existed_on(group: &LogGroup, day: Date) -> bool {
    let end = day.tomorrow().map_or(Timestamp::MAX, day_start);
    group.created.is_none_or(|created| created < end)
}

/// Returns the export location of a group's day. A group without a leading slash gets a folder that
/// no other group can have.
pub fn export_location(
    policy: &Policy,
    keep: ExportRetention,
    group: &LogGroup,
    day: Date,
) -> LogDay {
    let name = group.arn.display_name();
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
