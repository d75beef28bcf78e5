//! A CloudWatch alarm, as far as one of ours can be described.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// All of an alarm that this system sets. Two alarms that are equal need no call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// `lamplighter/shop/web/cpu-peak`
    pub name: String,
    pub description: String,
    pub measure: Measure,
    /// AWS's word: `GreaterThanOrEqualToThreshold`.
    pub comparison: String,
    pub threshold: f64,
    /// Periods that are looked at, all of which must breach.
    pub minutes: u32,
    /// Minutes of one period.
    pub period: u32,
    /// AWS's word: `notBreaching`, `missing`.
    pub missing_data: String,
    /// What people have attached to it. This system attaches nothing and takes nothing away.
    #[serde(default)]
    pub actions: AlarmActions,
}

/// ARNs that an alarm calls when it gets into a state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmActions {
    pub ok: Vec<String>,
    pub alarm: Vec<String>,
    pub insufficient_data: Vec<String>,
}

/// What an alarm measures: one metric, or the sum of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    One(AlarmMetric),
    Sum(Vec<AlarmMetric>),
}

/// One metric, by the minute.
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

/// An alarm that exists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HasAlarm {
    pub name: String,
    pub arn: String,
    pub state: AlarmState,
    pub state_since: Option<Timestamp>,
    pub state_reason: String,
    pub actions: AlarmActions,
    /// `None` where it has a form that this system never sets.
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
    /// Every metric that is looked at.
    #[must_use]
    pub fn metrics(&self) -> &[AlarmMetric] {
        match self {
            Self::One(metric) => std::slice::from_ref(metric),
            Self::Sum(metrics) => metrics,
        }
    }
}
