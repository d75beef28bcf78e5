//! The definition of an alarm, in the form of CloudWatch and in that of Lamplighter.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    CompositeAlarm, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat, StateValue,
};

use crate::timestamps::to_second;
use lamplighter::model::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, ExistingAlarm, Measure, Statistic,
};

/// Seconds in a minute, the unit of periods.
pub const MINUTE: i32 = 60;
/// Identifier of the metric math expression that an alarm over several metrics evaluates.
const SUM_ID: &str = "total";

/// Builds the dimensions of a metric.
pub fn build_dimensions(metric: &AlarmMetric) -> Vec<Dimension> {
    metric
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect()
}

/// Builds the queries for the sum of several metrics; a metric without data counts as zero.
///
/// The expression does not use `FILL`: in an alarm, a late value would count as missing.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
pub fn build_sum_queries(metrics: &[AlarmMetric]) -> Vec<MetricDataQuery> {
    let ids: Vec<String> = (1..=metrics.len()).map(|n| format!("m{n}")).collect();
    let expression = MetricDataQuery::builder()
        .id(SUM_ID)
        .expression(ids.join(" + "))
        .label("total")
        .return_data(true);
    let summands = metrics
        .iter()
        .zip(&ids)
        .map(|(metric, id)| build_summand(metric, id));
    std::iter::once(expression.build())
        .chain(summands)
        .collect()
}

fn build_summand(metric: &AlarmMetric, id: &str) -> MetricDataQuery {
    let named = Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(build_dimensions(metric)))
        .build();
    let measured = MetricStat::builder()
        .metric(named)
        .period(MINUTE)
        .stat(metric.statistic.as_str())
        .build();
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(measured)
        .return_data(false)
        .build()
}

/// Converts an alarm; `None` if it has no name or no state.
pub fn convert_alarm(alarm: &MetricAlarm) -> Option<ExistingAlarm> {
    let since = alarm
        .state_transitioned_timestamp
        .or(alarm.state_updated_timestamp);
    Some(ExistingAlarm {
        name: alarm.alarm_name.clone()?,
        arn: alarm.alarm_arn.clone().unwrap_or_default(),
        state: convert_state(alarm.state_value.as_ref())?,
        state_since: since.and_then(to_second),
        state_reason: alarm.state_reason.clone().unwrap_or_default(),
        actions: convert_actions(alarm),
        alarm: parse_supported_definition(alarm),
    })
}

/// Converts a composite alarm, which Lamplighter never creates.
pub fn convert_composite_alarm(alarm: &CompositeAlarm) -> Option<ExistingAlarm> {
    let since = alarm
        .state_transitioned_timestamp
        .or(alarm.state_updated_timestamp);
    Some(ExistingAlarm {
        name: alarm.alarm_name.clone()?,
        arn: alarm.alarm_arn.clone().unwrap_or_default(),
        state: convert_state(alarm.state_value.as_ref())?,
        state_since: since.and_then(to_second),
        state_reason: alarm.state_reason.clone().unwrap_or_default(),
        actions: AlarmTopics::default(),
        alarm: None,
    })
}

fn convert_state(state: Option<&StateValue>) -> Option<AlarmState> {
    state.and_then(|state| AlarmState::parse(state.as_str()))
}

fn convert_actions(alarm: &MetricAlarm) -> AlarmTopics {
    AlarmTopics {
        ok: alarm.ok_actions().to_vec(),
        alarm: alarm.alarm_actions().to_vec(),
        insufficient_data: alarm.insufficient_data_actions().to_vec(),
    }
}

/// Converts an alarm to Lamplighter's definition; `None` if it has settings Lamplighter never uses.
fn parse_supported_definition(alarm: &MetricAlarm) -> Option<Alarm> {
    let minutes = u32::try_from(alarm.evaluation_periods?).ok()?;
    let measure = match alarm.metrics() {
        [] => Measure::One(convert_single_metric(alarm)?),
        queries => Measure::Sum(convert_summed_metrics(queries)?),
    };
    let same_minutes = alarm
        .datapoints_to_alarm
        .is_none_or(|n| u32::try_from(n) == Ok(minutes));
    (same_minutes && alarm.actions_enabled != Some(false)).then_some(())?;
    Some(Alarm {
        name: alarm.alarm_name.clone()?,
        description: alarm.alarm_description.clone().unwrap_or_default(),
        measure,
        comparison: alarm.comparison_operator.as_ref()?.as_str().to_owned(),
        threshold: alarm.threshold?,
        minutes,
        period: u32::try_from(alarm.period.unwrap_or(MINUTE) / MINUTE).ok()?,
        missing_data: alarm
            .treat_missing_data
            .clone()
            .unwrap_or_else(|| "missing".to_owned()),
        actions: convert_actions(alarm),
    })
}

fn convert_single_metric(alarm: &MetricAlarm) -> Option<AlarmMetric> {
    alarm
        .period
        .is_some_and(|period| period % MINUTE == 0)
        .then_some(())?;
    Some(AlarmMetric {
        namespace: alarm.namespace.clone()?,
        name: alarm.metric_name.clone()?,
        dimensions: dimension_map(alarm.dimensions()),
        statistic: Statistic::parse(alarm.statistic.as_ref()?.as_str())?,
    })
}

/// Returns the summed metrics in the order of their identifiers: `m1`, `m2`.
///
/// CloudWatch does not guarantee any order. Returns `None` if the queries are not such a sum.
fn convert_summed_metrics(queries: &[MetricDataQuery]) -> Option<Vec<AlarmMetric>> {
    let mut summands: Vec<_> = queries
        .iter()
        .filter(|query| query.expression.is_none())
        .collect();
    summands.sort_by_key(|query| summand_number(query));
    let metrics: Vec<AlarmMetric> = summands
        .into_iter()
        .map(convert_metric_stat)
        .collect::<Option<_>>()?;
    let expression = queries.iter().find_map(|query| query.expression.as_ref())?;
    (build_sum_queries(&metrics).first()?.expression.as_ref() == Some(expression))
        .then_some(metrics)
}

/// Returns the number in the identifier of a summand: 2 for `m2`.
fn summand_number(query: &MetricDataQuery) -> Option<u32> {
    query.id.as_deref()?.strip_prefix('m')?.parse().ok()
}

fn convert_metric_stat(query: &MetricDataQuery) -> Option<AlarmMetric> {
    let measured = query
        .metric_stat
        .as_ref()
        .filter(|m| m.period == Some(MINUTE))?;
    let metric = measured.metric.as_ref()?;
    Some(AlarmMetric {
        namespace: metric.namespace.clone()?,
        name: metric.metric_name.clone()?,
        dimensions: dimension_map(metric.dimensions()),
        statistic: Statistic::parse(measured.stat.as_deref()?)?,
    })
}

fn dimension_map(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    dimensions
        .iter()
        .filter_map(|d| Some((d.name.clone()?, d.value.clone()?)))
        .collect()
}
