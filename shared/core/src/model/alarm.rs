//! CloudWatch alarms, limited to the settings that Lamplighter uses.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The alarm settings that Lamplighter manages. If two are equal, no API call is needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// `lamplighter/shop/web/cpu-peak`
    pub name: String,
    pub description: String,
    pub measure: Measure,
    /// The comparison operator in AWS's spelling: `GreaterThanOrEqualToThreshold`.
    pub comparison: String,
    pub threshold: f64,
    /// Number of evaluation periods; every one of them must breach the threshold.
    pub minutes: u32,
    /// Length of one period, in minutes.
    pub period: u32,
    /// Treatment of missing data in AWS's spelling: `notBreaching`, `missing`.
    pub missing_data: String,
    /// Actions that operators attached to the alarm. Lamplighter neither adds nor removes any.
    #[serde(default)]
    pub actions: AlarmTopics,
}

/// ARNs of the actions that an alarm runs, by the state it enters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmTopics {
    pub ok: Vec<String>,
    pub alarm: Vec<String>,
    pub insufficient_data: Vec<String>,
}

/// The measured value of an alarm: one metric, or a number computed from several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    One(AlarmMetric),
    Sum(Vec<AlarmMetric>),
    Greatest(Vec<AlarmMetric>),
    Share(Share),
}

/// The share of some counts in others, in percent. It is 0 while the counts are few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub part: Vec<AlarmMetric>,
    /// The counts that contain the part, or those beside it.
    pub others: Vec<AlarmMetric>,
    /// Whether the part is missing in `others`.
    pub is_beside: bool,
    /// The smallest part of a period that counts.
    pub least: u32,
}

/// One metric at one-minute resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmMetric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    pub statistic: Statistic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statistic {
    Average,
    Sum,
    Maximum,
    Minimum,
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
}

/// An alarm that exists in CloudWatch, with its current state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExistingAlarm {
    pub name: String,
    pub arn: String,
    pub state: AlarmState,
    pub state_since: Option<Timestamp>,
    pub state_reason: String,
    pub description: String,
    pub actions: AlarmTopics,
    /// The alarm's settings; `None` if it uses a form that Lamplighter never creates.
    pub alarm: Option<Alarm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

impl Alarm {
    /// Returns the state to which its values move the alarm. `newest` is the start of the newest minute that CloudWatch has, and
    /// `value_of` reads a metric in the minute that starts at a time.
    #[must_use]
    pub fn find_state(
        &self,
        newest: Timestamp,
        value_of: impl Fn(&AlarmMetric, Timestamp) -> Option<f64>,
    ) -> AlarmState {
        let period = SignedDuration::from_mins(i64::from(self.period));
        let ends =
            (0..self.minutes).map(|n| newest - period * i32::try_from(n).unwrap_or(i32::MAX));
        let values: Vec<Option<f64>> = ends
            .map(|last| self.evaluate_period(last, &value_of))
            .collect();
        let is_unknown = values.iter().all(Option::is_none);
        let breaches = values.into_iter().all(|value| match value {
            Some(value) => self.breaches(value),
            None => self.missing_data == "breaching",
        });
        match self.missing_data.as_str() {
            "missing" if is_unknown => AlarmState::InsufficientData,
            _ if breaches => AlarmState::Alarm,
            _ => AlarmState::Ok,
        }
    }

    /// Computes the value of the period that ends with the minute `last`. The least count of a share applies to it.
    fn evaluate_period(
        &self,
        last: Timestamp,
        value_of: &impl Fn(&AlarmMetric, Timestamp) -> Option<f64>,
    ) -> Option<f64> {
        let values: Vec<Option<f64>> = self
            .measure
            .metrics()
            .into_iter()
            .map(|metric| {
                let minutes = (0..self.period).map(|n| last - SignedDuration::from_mins(n.into()));
                metric
                    .statistic
                    .combine(minutes.filter_map(|minute| value_of(metric, minute)))
            })
            .collect();
        let value = self.measure.evaluate(&values)?;
        match &self.measure {
            Measure::Share(share) => {
                let part: f64 = values.iter().take(share.part.len()).flatten().sum();
                Some(if part < f64::from(share.least) {
                    0.0
                } else {
                    value
                })
            }
            Measure::One(_) | Measure::Sum(_) | Measure::Greatest(_) => Some(value),
        }
    }

    /// Reports whether a value breaches the threshold. A comparison that Lamplighter never uses is never breached.
    fn breaches(&self, value: f64) -> bool {
        match self.comparison.as_str() {
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "GreaterThanThreshold" => value > self.threshold,
            "LessThanThreshold" => value < self.threshold,
            "LessThanOrEqualToThreshold" => value <= self.threshold,
            _ => false,
        }
    }
}

impl AlarmState {
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "OK" => Some(Self::Ok),
            "ALARM" => Some(Self::Alarm),
            "INSUFFICIENT_DATA" => Some(Self::InsufficientData),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl Statistic {
    pub const ALL: [Self; 6] = [
        Self::Average,
        Self::Sum,
        Self::Maximum,
        Self::Minimum,
        Self::P50,
        Self::P99,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Maximum => "Maximum",
            Self::Minimum => "Minimum",
            Self::P50 => "p50",
            Self::P99 => "p99",
        }
    }

    /// Combines the values of minutes to the one of a longer period. Of averages and percentiles the greatest counts: the real one
    /// is not in the minutes.
    fn combine(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        match self {
            Self::Sum => values.reduce(|sum, value| sum + value),
            Self::Minimum => values.reduce(f64::min),
            Self::Average | Self::Maximum | Self::P50 | Self::P99 => values.reduce(f64::max),
        }
    }

    #[must_use]
    pub fn is_percentile(self) -> bool {
        matches!(self, Self::P50 | Self::P99)
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|statistic| statistic.as_str() == word)
    }
}

impl Measure {
    /// Returns every metric that the alarm evaluates.
    #[must_use]
    pub fn metrics(&self) -> Vec<&AlarmMetric> {
        match self {
            Self::One(metric) => vec![metric],
            Self::Sum(metrics) | Self::Greatest(metrics) => metrics.iter().collect(),
            Self::Share(share) => share.part.iter().chain(&share.others).collect(),
        }
    }

    /// Computes the value of one minute from those of [`Self::metrics`], in their order; `None` if nothing was measured.
    /// The least count of a share applies to a whole period, not to a minute.
    #[must_use]
    pub fn evaluate(&self, values: &[Option<f64>]) -> Option<f64> {
        let sum = |values: &[Option<f64>]| -> f64 { values.iter().flatten().sum() };
        values.iter().any(Option::is_some).then_some(())?;
        match self {
            Self::One(_) => values.first().copied().flatten(),
            Self::Sum(_) => Some(sum(values)),
            Self::Greatest(_) => values.iter().flatten().copied().reduce(f64::max),
            Self::Share(share) => {
                let (part, others) = values.split_at_checked(share.part.len())?;
                share.in_percent(sum(part), sum(others))
            }
        }
    }
}

impl Share {
    /// Returns the share of a part, in percent; `None` if there is nothing to share.
    #[must_use]
    pub fn in_percent(&self, part: f64, others: f64) -> Option<f64> {
        let whole = if self.is_beside {
            part + others
        } else {
            others
        };
        (whole > 0.0).then(|| (100.0 * part / whole).min(100.0))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn metrics(count: usize) -> Vec<AlarmMetric> {
        let metric = AlarmMetric {
            namespace: String::new(),
            name: String::new(),
            dimensions: BTreeMap::new(),
            statistic: Statistic::Sum,
        };
        vec![metric; count]
    }

    fn share(is_beside: bool) -> Measure {
        Measure::Share(Share {
            part: metrics(1),
            others: metrics(2),
            is_beside,
            least: 5,
        })
    }

    #[rstest]
    #[case::nothing_measured(Measure::Sum(metrics(2)), &[None, None], None)]
    #[case::a_sum_of_one(Measure::Sum(metrics(2)), &[None, Some(3.0)], Some(3.0))]
    #[case::the_greatest(Measure::Greatest(metrics(2)), &[Some(1.0), Some(3.0)], Some(3.0))]
    #[case::a_share(share(false), &[Some(2.0), Some(30.0), Some(10.0)], Some(5.0))]
    #[case::no_errors(share(false), &[None, Some(30.0), None], Some(0.0))]
    // A load balancer without a healthy target counts errors and no requests.
    #[case::errors_beside_no_requests(share(true), &[Some(7.0), None, None], Some(100.0))]
    #[case::errors_without_requests(share(false), &[Some(7.0), None, None], None)]
    fn a_measure_has_one_value(
        #[case] measure: Measure,
        #[case] values: &[Option<f64>],
        #[case] expected: Option<f64>,
    ) {
        assert_eq!(measure.evaluate(values), expected);
    }
}
