//! `lamplighter:logs`: whether a log group is exported, and how long its events are kept.

use std::collections::BTreeMap;
use std::fmt;

use super::LOGS;
use super::grammar::{Pairs, TagError, seconds};

const EXAMPLE: &str = "export keep=7d retain=30d";
/// Days that exported logs can be kept; the stack's bucket has a lifecycle rule for each.
pub const KEEPS: [u32; 10] = [1, 3, 5, 7, 14, 30, 60, 90, 180, 365];
/// Days that a log group can keep its events.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
const SECONDS_PER_DAY: u64 = 86_400;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsPolicy {
    /// `None`: nothing is exported.
    pub export: Option<Keep>,
    /// Days that the log group is to keep its events; `None` leaves it as it is.
    pub retain: Option<u32>,
}

/// How long exported logs are kept. Displays as the folder they are in, which the bucket's lifecycle goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Days(u32),
    /// As long as the stack parameter RetentionDays says.
    Default,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl LogsPolicy {
    /// An event that is deleted earlier may be gone before it is exported, a day and a half after its day began.
    pub const LEAST_RETENTION: u32 = 3;

    /// Reads the tag among others; `None` where it is absent.
    ///
    /// # Errors
    /// [`TagError`] naming what is wrong.
    pub fn of(tags: &BTreeMap<String, String>) -> Result<Option<Self>, TagError> {
        let read = |value: &String| {
            Self::parse(value).map_err(|error| TagError {
                value: value.clone(),
                ..error
            })
        };
        tags.get(LOGS).map(read).transpose()
    }

    fn parse(value: &str) -> Result<Self, TagError> {
        let (words, others): (Vec<&str>, Vec<&str>) =
            value.split_whitespace().partition(|word| *word == "export");
        let pairs = others.join(" ");
        let pairs = Pairs::parse(LOGS, &pairs, &["keep", "retain"], EXAMPLE)?;
        let is_exported = !words.is_empty();
        let retain = pairs
            .get("retain")
            .map(|text| days(&pairs, "retain", text, &RETENTIONS))
            .transpose()?;
        let keep = pairs
            .get("keep")
            .map(|text| days(&pairs, "keep", text, &KEEPS))
            .transpose()?;
        match (is_exported, keep, retain) {
            (false, None, None) => Err(pairs.error("says neither export nor retain=")),
            (false, Some(_), _) => {
                Err(pairs.error("keep= is about what is exported, and the word export is missing"))
            }
            (true, _, Some(retain)) if retain < Self::LEAST_RETENTION => Err(pairs.error(format!(
                "retain={retain}d deletes events before they are exported; {}d is the least",
                Self::LEAST_RETENTION
            ))),
            _ => Ok(Self {
                export: is_exported.then(|| keep.map_or(Keep::Default, Keep::Days)),
                retain,
            }),
        }
    }
}

fn days(pairs: &Pairs<'_>, key: &str, text: &str, allowed: &[u32]) -> Result<u32, TagError> {
    let whole = seconds(text)
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
        pairs.error(format!("{key}={text} is not one of {}", allowed.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(value: &str) -> Result<LogsPolicy, TagError> {
        LogsPolicy::of(&BTreeMap::from([(LOGS.to_owned(), value.to_owned())])).map(Option::unwrap)
    }

    #[rstest]
    #[case("export", Some(Keep::Default), None)]
    #[case("export keep=7d", Some(Keep::Days(7)), None)]
    #[case("keep=2w retain=30d export", Some(Keep::Days(14)), Some(30))]
    #[case("retain=1d", None, Some(1))]
    fn says_what_is_exported_and_how_long_it_stays(
        #[case] value: &str,
        #[case] export: Option<Keep>,
        #[case] retain: Option<u32>,
    ) {
        assert_eq!(of(value), Ok(LogsPolicy { export, retain }));
    }

    #[rstest]
    #[case("", "says neither export nor retain=")]
    #[case(
        "keep=7d",
        "keep= is about what is exported, and the word export is missing"
    )]
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
        "retain=1d deletes events before they are exported; 3d is the least"
    )]
    #[case(
        "export kept=7d",
        "unknown key \"kept\", did you mean \"keep\"? (known: keep, retain)"
    )]
    fn a_mistake_is_named(#[case] value: &str, #[case] problem: &str) {
        let error = of(value).unwrap_err();
        assert_eq!(
            (error.problem.as_str(), error.value.as_str()),
            (problem, value)
        );
    }
}
