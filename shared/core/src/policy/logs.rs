//! `lamplighter:logs`: export and retention of a log group.

use std::collections::BTreeMap;
use std::fmt;

use super::LOGS;
use super::grammar::{TagError, TagPairs, parse_seconds};
use super::reference::LOGS_TAG;
/// Allowed retentions of exported logs, in days. The stack's bucket has a lifecycle rule for each.
pub const EXPORT_RETENTION_DAYS: [u32; 10] = [1, 3, 5, 7, 14, 30, 60, 90, 180, 365];
/// Retentions that CloudWatch Logs accepts for a log group, in days.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const LOG_GROUP_RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
const SECONDS_PER_DAY: u64 = 86_400;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsPolicy {
    /// Retention of the export; `None` disables the export.
    pub export: Option<ExportRetention>,
    /// Retention of the log group in days; `None` leaves it unchanged.
    pub retain: Option<u32>,
}

/// Retention of exported logs. Its display form is the S3 folder that the bucket's lifecycle rule
/// applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportRetention {
    Days(u32),
    /// Retention from the stack parameter RetentionDays.
    Default,
}

impl fmt::Display for ExportRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl LogsPolicy {
    /// Minimum retention of an exported log group, in days.
    ///
    /// The export runs up to a day and a half after its day began. Events deleted earlier would be
    /// lost.
    pub const MIN_RETENTION_DAYS: u32 = 3;

    /// Parses the logs tag of a target; `None` if it is absent.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn from_tags(tags: &BTreeMap<String, String>) -> Result<Option<Self>, TagError> {
        let Some(value) = tags.get(LOGS) else {
            return Ok(None);
        };
        // The error quotes the whole value, with the word export.
        Self::parse(value).map(Some).map_err(|error| TagError {
            value: value.clone(),
            ..error
        })
    }

    fn parse(value: &str) -> Result<Self, TagError> {
        let (words, others): (Vec<&str>, Vec<&str>) =
            value.split_whitespace().partition(|word| *word == "export");
        let pairs = others.join(" ");
        let pairs = TagPairs::parse(&LOGS_TAG, &pairs)?;
        let is_exported = !words.is_empty();
        let retain = pairs
            .get("retain")
            .map(|text| parse_days(&pairs, "retain", text, &LOG_GROUP_RETENTION_DAYS))
            .transpose()?;
        let keep = pairs
            .get("keep")
            .map(|text| parse_days(&pairs, "keep", text, &EXPORT_RETENTION_DAYS))
            .transpose()?;
        match (is_exported, keep, retain) {
            (false, None, None) => Err(pairs.build_error("has neither export nor retain=")),
            (false, Some(_), _) => {
                Err(pairs.build_error("keep= needs the word export, which is missing"))
            }
            (true, _, Some(retain)) if retain < Self::MIN_RETENTION_DAYS => {
                Err(pairs.build_error(format!(
                    "retain={retain}d deletes events before they are exported; the minimum is {}d",
                    Self::MIN_RETENTION_DAYS
                )))
            }
            _ => Ok(Self {
                export: is_exported
                    .then(|| keep.map_or(ExportRetention::Default, ExportRetention::Days)),
                retain,
            }),
        }
    }
}

fn parse_days(
    pairs: &TagPairs<'_>,
    key: &str,
    text: &str,
    allowed: &[u32],
) -> Result<u32, TagError> {
    let whole = parse_seconds(text)
        .filter(|seconds| seconds % SECONDS_PER_DAY == 0)
        .map(|seconds| seconds / SECONDS_PER_DAY);
    let known = whole.and_then(|days| {
        allowed
            .iter()
            .copied()
            .find(|known| u64::from(*known) == days)
    });
    known.ok_or_else(|| {
        let allowed: Vec<String> = allowed.iter().map(|days| format!("{days}d")).collect();
        pairs.build_error(format!("{key}={text} is not one of {}", allowed.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(value: &str) -> Result<LogsPolicy, TagError> {
        LogsPolicy::from_tags(&BTreeMap::from([(LOGS.to_owned(), value.to_owned())]))
            .map(Option::unwrap)
    }

    #[rstest]
    #[case("export", Some(ExportRetention::Default), None)]
    #[case("export keep=7d", Some(ExportRetention::Days(7)), None)]
    #[case("keep=2w retain=30d export", Some(ExportRetention::Days(14)), Some(30))]
    #[case("retain=1d", None, Some(1))]
    fn reads_export_and_retention(
        #[case] value: &str,
        #[case] export: Option<ExportRetention>,
        #[case] retain: Option<u32>,
    ) {
        assert_eq!(parse(value), Ok(LogsPolicy { export, retain }));
    }

    #[rstest]
    #[case("", "has neither export nor retain=")]
    #[case("keep=7d", "keep= needs the word export, which is missing")]
    #[case("exprot", "\"exprot\" is not key=value")]
    #[case(
        "export keep=8d",
        "keep=8d is not one of 1d, 3d, 5d, 7d, 14d, 30d, 60d, 90d, 180d, 365d"
    )]
    #[case(
        "export keep=36h",
        "keep=36h is not one of 1d, 3d, 5d, 7d, 14d, 30d, 60d, 90d, 180d, 365d"
    )]
    #[case(
        "export retain=1d",
        "retain=1d deletes events before they are exported; the minimum is 3d"
    )]
    #[case(
        "export kept=7d",
        "unknown key \"kept\", did you mean \"keep\"? (known: keep, retain)"
    )]
    fn an_error_names_the_problem(#[case] value: &str, #[case] problem: &str) {
        let error = parse(value).unwrap_err();
        assert_eq!(
            (error.problem.as_str(), error.value.as_str()),
            (problem, value)
        );
    }
}
