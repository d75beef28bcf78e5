//! Amazon CloudWatch: metrics of many services, read in few calls.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
};
use jiff::Timestamp;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Load, LoadQuery, Series, TargetGroup, Traffic};

/// Maximum number of queries per GetMetricData call.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const QUERIES_PER_CALL: usize = 500;
const MINUTE: i32 = 60;

/// The kind of metric that one query reads.
#[derive(Debug, Clone, Copy)]
enum MetricKind {
    Requests,
    Cpu,
    Memory,
    Tasks,
    BusiestCpu,
    BusiestMemory,
    Errors,
    P90,
    Answers,
}

pub async fn read_loads(
    client: &Client,
    queries: &[LoadQuery],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Load>, AwsError> {
    let mut loads: Vec<Load> = queries.iter().map(empty_load).collect();
    let asked: Vec<(usize, MetricKind, MetricStat)> = queries
        .iter()
        .enumerate()
        .flat_map(|(n, query)| {
            list_load_metrics(query)
                .into_iter()
                .map(move |(part, metric)| (n, part, metric))
        })
        .collect();
    for (n, part, values) in query_series(client, &asked, from, to).await? {
        if let Some(load) = loads.get_mut(n) {
            add_to_load(load, part, values);
        }
    }
    Ok(loads)
}

/// Reads the traffic of target groups per minute, in the order of the groups.
///
/// Counts of a target group behind several load balancers are summed over all of them.
/// Source: GetMetricData.
pub async fn read_traffic(
    client: &Client,
    groups: &[TargetGroup],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Traffic>, AwsError> {
    let mut found = vec![Traffic::default(); groups.len()];
    let mut asked = Vec::new();
    for (n, group) in groups.iter().enumerate() {
        for dimensions in group_dimensions(group) {
            let counted = |name: &str, statistic: &str| {
                build_metric("AWS/ApplicationELB", name, statistic, dimensions.clone())
            };
            asked.extend([
                (n, MetricKind::Requests, counted("RequestCount", "Sum")),
                (
                    n,
                    MetricKind::Errors,
                    counted("HTTPCode_Target_5XX_Count", "Sum"),
                ),
                // A missing target fails its requests without a target status code.
                (
                    n,
                    MetricKind::Errors,
                    counted("TargetConnectionErrorCount", "Sum"),
                ),
                (n, MetricKind::P90, counted("TargetResponseTime", "p90")),
            ]);
            // A request without a response has no target status code at all.
            let answers =
                ["2XX", "3XX", "4XX", "5XX"].map(|class| format!("HTTPCode_Target_{class}_Count"));
            asked.extend(
                answers
                    .iter()
                    .map(|name| (n, MetricKind::Answers, counted(name, "Sum"))),
            );
        }
    }
    for (n, part, values) in query_series(client, &asked, from, to).await? {
        let Some(traffic) = found.get_mut(n) else {
            continue;
        };
        match part {
            MetricKind::P90 => traffic.p90.extend(values),
            MetricKind::Errors => add_series(&mut traffic.errors, values),
            MetricKind::Answers => add_series(&mut traffic.answers, values),
            _ => add_series(&mut traffic.requests, values),
        }
    }
    Ok(found)
}

/// Reads the values of each metric with its index and kind, without the current minute.
async fn query_series(
    client: &Client,
    asked: &[(usize, MetricKind, MetricStat)],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(usize, MetricKind, Series)>, AwsError> {
    let begun = start_of_minute(to.as_second());
    let mut found = Vec::new();
    for chunk in asked.chunks(QUERIES_PER_CALL) {
        for result in get_metric_data(client, chunk, from, to).await? {
            let place = result
                .id
                .as_deref()
                .and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let Some((n, part, _)) = place.and_then(|place| chunk.get(place)) else {
                continue;
            };
            let times = result
                .timestamps()
                .iter()
                .filter_map(|time| start_of_minute(time.secs()));
            let values = times
                .zip(result.values().iter().copied())
                .filter(|(time, _)| Some(*time) < begun);
            found.push((*n, *part, values.collect()));
        }
    }
    Ok(found)
}

/// Returns a load without data.
///
/// `requests` is `None` for a service without an application load balancer.
fn empty_load(query: &LoadQuery) -> Load {
    let counted = query
        .target_groups
        .iter()
        .any(|group| group.load_balancer_dimensions().next().is_some());
    Load {
        requests: counted.then(Series::new),
        ..Load::default()
    }
}

fn list_load_metrics(query: &LoadQuery) -> Vec<(MetricKind, MetricStat)> {
    let service = service_dimensions(&query.service);
    let mut parts = vec![
        (
            MetricKind::Cpu,
            build_metric("AWS/ECS", "CPUUtilization", "Average", service.clone()),
        ),
        (
            MetricKind::Memory,
            build_metric("AWS/ECS", "MemoryUtilization", "Average", service.clone()),
        ),
        (
            MetricKind::Tasks,
            build_metric("AWS/ECS", "CPUUtilization", "SampleCount", service.clone()),
        ),
    ];
    if query.busiest {
        parts.push((
            MetricKind::BusiestCpu,
            build_metric("AWS/ECS", "CPUUtilization", "Maximum", service.clone()),
        ));
        parts.push((
            MetricKind::BusiestMemory,
            build_metric("AWS/ECS", "MemoryUtilization", "Maximum", service),
        ));
    }
    for group in &query.target_groups {
        for dimensions in group_dimensions(group) {
            parts.push((
                MetricKind::Requests,
                build_metric("AWS/ApplicationELB", "RequestCount", "Sum", dimensions),
            ));
        }
    }
    parts
}

/// Returns a set of dimensions per load balancer of a target group.
///
/// CloudWatch has no metrics of a target group alone.
fn group_dimensions(group: &TargetGroup) -> impl Iterator<Item = Vec<Dimension>> {
    let with = |balancer| {
        vec![
            build_dimension("TargetGroup", group.metric_dimension()),
            build_dimension("LoadBalancer", balancer),
        ]
    };
    group.load_balancer_dimensions().map(with)
}

fn service_dimensions(service: &Arn) -> Vec<Dimension> {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    vec![
        build_dimension("ClusterName", cluster),
        build_dimension("ServiceName", name),
    ]
}

fn build_dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn build_metric(
    namespace: &str,
    name: &str,
    statistic: &str,
    dimensions: Vec<Dimension>,
) -> MetricStat {
    let metric = Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions))
        .build();
    MetricStat::builder()
        .metric(metric)
        .period(MINUTE)
        .stat(statistic)
        .build()
}

async fn get_metric_data(
    client: &Client,
    asked: &[(usize, MetricKind, MetricStat)],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<MetricDataResult>, AwsError> {
    let queries = asked.iter().enumerate().map(|(place, (_, _, metric))| {
        MetricDataQuery::builder()
            .id(format!("q{place}"))
            .metric_stat(metric.clone())
            .build()
    });
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(DateTime::from_secs(from.as_second()))
        .end_time(DateTime::from_secs(to.as_second()))
        .scan_by(ScanBy::TimestampDescending)
        .into_paginator()
        .send();
    let mut results = Vec::new();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|e| aws_error("GetMetricData", &format!("{} metrics", asked.len()), &e))?;
        results.extend(page.metric_data_results.unwrap_or_default());
    }
    Ok(results)
}

/// Adds values to the load of a service.
///
/// Requests are summed over target groups; every other kind has one metric. A result may come in
/// several pages.
fn add_to_load(load: &mut Load, part: MetricKind, values: Series) {
    match part {
        MetricKind::Cpu => load.cpu.extend(values),
        MetricKind::Memory => load.memory.extend(values),
        MetricKind::Tasks => load.tasks.extend(values),
        MetricKind::BusiestCpu => load.busiest_cpu.extend(values),
        MetricKind::BusiestMemory => load.busiest_memory.extend(values),
        MetricKind::Requests => add_series(load.requests.get_or_insert_default(), values),
        // Only queried for target groups.
        MetricKind::Errors | MetricKind::P90 | MetricKind::Answers => {}
    }
}

fn add_series(sum: &mut Series, values: Series) {
    for (time, value) in values {
        *sum.entry(time).or_default() += value;
    }
}

/// Returns the start of the minute of a Unix time in seconds.
fn start_of_minute(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second - second.rem_euclid(i64::from(MINUTE))).ok()
}
