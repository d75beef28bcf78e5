//! The graphs of a cache: of each node, or of a serverless cache as a whole.
//! Sources: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html>,
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html>

use lamplighter::model::{Alarm, AlarmKind, Database};
use serde_json::{Value, json};

use crate::layout::{Graph, metric_row};

/// The nodes of a cache that a graph shows. A dashboard has at most 2,500 metrics.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const MAX_NODES: usize = 8;

/// Builds the row of a cache. The bounds are those of its alarms.
pub fn cache_graphs(alarms: &[Alarm], cache: &Database) -> Vec<Vec<Graph>> {
    let row = if cache.nodes.is_empty() {
        serverless_graphs(cache)
    } else {
        node_graphs(alarms, cache)
    };
    vec![row]
}

fn node_graphs(alarms: &[Alarm], cache: &Database) -> Vec<Graph> {
    let draw = |title: &str, metric: &str, stat: &str| {
        let nodes = cache.nodes.iter().take(MAX_NODES);
        let rows = nodes.map(|node| row("CacheClusterId", node, metric, stat, node));
        Graph::new(format!("{}: {title}", cache.identifier), rows.collect())
    };
    vec![
        draw("CPU of the engine, %", "EngineCPUUtilization", "Average")
            .with_bounds(alarms, &[AlarmKind::Cpu])
            .in_percent(),
        draw("used memory, %", "DatabaseMemoryUsagePercentage", "Average")
            .with_bounds(alarms, &[AlarmKind::Memory])
            .in_percent(),
        draw("hit rate, %", "CacheHitRate", "Average").in_percent(),
        draw("evicted keys a minute", "Evictions", "Sum")
            .with_bounds(alarms, &[AlarmKind::Evictions]),
        draw("connections", "CurrConnections", "Maximum"),
    ]
}

fn serverless_graphs(cache: &Database) -> Vec<Graph> {
    let name = cache.identifier.as_str();
    let draw = |title: &str, metric: &str, stat: &str| {
        let rows = vec![row("clusterId", name, metric, stat, metric)];
        Graph::new(format!("{name}: {title}"), rows)
    };
    vec![
        draw(
            "processing units a minute",
            "ElastiCacheProcessingUnits",
            "Sum",
        ),
        draw("data, bytes", "BytesUsedForCache", "Maximum"),
        draw("hit rate, %", "CacheHitRate", "Average").in_percent(),
        draw("throttled commands a minute", "ThrottledCmds", "Sum"),
    ]
}

fn row(dimension: &str, value: &str, metric: &str, stat: &str, label: &str) -> Value {
    metric_row(
        "AWS/ElastiCache",
        metric,
        &[(dimension, value)],
        json!({"stat": stat, "label": label}),
    )
}
