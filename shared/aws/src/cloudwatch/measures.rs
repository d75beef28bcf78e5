//! What an alarm measures, minute by minute.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{AlarmMetric, Measure, Series};

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
    let metrics: Vec<AlarmMetric> = measure.metrics().into_iter().cloned().collect();
    let mut minutes: BTreeMap<Timestamp, Vec<Option<f64>>> = BTreeMap::new();
    for (index, series) in read_metrics(client, &metrics, from, to)
        .await?
        .into_iter()
        .enumerate()
    {
        for (minute, value) in series {
            let values = minutes
                .entry(minute)
                .or_insert_with(|| vec![None; metrics.len()]);
            if let Some(place) = values.get_mut(index) {
                *place = Some(value);
            }
        }
    }
    Ok(minutes
        .into_iter()
        .filter_map(|(minute, values)| Some((minute, measure.evaluate(&values)?)))
        .collect())
}

/// Reads metrics per minute, in their order.
///
/// Source: GetMetricData.
pub async fn read_metrics(
    client: &Client,
    metrics: &[AlarmMetric],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Series>, AwsError> {
    let queries = metrics.iter().enumerate().map(|(index, metric)| {
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
    });
    let queries: Vec<MetricQuery<()>> = queries.collect();
    let mut all = vec![Series::new(); metrics.len()];
    for part in query_series(client, &queries, from, to).await? {
        if let Some(series) = all.get_mut(part.index) {
            series.extend(part.values);
        }
    }
    Ok(all)
}
