//! The load of services: requests, CPU, memory and running tasks.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricStat};
use jiff::Timestamp;

use super::metric_query::{
    MetricQuery, add_series, build_dimension, build_load_balancer_metric, build_metric,
    group_dimensions, query_series,
};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Load, LoadQuery, QueueLoad, Series};

/// The kind of a metric of a service.
#[derive(Debug, Clone, Copy)]
enum LoadMetric {
    Cpu,
    Memory,
    Tasks,
    BusiestCpu,
    BusiestMemory,
    Requests,
    RequestsPerTarget,
    QueueWaiting,
    QueueSent,
    QueueDeleted,
    QueueAge,
}

/// Reads the load of services per minute, in the order of the queries. Source: GetMetricData.
pub async fn read_loads(
    client: &Client,
    queries: &[LoadQuery],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Load>, AwsError> {
    let mut loads: Vec<Load> = queries.iter().map(empty_load).collect();
    let mut metrics = Vec::new();
    for (index, query) in queries.iter().enumerate() {
        let service_metrics = list_load_metrics(query).into_iter();
        metrics.extend(service_metrics.map(|(kind, metric)| MetricQuery {
            index,
            kind,
            metric,
        }));
    }
    for series in query_series(client, &metrics, from, to).await? {
        if let Some(load) = loads.get_mut(series.index) {
            add_to_load(load, series.kind, series.values);
        }
    }
    Ok(loads)
}

/// Returns a load without data.
///
/// `requests` is `None` for a service without an application load balancer.
fn empty_load(query: &LoadQuery) -> Load {
    let counts_requests = query
        .target_groups
        .iter()
        .any(|group| group.load_balancer_dimensions().next().is_some());
    Load {
        requests: counts_requests.then(Series::new),
        queue: query.queue.is_some().then(QueueLoad::default),
        ..Load::default()
    }
}

fn list_load_metrics(query: &LoadQuery) -> Vec<(LoadMetric, MetricStat)> {
    let service = service_dimensions(&query.service);
    let mut metrics = vec![
        (
            LoadMetric::Cpu,
            build_ecs_metric("CPUUtilization", "Average", &service),
        ),
        (
            LoadMetric::Memory,
            build_ecs_metric("MemoryUtilization", "Average", &service),
        ),
        (
            LoadMetric::Tasks,
            build_ecs_metric("CPUUtilization", "SampleCount", &service),
        ),
    ];
    if query.busiest {
        metrics.push((
            LoadMetric::BusiestCpu,
            build_ecs_metric("CPUUtilization", "Maximum", &service),
        ));
        metrics.push((
            LoadMetric::BusiestMemory,
            build_ecs_metric("MemoryUtilization", "Maximum", &service),
        ));
    }
    if let Some(queue) = &query.queue {
        metrics.extend(list_queue_metrics(queue));
    }
    let groups = query.target_groups.iter().flat_map(group_dimensions);
    metrics.extend(groups.flat_map(|dimensions| {
        [
            (LoadMetric::Requests, "RequestCount"),
            (LoadMetric::RequestsPerTarget, "RequestCountPerTarget"),
        ]
        .map(|(kind, name)| (kind, build_load_balancer_metric(name, "Sum", &dimensions)))
    }));
    metrics
}

fn list_queue_metrics(queue: &str) -> [(LoadMetric, MetricStat); 4] {
    let metric = |name, statistic| {
        let dimensions = vec![build_dimension("QueueName", queue)];
        build_metric("AWS/SQS", name, statistic, dimensions)
    };
    [
        (
            LoadMetric::QueueWaiting,
            metric("ApproximateNumberOfMessagesVisible", "Maximum"),
        ),
        (LoadMetric::QueueSent, metric("NumberOfMessagesSent", "Sum")),
        (
            LoadMetric::QueueDeleted,
            metric("NumberOfMessagesDeleted", "Sum"),
        ),
        (
            LoadMetric::QueueAge,
            metric("ApproximateAgeOfOldestMessage", "Maximum"),
        ),
    ]
}

fn service_dimensions(service: &Arn) -> Vec<Dimension> {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    vec![
        build_dimension("ClusterName", cluster),
        build_dimension("ServiceName", name),
    ]
}

fn build_ecs_metric(name: &str, statistic: &str, service: &[Dimension]) -> MetricStat {
    build_metric("AWS/ECS", name, statistic, service.to_vec())
}

/// Adds values to the load of a service.
///
/// Requests, in all and per target, are summed over target groups; every other kind has one metric.
fn add_to_load(load: &mut Load, kind: LoadMetric, values: Series) {
    match kind {
        LoadMetric::Cpu => load.cpu.extend(values),
        LoadMetric::Memory => load.memory.extend(values),
        LoadMetric::Tasks => load.tasks.extend(values),
        LoadMetric::BusiestCpu => load.busiest_cpu.extend(values),
        LoadMetric::BusiestMemory => load.busiest_memory.extend(values),
        LoadMetric::Requests => add_series(load.requests.get_or_insert_default(), values),
        LoadMetric::RequestsPerTarget => add_series(&mut load.requests_per_target, values),
        LoadMetric::QueueWaiting => load.queue.get_or_insert_default().waiting.extend(values),
        LoadMetric::QueueSent => load.queue.get_or_insert_default().sent.extend(values),
        LoadMetric::QueueDeleted => load.queue.get_or_insert_default().deleted.extend(values),
        LoadMetric::QueueAge => load.queue.get_or_insert_default().age.extend(values),
    }
}
