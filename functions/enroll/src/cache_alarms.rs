//! The alarms of a cache. Each is on the worst of its nodes.
//! Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html>

use lamplighter::model::{AlarmKind, AlarmMetric, Database, Measure, Statistic};

use crate::alarm_spec::{
    AlarmSpec, MAX_METRICS, alarm_metric, combine_metrics, format_time, peak_alarm,
};
use crate::policy::Policy;

/// Threshold of used memory, in percent.
const MEMORY_PERCENT: f64 = 90.0;

/// Returns the alarms of a cache of nodes. A serverless cache grows by itself, up to the limits that it may have.
pub fn cache_alarms(policy: &Policy, cache: &Database) -> Vec<AlarmSpec> {
    let alarms = &policy.alarms;
    let cpu = alarms.bound(AlarmKind::Cpu);
    let cpu = cpu.unwrap_or_else(|| f64::from(policy.cpu_peak));
    let memory = alarms.bound(AlarmKind::Memory).unwrap_or(MEMORY_PERCENT);
    [
        cpu_alarm(cache, cpu),
        memory_alarm(cache, memory),
        alarms
            .bound(AlarmKind::Evictions)
            .and_then(|count| evictions_alarm(cache, count)),
        alarms
            .bound(AlarmKind::ReplicaLag)
            .and_then(|seconds| lag_alarm(cache, seconds)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn cpu_alarm(cache: &Database, percent: f64) -> Option<AlarmSpec> {
    let measure = worst_node(cache, "EngineCPUUtilization", Statistic::Average)?;
    let metric = format!("CPU of the engine{}", name_nodes(cache));
    Some(peak_alarm(AlarmKind::Cpu, &metric, percent, measure))
}

fn memory_alarm(cache: &Database, percent: f64) -> Option<AlarmSpec> {
    let measure = worst_node(cache, "DatabaseMemoryUsagePercentage", Statistic::Average)?;
    let metric = format!("used memory{}", name_nodes(cache));
    Some(peak_alarm(AlarmKind::Memory, &metric, percent, measure))
}

fn evictions_alarm(cache: &Database, count: f64) -> Option<AlarmSpec> {
    let metrics = node_metrics(cache, "Evictions", Statistic::Sum);
    let measure = combine_metrics(metrics, Measure::Sum)?;
    let about = format!(
        "at least {count} evicted keys a minute{}",
        name_nodes(cache)
    );
    let kind = AlarmKind::Evictions;
    Some(AlarmSpec::at_least(kind, &about, measure, count))
}

fn lag_alarm(cache: &Database, seconds: f64) -> Option<AlarmSpec> {
    let measure = worst_node(cache, "ReplicationLag", Statistic::Maximum)?;
    let time = format_time(seconds);
    let about = format!("a replica at least {time} behind{}", name_nodes(cache));
    let spec = AlarmSpec::at_least(AlarmKind::ReplicaLag, &about, measure, seconds);
    Some(spec.quiet_without_data())
}

/// Says which nodes an alarm measures, if it can't measure all.
fn name_nodes(cache: &Database) -> String {
    let count = cache.nodes.len();
    if count > MAX_METRICS {
        format!(" (the first {MAX_METRICS} of {count} nodes)")
    } else {
        String::new()
    }
}

/// Measures the node with the greatest value.
fn worst_node(cache: &Database, metric: &str, statistic: Statistic) -> Option<Measure> {
    combine_metrics(node_metrics(cache, metric, statistic), Measure::Greatest)
}

fn node_metrics(cache: &Database, metric: &str, statistic: Statistic) -> Vec<AlarmMetric> {
    let nodes = cache.nodes.iter();
    nodes
        .map(|node| {
            let dimensions = [("CacheClusterId", node.as_str())];
            alarm_metric("AWS/ElastiCache", metric, &dimensions, statistic)
        })
        .collect()
}
