//! The graphs of a service.

use lamplighter::model::{Alarm, AlarmKind, AlarmMetric, Arn, Service, Statistic, TargetGroup};
use lamplighter::policy::ScalePolicy;
use serde_json::{Value, json};

use crate::balancer_metrics::{balancer_metrics, group_metrics, healthy_metrics};
use crate::layout::{Graph, build_hidden_row, expression_row, metric_row, metric_rows};

/// Builds the rows of a service: what its users see, then what it runs. The bounds are those of its alarms.
pub fn service_graphs(
    alarms: &[Alarm],
    scale: Option<&ScalePolicy>,
    service: &Service,
    groups: &[TargetGroup],
) -> Vec<Vec<Graph>> {
    let name = service.arn.display_name();
    let traffic = [
        traffic_graph(&name, groups),
        response_graph(&name, alarms, groups),
        errors_graph(&name, alarms, groups),
        healthy_graph(&name, alarms, groups),
    ];
    let capacity = [
        requests_graph(&name, alarms, groups),
        Some(utilization_graph(&service.arn, alarms)),
        Some(tasks_graph(&service.arn, scale)),
    ];
    let rows = [
        traffic.into_iter().flatten().collect::<Vec<Graph>>(),
        capacity.into_iter().flatten().collect(),
    ];
    rows.into_iter().filter(|row| !row.is_empty()).collect()
}

/// Builds a graph of metrics, if there are any.
fn graph_of(title: String, metrics: Vec<Value>) -> Option<Graph> {
    (!metrics.is_empty()).then(|| Graph::new(title, metrics))
}

fn traffic_graph(name: &str, groups: &[TargetGroup]) -> Option<Graph> {
    let requests = group_metrics(groups, "RequestCount", Statistic::Sum);
    graph_of(
        format!("{name}: requests a minute"),
        metric_rows(&requests, "requests"),
    )
}

fn response_graph(name: &str, alarms: &[Alarm], groups: &[TargetGroup]) -> Option<Graph> {
    let median = group_metrics(groups, "TargetResponseTime", Statistic::P50);
    let slow = group_metrics(groups, "TargetResponseTime", Statistic::P99);
    let rows = [metric_rows(&median, "p50"), metric_rows(&slow, "p99")].concat();
    let graph = graph_of(format!("{name}: response time, s"), rows)?;
    Some(graph.with_bounds(alarms, &[AlarmKind::Latency]))
}

/// Builds the graph of failed requests: the share that the service answers with 5xx, and what the load balancer adds.
fn errors_graph(name: &str, alarms: &[Alarm], groups: &[TargetGroup]) -> Option<Graph> {
    let failed = group_metrics(groups, "HTTPCode_Target_5XX_Count", Statistic::Sum);
    let requests = group_metrics(groups, "RequestCount", Statistic::Sum);
    if failed.is_empty() {
        return None;
    }
    let of_balancer = balancer_metrics(groups, "HTTPCode_ELB_5XX_Count", Statistic::Sum);
    let (part, whole) = (sum_of("e", &failed), sum_of("r", &requests));
    let share = format!("100 * ({part}) / ({whole})");
    let mut rows = vec![expression_row(&share, "5xx of the service, %")];
    rows.extend(build_hidden_rows("e", &failed));
    rows.extend(build_hidden_rows("r", &requests));
    rows.extend(metric_rows(
        &of_balancer,
        "5xx of the load balancer, a minute",
    ));
    let graph = Graph::new(format!("{name}: errors"), rows);
    Some(graph.with_bounds(alarms, &[AlarmKind::Errors]))
}

/// Writes the sum of hidden rows: `FILL(e1, 0) + FILL(e2, 0)`.
fn sum_of(prefix: &str, metrics: &[AlarmMetric]) -> String {
    let terms: Vec<String> = (1..=metrics.len())
        .map(|number| format!("FILL({prefix}{number}, 0)"))
        .collect();
    terms.join(" + ")
}

fn build_hidden_rows(prefix: &str, metrics: &[AlarmMetric]) -> Vec<Value> {
    let rows = metrics.iter().zip(1..);
    rows.map(|(metric, number)| build_hidden_row(metric, &format!("{prefix}{number}")))
        .collect()
}

fn healthy_graph(name: &str, alarms: &[Alarm], groups: &[TargetGroup]) -> Option<Graph> {
    let healthy = healthy_metrics(groups, "HealthyHostCount", Statistic::Maximum);
    let unhealthy = healthy_metrics(groups, "UnHealthyHostCount", Statistic::Minimum);
    let rows = [
        metric_rows(&healthy, "healthy"),
        metric_rows(&unhealthy, "unhealthy"),
    ]
    .concat();
    let graph = graph_of(format!("{name}: targets"), rows)?;
    Some(graph.with_bounds(alarms, &[AlarmKind::NoHealthyTarget]))
}

fn requests_graph(name: &str, alarms: &[Alarm], groups: &[TargetGroup]) -> Option<Graph> {
    let requests = group_metrics(groups, "RequestCountPerTarget", Statistic::Sum);
    let rows = metric_rows(&requests, "requests per task");
    let graph = graph_of(format!("{name}: requests a minute per task"), rows)?;
    Some(graph.with_bounds(alarms, &[AlarmKind::Requests]))
}

fn utilization_graph(service: &Arn, alarms: &[Alarm]) -> Graph {
    let dimensions = service_dimensions(service);
    let row = |metric: &str, stat: &str, label: &str| {
        metric_row(
            "AWS/ECS",
            metric,
            &dimensions,
            json!({"stat": stat, "label": label}),
        )
    };
    let rows = vec![
        row("CPUUtilization", "Average", "CPU"),
        row("CPUUtilization", "Maximum", "CPU of the busiest task"),
        row("MemoryUtilization", "Average", "memory"),
    ];
    Graph::new(
        format!("{}: CPU and memory, %", service.display_name()),
        rows,
    )
    .with_bounds(alarms, &[AlarmKind::Cpu, AlarmKind::Memory])
    .in_percent()
}

fn tasks_graph(service: &Arn, scale: Option<&ScalePolicy>) -> Graph {
    let tasks = metric_row(
        "AWS/ECS",
        "CPUUtilization",
        &service_dimensions(service),
        json!({"stat": "SampleCount", "label": "tasks"}),
    );
    let thresholds = scale
        .iter()
        .flat_map(|scale| [("min", scale.min), ("max", scale.max)])
        .map(|(label, tasks)| (label.to_owned(), f64::from(tasks)))
        .collect();
    Graph {
        thresholds,
        ..Graph::new(format!("{}: tasks", service.display_name()), vec![tasks])
    }
}

fn service_dimensions(service: &Arn) -> [(&str, &str); 2] {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    [("ClusterName", cluster), ("ServiceName", name)]
}
