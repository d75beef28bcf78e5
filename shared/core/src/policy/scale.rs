//! `lamplighter:scale`: bounds of the task count, and the capacity of one task.

use std::collections::BTreeMap;

use super::grammar::{TagError, TagPairs};
use super::reference::SCALE_TAG;
use super::{SCALE, StackDefaults};
use crate::model::AlarmKind;

/// More tasks than one ECS service can have.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const TASKS_PER_SERVICE: u32 = 5_000;
/// Seconds that a message may wait without `latency=`.
const DEFAULT_LATENCY: u64 = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePolicy {
    /// The fewest tasks; 0 only for a service that works through a queue.
    pub min: u32,
    pub max: u32,
    /// Requests per second that one task serves; `None` ignores requests.
    pub rps: Option<u32>,
    /// Whether neither tag nor stack say anything about requests.
    pub is_rps_open: bool,
    /// Target for average CPU utilization, in percent.
    pub cpu: u32,
    /// Target for average memory utilization, in percent; `None` ignores memory.
    pub memory: Option<u32>,
    /// Tasks kept beside those that the load needs, in percent of them.
    pub headroom: u32,
    pub autoscaling: Autoscaling,
    /// The queue that the service works through; `None` for a service that is called.
    pub queue: Option<QueuePolicy>,
}

/// The queue that a service works through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Name of the SQS queue in the account and region of the service.
    pub name: String,
    /// Seconds that a message may wait.
    pub latency: u32,
    /// Whether the tag names `cpu=`: a worker that is busy is no reason to add another one.
    pub follows_cpu: bool,
}

/// The handling of a service that Application Auto Scaling scales as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Autoscaling {
    /// Raise its minimum capacity while the load needs more, and restore it afterwards.
    #[default]
    Raise,
    /// Only notify the operator of the required capacity.
    Notify,
}

impl ScalePolicy {
    /// Parses the scaling tag of a target; `None` if it is absent.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        tags.get(SCALE)
            .map(|value| Self::parse(value, defaults))
            .transpose()
    }

    /// Parses the tag's value. The stack provides the defaults of `rps` and `cpu`.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(value: &str, defaults: &StackDefaults) -> Result<Self, TagError> {
        let pairs = TagPairs::parse(&SCALE_TAG, value)?;
        let max = pairs
            .parse_number("max", 1..=TASKS_PER_SERVICE)?
            .ok_or_else(|| pairs.build_error("max= is missing"))?;
        let queue = parse_queue(&pairs)?;
        let min = parse_min(&pairs, queue.is_some())?;
        if min > max {
            return Err(pairs.build_error(format!("min={min} is more than max={max}")));
        }
        let autoscaling = match pairs.get("autoscaling") {
            None | Some("raise") => Autoscaling::Raise,
            Some("notify") => Autoscaling::Notify,
            Some(other) => {
                return Err(
                    pairs.build_error(format!("autoscaling={other} is neither raise nor notify"))
                );
            }
        };
        let rps = parse_rps(&pairs, defaults.rps, queue.is_some())?;
        Ok(Self {
            min,
            max,
            rps,
            is_rps_open: rps.is_none() && pairs.get("rps").is_none() && queue.is_none(),
            cpu: pairs
                .parse_number("cpu", 1..=100)?
                .unwrap_or(defaults.cpu_peak),
            memory: pairs.parse_number("memory", 1..=100)?,
            headroom: parse_headroom(&pairs, queue.is_some())?,
            autoscaling,
            queue,
        })
    }

    /// Reports whether the CPU utilization decides on the number of tasks.
    #[must_use]
    pub fn follows_cpu(&self) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue.follows_cpu)
    }

    /// Reports whether the scaling of the service starts from alarms of a kind.
    #[must_use]
    pub fn starts_from(&self, kind: AlarmKind) -> bool {
        match kind {
            AlarmKind::Cpu => self.follows_cpu(),
            AlarmKind::Memory => self.memory.is_some(),
            AlarmKind::Requests => self.rps.is_some(),
            AlarmKind::BusiestTask
            | AlarmKind::UnhealthyTargets
            | AlarmKind::NoHealthyTarget
            | AlarmKind::Errors
            | AlarmKind::BalancerErrors
            | AlarmKind::Latency
            | AlarmKind::FreeStorage
            | AlarmKind::Connections
            | AlarmKind::ReplicaLag
            | AlarmKind::RecoveryPoint
            | AlarmKind::FreeMemory
            | AlarmKind::CpuCredits
            | AlarmKind::Capacity
            | AlarmKind::BurstBalance
            | AlarmKind::IoBalance
            | AlarmKind::ReadLatency
            | AlarmKind::WriteLatency
            | AlarmKind::Evictions
            | AlarmKind::Other => false,
        }
    }
}

/// Parses the tasks to keep beside those that are needed. A queue worker keeps none: its messages can wait.
fn parse_headroom(pairs: &TagPairs<'_>, has_queue: bool) -> Result<u32, TagError> {
    let headroom = pairs.parse_number("headroom", 0..=400)?;
    if headroom.is_some() && has_queue {
        return Err(pairs.build_error(
            "headroom= has no effect with queue=. For messages that wait less, lower latency=",
        ));
    }
    Ok(headroom.unwrap_or_default())
}

/// Parses the fewest tasks. A service that is called has at least one: nothing would answer.
fn parse_min(pairs: &TagPairs<'_>, has_queue: bool) -> Result<u32, TagError> {
    if pairs.get("min") == Some("0") && !has_queue {
        return Err(pairs.build_error(
            "min=0 needs queue=, because nothing would answer a request. For hours without load, set min=0 in a window of \
             lamplighter:schedule",
        ));
    }
    let min = pairs.parse_number("min", 0..=TASKS_PER_SERVICE)?;
    Ok(min.unwrap_or(1))
}

/// Parses the queue that a service works through.
fn parse_queue(pairs: &TagPairs<'_>) -> Result<Option<QueuePolicy>, TagError> {
    let latency = pairs.parse_duration("latency", 1..=86_400, "time from 1s to 24h")?;
    let Some(name) = pairs.get("queue") else {
        if latency.is_some() {
            return Err(pairs.build_error("latency= needs queue="));
        }
        return Ok(None);
    };
    if !is_queue_name(name) {
        return Err(pairs.build_error(format!(
            "queue={name} is not the name of an SQS queue: letters, digits, - and _, 80 at most, and .fifo at the end"
        )));
    }
    let latency = latency.unwrap_or(DEFAULT_LATENCY);
    Ok(Some(QueuePolicy {
        name: name.to_owned(),
        latency: u32::try_from(latency).unwrap_or(u32::MAX),
        follows_cpu: pairs.get("cpu").is_some(),
    }))
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !stem.is_empty() && name.len() <= 80 && stem.chars().all(is_valid)
}

/// Parses the requests per second that one task serves; `off` ignores requests. A service with a queue has no default, and others
/// only if the stack has one.
fn parse_rps(pairs: &TagPairs<'_>, default: u32, has_queue: bool) -> Result<Option<u32>, TagError> {
    if pairs.get("rps") == Some("off") {
        return Ok(None);
    }
    let rps = pairs.parse_number("rps", 1..=1_000_000)?;
    Ok(rps.or((!has_queue && default > 0).then_some(default)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_stack_provides_defaults() {
        let policy = ScalePolicy::parse("max=8", &StackDefaults::default()).unwrap();
        let autoscaling = Autoscaling::Raise;
        assert_eq!(
            policy,
            ScalePolicy {
                min: 1,
                max: 8,
                rps: None,
                is_rps_open: true,
                cpu: 80,
                memory: None,
                headroom: 0,
                autoscaling,
                queue: None,
            }
        );
    }

    #[rstest]
    #[case("min=5 max=2", "min=5 is more than max=2")]
    #[case("max=4 rps=ten", "rps=ten is not a whole number from 1 to 1000000")]
    #[case("max=4 cpu=180", "cpu=180 is not a whole number from 1 to 100")]
    #[case("min=2", "max= is missing")]
    #[case(
        "min=0 max=4",
        "min=0 needs queue=, because nothing would answer a request. For hours without load, set min=0 in a window of lamplighter:schedule"
    )]
    #[case("min=-1 max=4", "min=-1 is not a whole number from 0 to 5000")]
    #[case("max=4 latency=60s", "latency= needs queue=")]
    #[case("max=4 headroom=-5", "headroom=-5 is not a whole number from 0 to 400")]
    #[case(
        "max=4 queue=jobs headroom=5",
        "headroom= has no effect with queue=. For messages that wait less, lower latency="
    )]
    #[case(
        "max=4 queue=https://sqs/jobs",
        "queue=https://sqs/jobs is not the name of an SQS queue: letters, digits, - and _, 80 at most, and .fifo at the end"
    )]
    #[case(
        "max=4 queue=jobs latency=soon",
        "latency=soon is not a time from 1s to 24h"
    )]
    #[case("max=4 autoscaling=off", "autoscaling=off is neither raise nor notify")]
    fn an_error_names_the_problem(#[case] value: &str, #[case] problem: &str) {
        assert_eq!(
            ScalePolicy::parse(value, &StackDefaults::default())
                .unwrap_err()
                .problem,
            problem
        );
    }

    #[test]
    fn a_queue_decides_alone_unless_the_tag_names_another_measure() {
        let parse = |value| ScalePolicy::parse(value, &StackDefaults::default()).unwrap();
        let plain = parse("min=0 max=20 queue=jobs.fifo latency=5m");
        let queue = plain.queue.clone().unwrap();
        assert_eq!((queue.name.as_str(), queue.latency), ("jobs.fifo", 300));
        assert_eq!(
            (plain.min, plain.rps, plain.follows_cpu()),
            (0, None, false)
        );
        let both = parse("max=20 queue=jobs cpu=70 rps=5");
        assert_eq!((both.min, both.rps, both.follows_cpu()), (1, Some(5), true));
        assert_eq!(both.queue.unwrap().latency, 60);
    }
}
