//! What the metrics of a service say about the number of its tasks. Pure.

use lamplighter::model::{Load, Series, Service};

/// Values that a task with 20-second metrics reports in a minute.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html>
const FREQUENT_VALUES: f64 = 3.0;
/// Values per registered target that one a minute can't be.
const MORE_VALUES: f64 = 1.25;
/// Values per running task that one a minute can't be, where no load balancer tells the number of targets.
const MORE_VALUES_PER_TASK: f64 = 2.5;
/// The share of the targets from which all of them are taken for tasks of the service: some may be starting.
const WHOLE: f64 = 0.8;
/// Minutes that are needed to judge.
const ENOUGH: usize = 5;
/// The newest minutes, of which the last may not be complete.
const NEWEST: usize = 12;

/// How the values of a service are to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Values that a task reported in a minute.
    pub values_per_task: f64,
    /// The share of the requests of its target groups that its tasks got.
    pub share: f64,
}

impl Reading {
    /// Judges by the load balancer, which divides the requests by all targets, or else by the tasks that run now.
    #[must_use]
    pub fn new(load: &Load, service: &Service) -> Self {
        let Some(ratio) = median(list_ratios(load)) else {
            let values_per_task = if has_frequent_values(&load.tasks, service) {
                FREQUENT_VALUES
            } else {
                1.0
            };
            return Self {
                values_per_task,
                share: 1.0,
            };
        };
        let values_per_task = if ratio > MORE_VALUES {
            FREQUENT_VALUES
        } else {
            1.0
        };
        let share = ratio / values_per_task;
        Self {
            values_per_task,
            share: if share < WHOLE { share } else { 1.0 },
        }
    }
}

/// Returns the values that the tasks reported for each registered target, by minute.
fn list_ratios(load: &Load) -> Vec<f64> {
    let requests = load.requests.iter().flatten();
    let ratios = requests.filter(|(_, requests)| **requests > 0.0);
    ratios
        .filter_map(|(at, requests)| {
            let per_target = load.requests_per_target.get(at)?;
            Some(per_target * load.tasks.get(at)? / requests)
        })
        .collect()
}

/// Reports whether the newest minutes have three values for each task that runs.
fn has_frequent_values(values: &Series, service: &Service) -> bool {
    let newest = values.values().rev().take(NEWEST).copied();
    let running = f64::from(service.running_count);
    let per_task = median(newest.collect()).map(|values| values / running);
    running > 0.0 && per_task.is_some_and(|values| values >= MORE_VALUES_PER_TASK)
}

/// Returns the median; `None` of few values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (values.len() >= ENOUGH).then(|| values.get(values.len() / 2).copied())?
}

/// Returns the CPU utilization that a task can't exceed, in percent; `None` if the tasks used more than they reserve.
#[must_use]
pub fn find_cpu_limit(cpu: &Series) -> Option<f64> {
    const RESERVED: f64 = 100.0;
    // CloudWatch shows a little more than all at times.
    const TOLERANCE: f64 = 105.0;
    let highest = cpu.values().copied().fold(0.0, f64::max);
    (highest <= TOLERANCE).then_some(RESERVED)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use lamplighter::model::Arn;
    use rstest::rstest;

    use super::*;

    fn flat(value: f64) -> Series {
        let minutes = (0..20).map(|n| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(n));
        minutes.map(|at| (at, value)).collect()
    }

    fn service(running: i32) -> Service {
        let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
        Service::new_rolling(arn, running)
    }

    fn load(values: f64, balancer: Option<(f64, f64)>) -> Load {
        Load {
            requests: balancer.map(|(requests, _)| flat(requests)),
            requests_per_target: balancer.map(|(_, each)| flat(each)).unwrap_or_default(),
            tasks: flat(values),
            ..Load::default()
        }
    }

    #[rstest]
    #[case::one_value(load(4.0, Some((400.0, 100.0))), 4, 1.0, 1.0)]
    #[case::three_values(load(12.0, Some((400.0, 100.0))), 4, 3.0, 1.0)]
    #[case::half_of_the_targets(load(4.0, Some((800.0, 100.0))), 4, 1.0, 0.5)]
    #[case::just_scaled_in(load(9.0, Some((900.0, 100.0))), 3, 1.0, 1.0)]
    #[case::stopped_without_a_balancer(load(4.0, None), 0, 1.0, 1.0)]
    #[case::three_values_without_a_balancer(load(12.0, None), 4, 3.0, 1.0)]
    fn values_are_read_by_what_the_balancer_counts(
        #[case] load: Load,
        #[case] running: i32,
        #[case] values_per_task: f64,
        #[case] share: f64,
    ) {
        let expected = Reading {
            values_per_task,
            share,
        };
        assert_eq!(Reading::new(&load, &service(running)), expected);
    }

    #[test]
    fn tasks_that_used_more_than_they_reserve_have_no_limit() {
        assert_eq!(find_cpu_limit(&flat(100.2)), Some(100.0));
        assert_eq!(find_cpu_limit(&flat(240.0)), None);
    }
}
