//! The graphs of a database and of a cache.

use lamplighter::model::{Alarm, Arn, Database};
use serde_json::json;

use crate::alarm_names::alarm_kind;
use crate::database_alarms::database_alarms;
use crate::layout::{Graph, metric_row};
use crate::policy::Policy;

pub fn database_graphs(policy: &Policy, database: &Database) -> Vec<Graph> {
    let alarms = database_alarms(policy, database);
    let cpu = Graph {
        max: Some(100.0),
        ..database_graph(database, &alarms, "CPU, %", "CPUUtilization", "Average")
    };
    let connections = database_graph(
        database,
        &alarms,
        "connections",
        "DatabaseConnections",
        "Maximum",
    );
    let mut row = vec![cpu, connections];
    if database.allocated_gib.is_some() {
        row.push(database_graph(
            database,
            &alarms,
            "free storage, bytes",
            "FreeStorageSpace",
            "Minimum",
        ));
    }
    row
}

/// Builds the graph of one metric, with the thresholds of the alarms on it.
fn database_graph(
    database: &Database,
    alarms: &[Alarm],
    title: &str,
    metric: &str,
    stat: &str,
) -> Graph {
    let dimension = if database.is_cluster {
        "DBClusterIdentifier"
    } else {
        "DBInstanceIdentifier"
    };
    let thresholds = alarms
        .iter()
        .filter(|alarm| measures(alarm, metric))
        .map(|alarm| (alarm_kind(&alarm.name).to_owned(), alarm.threshold));
    Graph {
        title: format!("{}: {title}", database.identifier),
        metrics: vec![metric_row(
            database.metric_namespace(),
            metric,
            &[(dimension, &database.identifier)],
            json!({"stat": stat}),
        )],
        thresholds: thresholds.collect(),
        max: None,
    }
}

fn measures(alarm: &Alarm, metric: &str) -> bool {
    alarm
        .measure
        .metrics()
        .iter()
        .any(|measured| measured.name == metric)
}

pub fn cache_graphs(cache: &Arn) -> Vec<Graph> {
    vec![
        cache_graph(cache, "CPU, %", "CPUUtilization", "Average"),
        cache_graph(cache, "evictions", "Evictions", "Sum"),
    ]
}

fn cache_graph(cache: &Arn, title: &str, metric: &str, stat: &str) -> Graph {
    let name = cache.display_name();
    Graph {
        title: format!("{name}: {title}"),
        metrics: vec![metric_row(
            "AWS/ElastiCache",
            metric,
            &[("CacheClusterId", &name)],
            json!({"stat": stat}),
        )],
        thresholds: Vec::new(),
        max: None,
    }
}
