//! The definition of an alarm, in the form of CloudWatch and in that of Lamplighter.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aws_sdk_cloudwatch::types::{
    CompositeAlarm, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat, StateValue,
    Statistic as StandardStatistic,
};

use crate::timestamps::to_second;
use lamplighter::model::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, ExistingAlarm, Measure, Share, Statistic,
};

/// Seconds in a minute, the unit of periods.
pub const MINUTE: i32 = 60;
/// Identifier of the metric math expression that an alarm over several metrics evaluates.
const TOTAL_ID: &str = "total";

/// Builds the dimensions of a metric.
pub fn build_dimensions(metric: &AlarmMetric) -> Vec<Dimension> {
    metric
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect()
}

/// Builds the queries of an alarm on several metrics; `None` for one metric. `period`: in seconds.
///
/// In arithmetic, a metric without data counts as zero where another one has data. No expression uses `FILL`: the newest
/// minute is late as a rule, and would always have the filled value.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
pub fn build_queries(measure: &Measure, period: i32) -> Option<Vec<MetricDataQuery>> {
    let expression = MetricDataQuery::builder()
        .id(TOTAL_ID)
        .expression(build_expression(measure)?)
        .label("total")
        .return_data(true);
    let summands = measure
        .metrics()
        .into_iter()
        .zip(1..)
        .map(|(metric, number)| build_summand(metric, &metric_id(number), period));
    Some(
        std::iter::once(expression.build())
            .chain(summands)
            .collect(),
    )
}

fn metric_id(number: usize) -> String {
    format!("m{number}")
}

/// Writes a measure as metric math over `m1`, `m2` and so on; `None` for one metric.
fn build_expression(measure: &Measure) -> Option<String> {
    let ids = |numbers: RangeInclusive<usize>| -> Vec<String> { numbers.map(metric_id).collect() };
    Some(match measure {
        Measure::One(_) => return None,
        Measure::Sum(metrics) => ids(1..=metrics.len()).join(" + "),
        Measure::Greatest(metrics) => format!("MAX([{}])", ids(1..=metrics.len()).join(", ")),
        Measure::Share(share) => {
            let count = share.part.len();
            let part = ids(1..=count).join(" + ");
            let others = ids(count + 1..=count + share.others.len()).join(" + ");
            let whole = if share.is_beside {
                format!("{part} + {others}")
            } else {
                others
            };
            format!(
                "IF(({part}) >= {}, 100 * ({part}) / ({whole}), 0)",
                share.least
            )
        }
    })
}

fn build_summand(metric: &AlarmMetric, id: &str, period: i32) -> MetricDataQuery {
    let named = Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(build_dimensions(metric)))
        .build();
    let measured = MetricStat::builder()
        .metric(named)
        .period(period)
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
        description: alarm.alarm_description.clone().unwrap_or_default(),
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
        description: alarm.alarm_description.clone().unwrap_or_default(),
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
    let (measure, period) = match alarm.metrics() {
        [] => (Measure::One(convert_single_metric(alarm)?), alarm.period?),
        queries => parse_queries(queries)?,
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
        period: u32::try_from(period / MINUTE).ok()?,
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
    let statistic = alarm.statistic.as_ref().map(StandardStatistic::as_str);
    // Few samples are evaluated like many: otherwise a p99 below 1,000 requests would never fire.
    let percentile = alarm
        .extended_statistic
        .as_deref()
        .filter(|_| alarm.evaluate_low_sample_count_percentile.is_none());
    Some(AlarmMetric {
        namespace: alarm.namespace.clone()?,
        name: alarm.metric_name.clone()?,
        dimensions: dimension_map(alarm.dimensions()),
        statistic: Statistic::parse(statistic.or(percentile)?)?,
    })
}

/// Returns the measure of queries, and its period in seconds.
///
/// The metrics are taken in the order of their identifiers, because CloudWatch does not guarantee any. Returns `None` if
/// Lamplighter never builds such queries.
fn parse_queries(queries: &[MetricDataQuery]) -> Option<(Measure, i32)> {
    let mut summands: Vec<_> = queries
        .iter()
        .filter(|query| query.expression.is_none())
        .collect();
    summands.sort_by_key(|query| summand_number(query));
    let period = summands.first()?.metric_stat.as_ref()?.period?;
    let metrics: Vec<AlarmMetric> = summands
        .into_iter()
        .map(|query| convert_metric_stat(query, period))
        .collect::<Option<_>>()?;
    let expression = queries
        .iter()
        .find_map(|query| query.expression.as_deref())?;
    let measure = list_possible_measures(&metrics, expression)
        .into_iter()
        .find(|measure| build_expression(measure).as_deref() == Some(expression))?;
    (period % MINUTE == 0).then_some((measure, period))
}

/// Lists the measures of these metrics that an expression may stand for.
fn list_possible_measures(metrics: &[AlarmMetric], expression: &str) -> Vec<Measure> {
    let mut possible = vec![
        Measure::Sum(metrics.to_vec()),
        Measure::Greatest(metrics.to_vec()),
    ];
    let least = expression
        .split_once(">= ")
        .and_then(|(_, rest)| rest.split_once(',')?.0.parse().ok());
    if let Some(least) = least {
        for count in 1..metrics.len() {
            let (part, others) = metrics.split_at(count);
            possible.extend([false, true].map(|is_beside| {
                Measure::Share(Share {
                    part: part.to_vec(),
                    others: others.to_vec(),
                    is_beside,
                    least,
                })
            }));
        }
    }
    possible
}

/// Returns the number in the identifier of a summand: 2 for `m2`.
fn summand_number(query: &MetricDataQuery) -> Option<u32> {
    query.id.as_deref()?.strip_prefix('m')?.parse().ok()
}

fn convert_metric_stat(query: &MetricDataQuery, period: i32) -> Option<AlarmMetric> {
    let measured = query
        .metric_stat
        .as_ref()
        .filter(|measured| measured.period == Some(period))?;
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
