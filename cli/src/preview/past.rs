//! The past of an account, as far as AWS remembers it.

use lamplighter::model::{AlarmMetric, Service, TargetGroup};
use serde::Serialize;

use super::minutes::{Minutes, Period};

/// The share of the limit of CPU from which more work may have waited than was done.
const SATURATED: f64 = 0.995;

/// What a preview plays.
#[derive(Debug, Clone)]
pub struct Past {
    pub period: Period,
    pub services: Vec<ServicePast>,
}

/// Where the tags come from that are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The service carries them.
    Tagged,
    /// `init` proposes them.
    Proposed,
    /// The user passed some of them.
    Given,
}

/// A service that was not played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub name: String,
    pub reason: String,
}

/// The past of one service.
#[derive(Debug, Clone)]
pub struct ServicePast {
    /// The service as it is now, with the tags that are played.
    pub service: Service,
    pub groups: Vec<TargetGroup>,
    pub origin: Origin,
    /// USD for one task in one hour; `None` if it does not run on Fargate.
    pub price: Option<f64>,
    pub is_auto_scaled: bool,
    /// Requests per minute that the tasks of the service got; `None` if nothing counts them.
    pub requests: Option<Minutes>,
    /// The share of the requests of its target groups that its tasks got; 1 unless others are registered there.
    pub share: f64,
    /// Average utilization, in percent.
    pub cpu: Minutes,
    /// The CPU utilization that a task can't exceed, in percent; `None` where tasks may use more than they reserve.
    pub cpu_limit: Option<f64>,
    pub memory: Minutes,
    /// Tasks that ran, by the values that they reported.
    pub tasks: Minutes,
    /// The metrics of the alarms that Lamplighter would create.
    pub metrics: Vec<(AlarmMetric, Minutes)>,
}

impl ServicePast {
    /// Returns the CPU that all tasks used in a minute, in tasks.
    #[must_use]
    pub fn used_cpu(&self, minute: usize) -> Option<f64> {
        Some(self.cpu.get(minute)? / 100.0 * self.tasks.get(minute)?)
    }

    /// Returns the requests of a minute. A load balancer reports no minute without requests, but the tasks still report.
    #[must_use]
    pub fn count_requests(&self, minute: usize) -> Option<f64> {
        let requests = self.requests.as_ref()?.get(minute);
        requests.or_else(|| self.tasks.get(minute).map(|_| 0.0))
    }

    /// Reports whether the tasks could do no more in a minute, so that the work that waited is unknown.
    #[must_use]
    pub fn is_saturated(&self, minute: usize) -> bool {
        let both = self.cpu.get(minute).zip(self.cpu_limit);
        both.is_some_and(|(cpu, limit)| cpu >= limit * SATURATED)
    }

    /// Reports whether tasks ran in a minute, as far as AWS remembers.
    #[must_use]
    pub fn is_known(&self, minute: usize) -> bool {
        self.tasks.get(minute).is_some()
    }

    /// Returns a recorded metric of an alarm in a minute.
    #[must_use]
    pub fn read_metric(&self, metric: &AlarmMetric, minute: usize) -> Option<f64> {
        let mut metrics = self.metrics.iter();
        let (_, values) = metrics.find(|(recorded, _)| recorded == metric)?;
        values.get(minute)
    }
}
