//! The alarms that a service should have. Their thresholds come from its tags or from the stack
//! parameters.

use lamplighter::model::{Alarm, AlarmKind, Arn, Measure, Service, Share, Statistic, TargetGroup};

use crate::alarm_spec::{
    AlarmSpec, LESS_THAN, MAX_METRICS, MORE_THAN, PEAK_MINUTES, alarm_metric, combine_metrics,
    format_time, peak_alarm,
};
use crate::balancer_metrics::{balancer_metrics, group_metrics, healthy_metrics};
use crate::policy::Policy;

/// Threshold of the memory alarm, in percent, for a service that is not scaled by memory.
const MEMORY_PEAK_PERCENT: f64 = 90.0;
/// The share of requests that may fail, in percent.
const ERRORS_PERCENT: f64 = 2.0;
/// Minutes over which errors and response times are measured. CloudWatch evaluates the last five minutes every minute.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html>
const RATE_MINUTES: u32 = 5;

pub fn service_alarms(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Alarm> {
    let alarms = &policy.alarms;
    let (cpu, memory) = peak_bounds(policy);
    let arn = &service.arn;
    let busiest = alarms.bound(AlarmKind::BusiestTask).map(|percent| {
        let measure = utilization(arn, "CPUUtilization", Statistic::Maximum);
        let metric = "CPU of the busiest task";
        peak_alarm(AlarmKind::BusiestTask, metric, percent, measure)
    });
    let cpu_used = utilization(arn, "CPUUtilization", Statistic::Average);
    let memory_used = utilization(arn, "MemoryUtilization", Statistic::Average);
    [
        cpu.map(|cpu| peak_alarm(AlarmKind::Cpu, "CPU", cpu, cpu_used)),
        Some(peak_alarm(AlarmKind::Memory, "memory", memory, memory_used)),
        busiest,
        requests_alarm(policy, groups),
        unhealthy_alarm(policy, groups),
        no_healthy_alarm(service, groups),
        errors_alarm(policy, groups),
        balancer_errors_alarm(policy, groups),
        latency_alarm(policy, groups),
    ]
    .into_iter()
    .flatten()
    .filter(|spec| !alarms.is_off(spec.kind))
    .map(|spec| spec.into_alarm(arn))
    .collect()
}

/// Returns the bounds of CPU and memory, in percent. What a service is scaled by is its bound. A worker that is busy is no
/// reason for an alarm, unless a tag has a bound.
fn peak_bounds(policy: &Policy) -> (Option<f64>, f64) {
    let scale = policy.scale.as_ref();
    let bound = policy.alarms.bound(AlarmKind::Cpu);
    let cpu = match scale {
        Some(scale) if scale.follows_cpu() => Some(f64::from(scale.cpu)),
        Some(_) => bound,
        None => Some(bound.unwrap_or_else(|| f64::from(policy.cpu_peak))),
    };
    let memory = scale
        .and_then(|scale| scale.memory)
        .map(f64::from)
        .or_else(|| policy.alarms.bound(AlarmKind::Memory))
        .unwrap_or(MEMORY_PEAK_PERCENT);
    (cpu, memory)
}

fn utilization(service: &Arn, metric: &str, statistic: Statistic) -> Measure {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    let dimensions = [("ClusterName", cluster), ("ServiceName", name)];
    Measure::One(alarm_metric("AWS/ECS", metric, &dimensions, statistic))
}

/// Builds the alarm on requests. They are counted per target, so that CloudWatch divides by the current task count and the
/// threshold never changes with it.
fn requests_alarm(policy: &Policy, groups: &[TargetGroup]) -> Option<AlarmSpec> {
    let rps = policy.scale.as_ref()?.rps?;
    let metrics = group_metrics(groups, "RequestCountPerTarget", Statistic::Sum);
    Some(AlarmSpec {
        kind: AlarmKind::Requests,
        about: format!("more than {rps} requests per second and task"),
        measure: combine_metrics(metrics, Measure::Sum)?,
        comparison: MORE_THAN,
        threshold: f64::from(rps) * 60.0,
        minutes: 1,
        period: 1,
        missing: "notBreaching",
    })
}

fn unhealthy_alarm(policy: &Policy, groups: &[TargetGroup]) -> Option<AlarmSpec> {
    let metrics = healthy_metrics(groups, "UnHealthyHostCount", Statistic::Minimum);
    let measure = combine_metrics(metrics, Measure::Sum)?;
    let count = policy
        .alarms
        .bound(AlarmKind::UnhealthyTargets)
        .unwrap_or(1.0);
    let about = format!("at least {count} unhealthy targets");
    let spec = AlarmSpec::at_least(AlarmKind::UnhealthyTargets, &about, measure, count);
    Some(spec.quiet_without_data())
}

/// Builds the alarm on a service without any healthy target. Without a registered target there are no data, so that missing
/// data fire it, too, unless the service is stopped.
fn no_healthy_alarm(service: &Service, groups: &[TargetGroup]) -> Option<AlarmSpec> {
    let metrics = healthy_metrics(groups, "HealthyHostCount", Statistic::Maximum);
    let is_stopped = service.desired_count == 0;
    let about = if is_stopped {
        "no healthy target; quiet while the service is stopped".to_owned()
    } else {
        format!("no healthy target, or none registered, for {PEAK_MINUTES} minutes")
    };
    Some(AlarmSpec {
        kind: AlarmKind::NoHealthyTarget,
        about,
        measure: combine_metrics(metrics, Measure::Sum)?,
        comparison: LESS_THAN,
        // No count is below zero.
        threshold: if is_stopped { 0.0 } else { 1.0 },
        minutes: PEAK_MINUTES,
        period: 1,
        missing: if is_stopped {
            "notBreaching"
        } else {
            "breaching"
        },
    })
}

/// Builds the alarm on the share of requests that the service answers with 5xx.
fn errors_alarm(policy: &Policy, groups: &[TargetGroup]) -> Option<AlarmSpec> {
    let percent = policy
        .alarms
        .bound(AlarmKind::Errors)
        .unwrap_or(ERRORS_PERCENT);
    let share = Share {
        part: group_metrics(groups, "HTTPCode_Target_5XX_Count", Statistic::Sum),
        others: group_metrics(groups, "RequestCount", Statistic::Sum),
        is_beside: false,
        least: policy.alarms.errors_count,
    };
    let what = format!("at least {percent} % of requests answered with HTTP 5xx");
    share_alarm(AlarmKind::Errors, &what, share, percent)
}

/// Builds the alarm on the share of requests that the load balancer answers with 5xx itself. It doesn't count these among its
/// requests.
fn balancer_errors_alarm(policy: &Policy, groups: &[TargetGroup]) -> Option<AlarmSpec> {
    let percent = policy.alarms.bound(AlarmKind::BalancerErrors)?;
    let share = Share {
        part: balancer_metrics(groups, "HTTPCode_ELB_5XX_Count", Statistic::Sum),
        others: balancer_metrics(groups, "RequestCount", Statistic::Sum),
        is_beside: true,
        least: policy.alarms.errors_count,
    };
    let what =
        format!("at least {percent} % of requests answered with HTTP 5xx by the load balancer");
    share_alarm(AlarmKind::BalancerErrors, &what, share, percent)
}

/// Builds the alarm on a share. Each of its two counts gets half of the metrics that an alarm may have.
fn share_alarm(kind: AlarmKind, what: &str, mut share: Share, percent: f64) -> Option<AlarmSpec> {
    share.part.truncate(MAX_METRICS / 2);
    share.others.truncate(MAX_METRICS / 2);
    let least = share.least;
    (!share.part.is_empty()).then(|| AlarmSpec {
        about: format!("{what}, and at least {least} of them, in {RATE_MINUTES} minutes"),
        minutes: 1,
        period: RATE_MINUTES,
        ..AlarmSpec::at_least(kind, "", Measure::Share(share), percent).quiet_without_data()
    })
}

fn latency_alarm(policy: &Policy, groups: &[TargetGroup]) -> Option<AlarmSpec> {
    let seconds = policy.alarms.bound(AlarmKind::Latency)?;
    let metrics = group_metrics(groups, "TargetResponseTime", Statistic::P99);
    let measure = combine_metrics(metrics, Measure::Greatest)?;
    let time = format_time(seconds);
    let about = format!("99th percentile of the response time at or above {time}");
    let spec = AlarmSpec::at_least(AlarmKind::Latency, &about, measure, seconds);
    Some(spec.quiet_without_data())
}
