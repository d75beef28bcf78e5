//! The specification of an alarm, from which it is built.

use std::collections::BTreeMap;

use lamplighter::model::{Alarm, AlarmMetric, AlarmTopics, Arn, Measure, Statistic};

use crate::alarm_names::alarm_prefix;

pub const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";
pub const MORE_THAN: &str = "GreaterThanThreshold";
pub const LESS_THAN: &str = "LessThanThreshold";
/// Minutes for which a threshold must be breached before the alarm fires.
pub const PEAK_MINUTES: u32 = 3;

/// The specification of one alarm.
pub struct AlarmSpec<'a> {
    /// Last part of the alarm's name.
    pub kind: &'a str,
    /// The condition in words.
    pub about: String,
    pub measure: Measure,
    pub comparison: &'a str,
    pub threshold: f64,
    pub minutes: u32,
    /// Length of one evaluation period, in minutes.
    pub period: u32,
    /// How CloudWatch treats missing data.
    pub missing: &'a str,
}

impl AlarmSpec<'_> {
    pub fn into_alarm(self, target: &Arn) -> Alarm {
        let prefix = alarm_prefix(target).unwrap_or_default();
        Alarm {
            name: format!("{prefix}{}", self.kind),
            description: format!(
                "{}: {}. Kept by Lamplighter from the tags.",
                target.display_name(),
                self.about
            ),
            measure: self.measure,
            comparison: self.comparison.to_owned(),
            threshold: self.threshold,
            minutes: self.minutes,
            period: self.period,
            missing_data: self.missing.to_owned(),
            actions: AlarmTopics::default(),
        }
    }
}

/// Builds the alarm on a utilization in percent.
pub fn peak_alarm<'a>(
    kind: &'a str,
    metric: &str,
    threshold: u32,
    measure: Measure,
) -> AlarmSpec<'a> {
    AlarmSpec {
        kind,
        about: format!("{metric} at or above {threshold} % for {PEAK_MINUTES} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: f64::from(threshold),
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "missing",
    }
}

/// Builds a metric identity.
pub fn alarm_metric(
    namespace: &str,
    name: &str,
    dimensions: &[(&str, &str)],
    statistic: Statistic,
) -> AlarmMetric {
    let dimensions: BTreeMap<String, String> = dimensions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    AlarmMetric {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions,
        statistic,
    }
}
