//! Queries of many metrics in few calls.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
};
use jiff::Timestamp;

use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Series, TargetGroup};

/// Maximum number of queries per GetMetricData call.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const QUERIES_PER_CALL: usize = 500;
const MINUTE: i32 = 60;

/// A metric to read, with the place of its target in the request and its kind.
pub struct MetricQuery<K> {
    pub index: usize,
    pub kind: K,
    pub metric: MetricStat,
}

/// The values of one metric per minute. A metric may come in several parts.
pub struct MetricValues<K> {
    pub index: usize,
    pub kind: K,
    pub values: Series,
}

/// Reads the values of each metric, without the current minute.
pub async fn query_series<K: Copy>(
    client: &Client,
    queries: &[MetricQuery<K>],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<MetricValues<K>>, AwsError> {
    let current_minute = start_of_minute(to.as_second());
    let mut series = Vec::new();
    for chunk in queries.chunks(QUERIES_PER_CALL) {
        for result in get_metric_data(client, chunk, from, to).await? {
            let Some(query) = query_index(&result).and_then(|index| chunk.get(index)) else {
                continue;
            };
            let times = result
                .timestamps()
                .iter()
                .filter_map(|time| start_of_minute(time.secs()));
            let values = times
                .zip(result.values().iter().copied())
                .filter(|(time, _)| Some(*time) < current_minute);
            series.push(MetricValues {
                index: query.index,
                kind: query.kind,
                values: values.collect(),
            });
        }
    }
    Ok(series)
}

async fn get_metric_data<K>(
    client: &Client,
    queries: &[MetricQuery<K>],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<MetricDataResult>, AwsError> {
    let data_queries = queries.iter().enumerate().map(|(index, query)| {
        MetricDataQuery::builder()
            .id(query_id(index))
            .metric_stat(query.metric.clone())
            .build()
    });
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(data_queries.collect()))
        .start_time(DateTime::from_secs(from.as_second()))
        .end_time(DateTime::from_secs(to.as_second()))
        .scan_by(ScanBy::TimestampDescending)
        .into_paginator()
        .send();
    let mut results = Vec::new();
    while let Some(page) = pages.next().await {
        let count = queries.len();
        let page = page.map_err(|e| aws_error("GetMetricData", &format!("{count} metrics"), &e))?;
        results.extend(page.metric_data_results.unwrap_or_default());
    }
    Ok(results)
}

/// Returns the identifier of the query at an index of a call: `q7`.
fn query_id(index: usize) -> String {
    format!("q{index}")
}

/// Returns the index of the query that a result belongs to.
fn query_index(result: &MetricDataResult) -> Option<usize> {
    result.id.as_deref()?.strip_prefix('q')?.parse().ok()
}

/// Returns the start of the minute of a Unix time in seconds.
fn start_of_minute(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second - second.rem_euclid(i64::from(MINUTE))).ok()
}

/// Builds a metric with one value per minute.
pub fn build_metric(
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

/// Builds a metric of an Application Load Balancer.
pub fn build_load_balancer_metric(
    name: &str,
    statistic: &str,
    dimensions: &[Dimension],
) -> MetricStat {
    build_metric("AWS/ApplicationELB", name, statistic, dimensions.to_vec())
}

/// Returns a set of dimensions per load balancer of a target group.
///
/// CloudWatch has no metrics of a target group alone.
pub fn group_dimensions(group: &TargetGroup) -> impl Iterator<Item = Vec<Dimension>> {
    group.load_balancer_dimensions().map(|balancer| {
        vec![
            build_dimension("TargetGroup", group.metric_dimension()),
            build_dimension("LoadBalancer", balancer),
        ]
    })
}

pub fn build_dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

/// Adds the values of a series to a sum, minute by minute.
pub fn add_series(sum: &mut Series, values: Series) {
    for (time, value) in values {
        *sum.entry(time).or_default() += value;
    }
}
