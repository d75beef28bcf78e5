//! The alarms that a service should have. Their thresholds come from its tags or from the stack
//! parameters.

use lamplighter::model::{Alarm, AlarmMetric, Arn, Measure, Service, Statistic, TargetGroup};
use lamplighter::policy::ScalePolicy;

use crate::alarm_spec::{AT_LEAST, AlarmSpec, MORE_THAN, PEAK_MINUTES, alarm_metric, peak_alarm};
use crate::policy::Policy;

/// Threshold of the memory alarm, in percent, for a service that is not scaled by memory.
const MEMORY_PEAK_PERCENT: u32 = 90;
/// Threshold of HTTP 5xx responses per minute.
const ERRORS_PER_MINUTE: f64 = 10.0;

pub fn service_alarms(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Alarm> {
    let scale = policy.scale.as_ref();
    let cpu = scale.map_or(policy.cpu_peak, |scale| scale.cpu);
    let memory = scale
        .and_then(|scale| scale.memory)
        .unwrap_or(MEMORY_PEAK_PERCENT);
    let cpu_used = average_utilization(&service.arn, "CPUUtilization");
    let memory_used = average_utilization(&service.arn, "MemoryUtilization");
    let mut specs = vec![
        peak_alarm("cpu-peak", "CPU", cpu, cpu_used),
        peak_alarm("memory-peak", "memory", memory, memory_used),
    ];
    specs.extend(load_balancer_alarms(scale, groups));
    specs
        .into_iter()
        .map(|spec| spec.into_alarm(&service.arn))
        .collect()
}

fn average_utilization(service: &Arn, metric: &str) -> Measure {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    let dimensions = [("ClusterName", cluster), ("ServiceName", name)];
    Measure::One(alarm_metric(
        "AWS/ECS",
        metric,
        &dimensions,
        Statistic::Average,
    ))
}

/// Builds the load balancer alarms of a service. Requests are counted per target, so that
/// CloudWatch divides by the current task count and the threshold never changes with it.
fn load_balancer_alarms(
    scale: Option<&ScalePolicy>,
    groups: &[TargetGroup],
) -> Vec<AlarmSpec<'static>> {
    let requests = scale.and_then(|scale| requests_alarm(scale, groups));
    let unhealthy =
        measure_groups(groups, "UnHealthyHostCount", Statistic::Minimum).map(unhealthy_alarm);
    let errors =
        measure_groups(groups, "HTTPCode_Target_5XX_Count", Statistic::Sum).map(errors_alarm);
    [requests, unhealthy, errors]
        .into_iter()
        .flatten()
        .collect()
}

fn requests_alarm(scale: &ScalePolicy, groups: &[TargetGroup]) -> Option<AlarmSpec<'static>> {
    let rps = scale.rps?;
    Some(AlarmSpec {
        kind: "requests",
        about: format!("more than {rps} requests per second and task"),
        measure: measure_groups(groups, "RequestCountPerTarget", Statistic::Sum)?,
        comparison: MORE_THAN,
        threshold: f64::from(rps) * 60.0,
        minutes: 1,
        period: 1,
        missing: "notBreaching",
    })
}

fn unhealthy_alarm(measure: Measure) -> AlarmSpec<'static> {
    AlarmSpec {
        kind: "unhealthy-targets",
        about: format!("an unhealthy target for {PEAK_MINUTES} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: 1.0,
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "notBreaching",
    }
}

fn errors_alarm(measure: Measure) -> AlarmSpec<'static> {
    AlarmSpec {
        kind: "errors-5xx",
        about: format!(
            "at least {ERRORS_PER_MINUTE:.0} HTTP 5xx responses a minute for {PEAK_MINUTES} minutes"
        ),
        measure,
        comparison: AT_LEAST,
        threshold: ERRORS_PER_MINUTE,
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "notBreaching",
    }
}

/// Measures a load balancer metric over all target groups; `None` behind no load balancer.
fn measure_groups(groups: &[TargetGroup], metric: &str, statistic: Statistic) -> Option<Measure> {
    let metrics = groups.iter().flat_map(|group| {
        group.load_balancer_dimensions().map(move |balancer| {
            let dimensions = [
                ("TargetGroup", group.metric_dimension()),
                ("LoadBalancer", balancer),
            ];
            alarm_metric("AWS/ApplicationELB", metric, &dimensions, statistic)
        })
    });
    combine_metrics(metrics.collect())
}

/// Combines metrics into one measure. Several metrics are summed, because one service may be behind
/// several load balancers.
fn combine_metrics(mut metrics: Vec<AlarmMetric>) -> Option<Measure> {
    match metrics.len() {
        0 => None,
        1 => metrics.pop().map(Measure::One),
        _ => Some(Measure::Sum(metrics)),
    }
}
