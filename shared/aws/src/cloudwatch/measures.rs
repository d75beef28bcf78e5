//! What an alarm measures, minute by minute.

use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{Measure, Series};

use super::metric_query::{MetricQuery, add_series, build_dimension, build_metric, query_series};

/// Reads the measure of an alarm per minute, summed over its metrics.
///
/// Source: GetMetricData.
pub async fn read_measure(
    client: &Client,
    measure: &Measure,
    from: Timestamp,
    to: Timestamp,
) -> Result<Series, AwsError> {
    let queries: Vec<MetricQuery<()>> = measure
        .metrics()
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let dimensions = metric.dimensions.iter();
            let dimensions = dimensions.map(|(name, value)| build_dimension(name, value));
            let statistic = metric.statistic.as_str();
            MetricQuery {
                index,
                kind: (),
                metric: build_metric(
                    &metric.namespace,
                    &metric.name,
                    statistic,
                    dimensions.collect(),
                ),
            }
        })
        .collect();
    let mut sum = Series::new();
    for part in query_series(client, &queries, from, to).await? {
        add_series(&mut sum, part.values);
    }
    Ok(sum)
}
