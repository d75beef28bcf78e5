//! CloudWatch alarms, limited to the settings that Lamplighter uses.

use std::collections::BTreeMap;

use jiff::Timestamp;
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

/// The measured value of an alarm: one metric, or the sum of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    One(AlarmMetric),
    Sum(Vec<AlarmMetric>),
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
}

/// An alarm that exists in CloudWatch, with its current state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExistingAlarm {
    pub name: String,
    pub arn: String,
    pub state: AlarmState,
    pub state_since: Option<Timestamp>,
    pub state_reason: String,
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
    pub const ALL: [Self; 4] = [Self::Average, Self::Sum, Self::Maximum, Self::Minimum];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Maximum => "Maximum",
            Self::Minimum => "Minimum",
        }
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
    pub fn metrics(&self) -> &[AlarmMetric] {
        match self {
            Self::One(metric) => std::slice::from_ref(metric),
            Self::Sum(metrics) => metrics,
        }
    }
}
