//! What an alarm measures, minute by minute.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{Measure, Series};

use super::metric_query::{MetricQuery, build_dimension, build_metric, query_series};

/// Reads the measure of an alarm per minute.
///
/// Source: GetMetricData.
pub async fn read_measure(
    client: &Client,
    measure: &Measure,
    from: Timestamp,
    to: Timestamp,
) -> Result<Series, AwsError> {
    let metrics = measure.metrics();
    let queries: Vec<MetricQuery<()>> = metrics
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
    let mut minutes: BTreeMap<Timestamp, Vec<Option<f64>>> = BTreeMap::new();
    for part in query_series(client, &queries, from, to).await? {
        for (minute, value) in part.values {
            let values = minutes
                .entry(minute)
                .or_insert_with(|| vec![None; metrics.len()]);
            if let Some(place) = values.get_mut(part.index) {
                *place = Some(value);
            }
        }
    }
    Ok(minutes
        .into_iter()
        .filter_map(|(minute, values)| Some((minute, measure.evaluate(&values)?)))
        .collect())
}
