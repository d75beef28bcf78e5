//! Amazon CloudWatch: metrics of many services, read at once.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy};
use jiff::Timestamp;

use super::failure::failure;
use crate::AwsError;
use crate::model::{Arn, Load, LoadQuery, Series};

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
        .flat_map(|(n, query)| parts(query).into_iter().map(move |(part, metric)| (n, part, metric)))
        .collect();
    for chunk in asked.chunks(QUERIES_PER_CALL) {
        for result in read(client, chunk, from, to).await? {
            let place = result.id.as_deref().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let Some((n, part, _)) = place.and_then(|place| chunk.get(place)) else { continue };
            if let Some(load) = loads.get_mut(*n) {
                add(load, *part, &result, to);
            }
        }
    }
    Ok(loads)
}

/// A service behind no application load balancer has no requests to count.
fn empty(query: &LoadQuery) -> Load {
    let counted = query.target_groups.iter().any(|group| group.balancer_dimensions().next().is_some());
    Load { requests: counted.then(Series::new), ..Load::default() }
}

fn parts(query: &LoadQuery) -> Vec<(Part, MetricStat)> {
    let service = dimensions(&query.service);
    let mut parts = vec![
        (Part::Cpu, metric("AWS/ECS", "CPUUtilization", "Average", service.clone())),
        (Part::Memory, metric("AWS/ECS", "MemoryUtilization", "Average", service.clone())),
        (Part::Tasks, metric("AWS/ECS", "CPUUtilization", "SampleCount", service.clone())),
    ];
    if query.busiest {
        parts.push((Part::BusiestCpu, metric("AWS/ECS", "CPUUtilization", "Maximum", service.clone())));
        parts.push((Part::BusiestMemory, metric("AWS/ECS", "MemoryUtilization", "Maximum", service)));
    }
    for group in &query.target_groups {
        for balancer in group.balancer_dimensions() {
            let dimensions = vec![dimension("TargetGroup", group.dimension()), dimension("LoadBalancer", balancer)];
            parts.push((Part::Requests, metric("AWS/ApplicationELB", "RequestCount", "Sum", dimensions)));
        }
    }
    parts
}

fn dimensions(service: &Arn) -> Vec<Dimension> {
    let (cluster, name) = service.ecs_service().unwrap_or_default();
    vec![dimension("ClusterName", cluster), dimension("ServiceName", name)]
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn metric(namespace: &str, name: &str, statistic: &str, dimensions: Vec<Dimension>) -> MetricStat {
    let metric = Metric::builder().namespace(namespace).metric_name(name).set_dimensions(Some(dimensions)).build();
    MetricStat::builder().metric(metric).period(MINUTE).stat(statistic).build()
}

async fn read(
    client: &Client,
    asked: &[(usize, Part, MetricStat)],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<MetricDataResult>, AwsError> {
    let queries = asked.iter().enumerate().map(|(place, (_, _, metric))| {
        MetricDataQuery::builder().id(format!("q{place}")).metric_stat(metric.clone()).build()
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
        let page = page.map_err(|e| failure("GetMetricData", &format!("{} metrics", asked.len()), &e))?;
        results.extend(page.metric_data_results.unwrap_or_default());
    }
    Ok(results)
}

/// Adds the values to a service's load: requests are summed over target groups, everything else has one
/// metric. A result may come in several pages.
fn add(load: &mut Load, part: Part, result: &MetricDataResult, to: Timestamp) {
    let begun = minute(to.as_second());
    let times = result.timestamps().iter().filter_map(|time| minute(time.secs()));
    let values: BTreeMap<Timestamp, f64> =
        times.zip(result.values().iter().copied()).filter(|(time, _)| Some(*time) < begun).collect();
    match part {
        Part::Cpu => load.cpu.extend(values),
        Part::Memory => load.memory.extend(values),
        Part::Tasks => load.tasks.extend(values),
        Part::BusiestCpu => load.busiest_cpu.extend(values),
        Part::BusiestMemory => load.busiest_memory.extend(values),
        Part::Requests => {
            let requests = load.requests.get_or_insert_default();
            for (time, value) in values {
                *requests.entry(time).or_default() += value;
            }
        }
    }
}

/// The beginning of the minute that a second belongs to.
fn minute(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second - second.rem_euclid(i64::from(MINUTE))).ok()
}
