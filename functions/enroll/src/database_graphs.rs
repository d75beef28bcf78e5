//! The graphs of a database.

use lamplighter::model::{Alarm, AlarmKind, Database};
use serde_json::{Value, json};

use crate::layout::{Graph, metric_row};

/// Builds the rows of a database: what limits it, then how fast it is. The bounds are those of its alarms.
pub fn database_graphs(alarms: &[Alarm], database: &Database) -> Vec<Vec<Graph>> {
    let graphs = DatabaseGraphs { alarms, database };
    let mut limits = vec![
        graphs
            .draw(
                "CPU, %",
                &[("CPUUtilization", "Average")],
                &[AlarmKind::Cpu],
            )
            .in_percent(),
        graphs.draw(
            "connections",
            &[("DatabaseConnections", "Maximum")],
            &[AlarmKind::Connections],
        ),
        graphs.draw(
            "free memory, bytes",
            &[("FreeableMemory", "Minimum")],
            &[AlarmKind::FreeMemory],
        ),
    ];
    if database.allocated_gib.is_some() {
        limits.push(graphs.draw(
            "free storage, bytes",
            &[("FreeStorageSpace", "Minimum")],
            &[AlarmKind::FreeStorage],
        ));
    } else if database.is_serverless {
        limits.push(graphs.draw(
            "capacity units",
            &[("ServerlessDatabaseCapacity", "Average")],
            &[],
        ));
    }
    vec![limits, graphs.list_speed()]
}

struct DatabaseGraphs<'a> {
    alarms: &'a [Alarm],
    database: &'a Database,
}

impl DatabaseGraphs<'_> {
    fn list_speed(&self) -> Vec<Graph> {
        let latency = [("ReadLatency", "Average"), ("WriteLatency", "Average")];
        let mut speed = vec![
            self.draw(
                "time of a read and a write, s",
                &latency,
                &[AlarmKind::ReadLatency, AlarmKind::WriteLatency],
            ),
            self.draw(
                "reads and writes a second",
                &[("ReadIOPS", "Average"), ("WriteIOPS", "Average")],
                &[],
            ),
        ];
        let lag = self
            .alarms
            .iter()
            .find(|alarm| AlarmKind::of_alarm(&alarm.name) == AlarmKind::ReplicaLag);
        if let Some(metric) = lag.and_then(|lag| lag.measure.metrics().first().copied()) {
            let metrics = [(metric.name.as_str(), "Maximum")];
            speed.push(self.draw("delay of replicas", &metrics, &[AlarmKind::ReplicaLag]));
        }
        speed
    }

    /// Draws metrics with the bounds of the alarms on them.
    fn draw(&self, title: &str, metrics: &[(&str, &str)], bounds: &[AlarmKind]) -> Graph {
        let rows = metrics.iter().map(|(metric, stat)| self.row(metric, stat));
        let title = format!("{}: {title}", self.database.identifier);
        Graph::new(title, rows.collect()).with_bounds(self.alarms, bounds)
    }

    fn row(&self, metric: &str, stat: &str) -> Value {
        let dimension = if self.database.is_cluster {
            "DBClusterIdentifier"
        } else {
            "DBInstanceIdentifier"
        };
        metric_row(
            self.database.metric_namespace(),
            metric,
            &[(dimension, &self.database.identifier)],
            json!({"stat": stat}),
        )
    }
}
