//! The traffic of target groups: requests, errors, responses and latency.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricStat};
use jiff::Timestamp;

use super::metric_query::{
    MetricQuery, add_series, build_load_balancer_metric, group_dimensions, query_series,
};
use lamplighter::AwsError;
use lamplighter::model::{Series, TargetGroup, Traffic};

/// The kind of a metric of a target group.
#[derive(Debug, Clone, Copy)]
enum TrafficMetric {
    Requests,
    Errors,
    /// Responses of any status class.
    Responses,
    P90,
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
    let mut traffic = vec![Traffic::default(); groups.len()];
    let mut metrics = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        for dimensions in group_dimensions(group) {
            let group_metrics = list_traffic_metrics(&dimensions).into_iter();
            metrics.extend(group_metrics.map(|(kind, metric)| MetricQuery {
                index,
                kind,
                metric,
            }));
        }
    }
    for series in query_series(client, &metrics, from, to).await? {
        if let Some(group_traffic) = traffic.get_mut(series.index) {
            add_to_traffic(group_traffic, series.kind, series.values);
        }
    }
    Ok(traffic)
}

fn list_traffic_metrics(dimensions: &[Dimension]) -> [(TrafficMetric, MetricStat); 8] {
    [
        (TrafficMetric::Requests, "RequestCount", "Sum"),
        (TrafficMetric::Errors, "HTTPCode_Target_5XX_Count", "Sum"),
        // A missing target fails its requests without a target status code.
        (TrafficMetric::Errors, "TargetConnectionErrorCount", "Sum"),
        (TrafficMetric::P90, "TargetResponseTime", "p90"),
        // A request without a response has no target status code at all.
        (TrafficMetric::Responses, "HTTPCode_Target_2XX_Count", "Sum"),
        (TrafficMetric::Responses, "HTTPCode_Target_3XX_Count", "Sum"),
        (TrafficMetric::Responses, "HTTPCode_Target_4XX_Count", "Sum"),
        (TrafficMetric::Responses, "HTTPCode_Target_5XX_Count", "Sum"),
    ]
    .map(|(kind, name, statistic)| {
        (
            kind,
            build_load_balancer_metric(name, statistic, dimensions),
        )
    })
}

fn add_to_traffic(traffic: &mut Traffic, kind: TrafficMetric, values: Series) {
    match kind {
        TrafficMetric::Requests => add_series(&mut traffic.requests, values),
        TrafficMetric::Errors => add_series(&mut traffic.errors, values),
        TrafficMetric::Responses => add_series(&mut traffic.answers, values),
        TrafficMetric::P90 => traffic.p90.extend(values),
    }
}
