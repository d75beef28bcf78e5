//! Amazon CloudWatch: metrics of many services, read at once.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
};
use jiff::Timestamp;

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Load, LoadQuery, Series, TargetGroup, Traffic};

/// The most one GetMetricData call takes.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const QUERIES_PER_CALL: usize = 500;
const MINUTE: i32 = 60;

/// What one query of a call is about.
#[derive(Debug, Clone, Copy)]
enum Part {
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

pub async fn loads(
    client: &Client,
    queries: &[LoadQuery],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Load>, AwsError> {
    let mut loads: Vec<Load> = queries.iter().map(empty).collect();
    let asked: Vec<(usize, Part, MetricStat)> = queries
        .iter()
        .enumerate()
        .flat_map(|(n, query)| {
            parts(query)
                .into_iter()
                .map(move |(part, metric)| (n, part, metric))
        })
        .collect();
    for (n, part, values) in values(client, &asked, from, to).await? {
        if let Some(load) = loads.get_mut(n) {
            add(load, part, values);
        }
    }
    Ok(loads)
}

/// A target group behind several load balancers has the requests of all of them.
pub async fn traffic(
    client: &Client,
    groups: &[TargetGroup],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Traffic>, AwsError> {
    let mut found = vec![Traffic::default(); groups.len()];
    let mut asked = Vec::new();
    for (n, group) in groups.iter().enumerate() {
        for dimensions in of_group(group) {
            let counted = |name: &str, statistic: &str| {
                metric("AWS/ApplicationELB", name, statistic, dimensions.clone())
            };
            asked.extend([
                (n, Part::Requests, counted("RequestCount", "Sum")),
                (n, Part::Errors, counted("HTTPCode_Target_5XX_Count", "Sum")),
                // Nobody answered: a target that is gone fails its requests without a status of its own.
                (
                    n,
                    Part::Errors,
                    counted("TargetConnectionErrorCount", "Sum"),
                ),
                (n, Part::P90, counted("TargetResponseTime", "p90")),
            ]);
            // A request that a target never answers has no status of the target's at all.
            let answers =
                ["2XX", "3XX", "4XX", "5XX"].map(|class| format!("HTTPCode_Target_{class}_Count"));
            asked.extend(
                answers
                    .iter()
                    .map(|name| (n, Part::Answers, counted(name, "Sum"))),
            );
        }
    }
    for (n, part, values) in values(client, &asked, from, to).await? {
        let Some(traffic) = found.get_mut(n) else {
            continue;
        };
        match part {
            Part::P90 => traffic.p90.extend(values),
            Part::Errors => add_up(&mut traffic.errors, values),
            Part::Answers => add_up(&mut traffic.answers, values),
            _ => add_up(&mut traffic.requests, values),
        }
    }
    Ok(found)
}

/// What was measured of each metric, with what it is about, without the minute that has only begun.
async fn values(
    client: &Client,
    asked: &[(usize, Part, MetricStat)],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(usize, Part, Series)>, AwsError> {
    let begun = minute(to.as_second());
    let mut found = Vec::new();
    for chunk in asked.chunks(QUERIES_PER_CALL) {
        for result in read(client, chunk, from, to).await? {
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
                .filter_map(|time| minute(time.secs()));
            let values = times
                .zip(result.values().iter().copied())
                .filter(|(time, _)| Some(*time) < begun);
            found.push((*n, *part, values.collect()));
        }
    }
    Ok(found)
}

/// A service behind no application load balancer has no requests to count.
fn empty(query: &LoadQuery) -> Load {
    let counted = query
        .target_groups
        .iter()
        .any(|group| group.balancer_dimensions().next().is_some());
    Load {
        requests: counted.then(Series::new),
        ..Load::default()
    }
}

fn parts(query: &LoadQuery) -> Vec<(Part, MetricStat)> {
    let service = dimensions(&query.service);
    let mut parts = vec![
        (
            Part::Cpu,
            metric("AWS/ECS", "CPUUtilization", "Average", service.clone()),
        ),
        (
            Part::Memory,
            metric("AWS/ECS", "MemoryUtilization", "Average", service.clone()),
        ),
        (
            Part::Tasks,
            metric("AWS/ECS", "CPUUtilization", "SampleCount", service.clone()),
        ),
    ];
    if query.busiest {
        parts.push((
            Part::BusiestCpu,
            metric("AWS/ECS", "CPUUtilization", "Maximum", service.clone()),
        ));
        parts.push((
            Part::BusiestMemory,
            metric("AWS/ECS", "MemoryUtilization", "Maximum", service),
        ));
    }
    for group in &query.target_groups {
        for dimensions in of_group(group) {
            parts.push((
                Part::Requests,
                metric("AWS/ApplicationELB", "RequestCount", "Sum", dimensions),
            ));
        }
    }
    parts
}

/// One set for each load balancer: CloudWatch has no metric of a target group alone.
fn of_group(group: &TargetGroup) -> impl Iterator<Item = Vec<Dimension>> {
    let with = |balancer| {
        vec![
            dimension("TargetGroup", group.dimension()),
            dimension("LoadBalancer", balancer),
        ]
    };
    group.balancer_dimensions().map(with)
}

fn dimensions(service: &Arn) -> Vec<Dimension> {
    let (cluster, name) = service.ecs_service().unwrap_or_default();
    vec![
        dimension("ClusterName", cluster),
        dimension("ServiceName", name),
    ]
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn metric(namespace: &str, name: &str, statistic: &str, dimensions: Vec<Dimension>) -> MetricStat {
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

async fn read(
    client: &Client,
    asked: &[(usize, Part, MetricStat)],
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
            page.map_err(|e| failure("GetMetricData", &format!("{} metrics", asked.len()), &e))?;
        results.extend(page.metric_data_results.unwrap_or_default());
    }
    Ok(results)
}

/// Adds the values to a service's load: requests are summed over target groups, everything else has one
/// metric. A result may come in several pages.
fn add(load: &mut Load, part: Part, values: Series) {
    match part {
        Part::Cpu => load.cpu.extend(values),
        Part::Memory => load.memory.extend(values),
        Part::Tasks => load.tasks.extend(values),
        Part::BusiestCpu => load.busiest_cpu.extend(values),
        Part::BusiestMemory => load.busiest_memory.extend(values),
        Part::Requests => add_up(load.requests.get_or_insert_default(), values),
        // Asked for by target group alone.
        Part::Errors | Part::P90 | Part::Answers => {}
    }
}

fn add_up(sum: &mut Series, values: Series) {
    for (time, value) in values {
        *sum.entry(time).or_default() += value;
    }
}

/// The beginning of the minute that a second belongs to.
fn minute(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second - second.rem_euclid(i64::from(MINUTE))).ok()
}
