//! The specification of an alarm, from which it is built.

use std::collections::BTreeMap;

use lamplighter::model::{
    Alarm, AlarmKind, AlarmMetric, AlarmTopics, Arn, Measure, Statistic, alarm_prefix,
};

pub const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";
pub const MORE_THAN: &str = "GreaterThanThreshold";
pub const LESS_THAN: &str = "LessThanThreshold";
/// Minutes for which a threshold must be breached before the alarm fires.
pub const PEAK_MINUTES: u32 = 3;
/// The end of the description of every alarm.
pub const MARK: &str = "Kept by Lamplighter from the tags.";
/// The most metrics that an alarm computes its value from.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
pub const MAX_METRICS: usize = 10;

/// Bytes in a mebibyte.
pub const MIB: f64 = 1_048_576.0;
/// Bytes in a gibibyte.
pub const GIB: f64 = 1_024.0 * MIB;

/// The specification of one alarm.
pub struct AlarmSpec {
    pub kind: AlarmKind,
    /// The condition in words. It names every setting that a tag or the target can change.
    pub about: String,
    pub measure: Measure,
    pub comparison: &'static str,
    pub threshold: f64,
    /// Number of periods that must all breach the threshold.
    pub minutes: u32,
    /// Length of one evaluation period, in minutes.
    pub period: u32,
    /// How CloudWatch treats missing data.
    pub missing: &'static str,
}

impl AlarmSpec {
    /// Builds an alarm that fires when a value reaches a bound for three minutes.
    pub fn at_least(kind: AlarmKind, about: &str, measure: Measure, threshold: f64) -> Self {
        Self {
            kind,
            about: format!("{about} for {PEAK_MINUTES} minutes"),
            measure,
            comparison: AT_LEAST,
            threshold,
            minutes: PEAK_MINUTES,
            period: 1,
            missing: "missing",
        }
    }

    /// Builds an alarm that fires when a value is below a bound for three minutes.
    pub fn less_than(kind: AlarmKind, about: &str, measure: Measure, threshold: f64) -> Self {
        Self {
            comparison: LESS_THAN,
            ..Self::at_least(kind, about, measure, threshold)
        }
    }

    /// Treats missing data as good: AWS reports this metric only if there is something to report.
    pub fn quiet_without_data(self) -> Self {
        Self {
            missing: "notBreaching",
            ..self
        }
    }

    pub fn into_alarm(self, target: &Arn) -> Alarm {
        let prefix = alarm_prefix(target).unwrap_or_default();
        Alarm {
            name: format!("{prefix}{}", self.kind.name()),
            description: format!("{}: {}. {MARK}", target.display_name(), self.about),
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
pub fn peak_alarm(kind: AlarmKind, metric: &str, percent: f64, measure: Measure) -> AlarmSpec {
    let about = format!("{metric} at or above {percent} %");
    AlarmSpec::at_least(kind, &about, measure, percent)
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

/// Combines metrics into one measure; `None` without any. At most [`MAX_METRICS`] of them are used.
pub fn combine_metrics(
    mut metrics: Vec<AlarmMetric>,
    combine: fn(Vec<AlarmMetric>) -> Measure,
) -> Option<Measure> {
    metrics.truncate(MAX_METRICS);
    if metrics.len() > 1 {
        return Some(combine(metrics));
    }
    metrics.pop().map(Measure::One)
}

/// Writes a time in seconds: `800 ms`, `2 s`.
pub fn format_time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1_000.0)
    } else {
        format!("{seconds} s")
    }
}
