//! Amazon CloudWatch: alarms and dashboards.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat,
    StateValue, Statistic as SdkStatistic, Tag,
};
use jiff::Timestamp;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, ExistingAlarm, Measure, Statistic,
};
use lamplighter::plan::{ApplyAlarms, ApplyDashboard};

/// Maximum number of alarms per page of DescribeAlarms and per DeleteAlarms call.
const ALARMS_PER_CALL: usize = 100;
const MINUTE: i32 = 60;
/// Identifier of the metric math expression that an alarm over several metrics evaluates.
const SUM_ID: &str = "total";

pub async fn describe_alarms(
    client: &Client,
    prefix: &str,
    in_alarm: bool,
) -> Result<Vec<ExistingAlarm>, AwsError> {
    let mut pages = client
        .describe_alarms()
        .alarm_name_prefix(prefix)
        .alarm_types(AlarmType::MetricAlarm)
        .set_state_value(in_alarm.then_some(StateValue::Alarm))
        .max_records(i32::try_from(ALARMS_PER_CALL).unwrap_or(i32::MAX))
        .into_paginator()
        .send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("DescribeAlarms", prefix, &e))?;
        alarms.extend(
            page.metric_alarms
                .unwrap_or_default()
                .iter()
                .filter_map(convert_alarm),
        );
    }
    Ok(alarms)
}

pub async fn list_alarm_tags(
    client: &Client,
    arn: &str,
) -> Result<BTreeMap<String, String>, AwsError> {
    let answer = client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    let tags = answer
        .map_err(|e| aws_error("ListTagsForResource", arn, &e))?
        .tags
        .unwrap_or_default();
    Ok(tags
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value?)))
        .collect())
}

/// Puts and deletes alarms. Source: PutMetricAlarm, DeleteAlarms.
///
/// An error does not stop the remaining alarms.
///
/// # Errors
/// [`AwsError`] of the first call that failed.
pub async fn apply_alarms(client: &Client, alarms: &ApplyAlarms) -> Result<String, AwsError> {
    let mut failed = None;
    for alarm in &alarms.put {
        if let Err(error) = put_alarm(client, alarm, &alarms.tags).await {
            failed.get_or_insert(error);
        }
    }
    for chunk in alarms.delete.chunks(ALARMS_PER_CALL) {
        let request = client.delete_alarms().set_alarm_names(Some(chunk.to_vec()));
        if let Err(error) = request
            .send()
            .await
            .map_err(|e| aws_error("DeleteAlarms", &chunk.join(", "), &e))
        {
            // One alarm that no longer exists fails the whole call. The next reconciliation
            // retries the remaining ones.
            failed.get_or_insert(error);
        }
    }
    let (set, deleted) = (alarms.put.len(), alarms.delete.len());
    failed.map_or_else(|| Ok(format!("{set} set, {deleted} deleted")), Err)
}

async fn put_alarm(
    client: &Client,
    alarm: &Alarm,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let mut request = client
        .put_metric_alarm()
        .alarm_name(&alarm.name)
        .alarm_description(&alarm.description)
        .actions_enabled(true)
        .evaluation_periods(i32::try_from(alarm.minutes).unwrap_or(i32::MAX))
        .datapoints_to_alarm(i32::try_from(alarm.minutes).unwrap_or(i32::MAX))
        .threshold(alarm.threshold)
        .comparison_operator(ComparisonOperator::from(alarm.comparison.as_str()))
        .treat_missing_data(&alarm.missing_data)
        // PutMetricAlarm removes every action that it does not list.
        .set_ok_actions(Some(alarm.actions.ok.clone()))
        .set_alarm_actions(Some(alarm.actions.alarm.clone()))
        .set_insufficient_data_actions(Some(alarm.actions.insufficient_data.clone()))
        // PutMetricAlarm applies tags only to a new alarm.
        .set_tags(Some(tags.collect()));
    request = match &alarm.measure {
        Measure::One(metric) => request
            .namespace(&metric.namespace)
            .metric_name(&metric.name)
            .set_dimensions(Some(build_dimensions(metric)))
            .statistic(SdkStatistic::from(metric.statistic.as_str()))
            .period(MINUTE * i32::try_from(alarm.period).unwrap_or(1)),
        Measure::Sum(metrics) => request.set_metrics(Some(build_sum_queries(metrics))),
    };
    request
        .send()
        .await
        .map_err(|e| aws_error("PutMetricAlarm", &alarm.name, &e))?;
    Ok(())
}

fn build_dimensions(metric: &AlarmMetric) -> Vec<Dimension> {
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
fn build_sum_queries(metrics: &[AlarmMetric]) -> Vec<MetricDataQuery> {
    let ids: Vec<String> = (1..=metrics.len()).map(|n| format!("m{n}")).collect();
    let expression = MetricDataQuery::builder()
        .id(SUM_ID)
        .expression(ids.join(" + "))
        .label("total")
        .return_data(true);
    let each = metrics.iter().zip(&ids).map(|(metric, id)| {
        let named = Metric::builder()
            .namespace(&metric.namespace)
            .metric_name(&metric.name)
            .set_dimensions(Some(build_dimensions(metric)));
        let measured = MetricStat::builder()
            .metric(named.build())
            .period(MINUTE)
            .stat(metric.statistic.as_str());
        MetricDataQuery::builder()
            .id(id)
            .metric_stat(measured.build())
            .return_data(false)
            .build()
    });
    std::iter::once(expression.build()).chain(each).collect()
}

fn convert_alarm(alarm: &MetricAlarm) -> Option<ExistingAlarm> {
    let since = alarm
        .state_transitioned_timestamp
        .or(alarm.state_updated_timestamp);
    Some(ExistingAlarm {
        name: alarm.alarm_name.clone()?,
        arn: alarm.alarm_arn.clone().unwrap_or_default(),
        state: alarm
            .state_value
            .as_ref()
            .and_then(|s| AlarmState::parse(s.as_str()))?,
        state_since: since.and_then(|time| Timestamp::from_second(time.secs()).ok()),
        state_reason: alarm.state_reason.clone().unwrap_or_default(),
        actions: convert_actions(alarm),
        alarm: supported_definition(alarm),
    })
}

fn convert_actions(alarm: &MetricAlarm) -> AlarmTopics {
    AlarmTopics {
        ok: alarm.ok_actions().to_vec(),
        alarm: alarm.alarm_actions().to_vec(),
        insufficient_data: alarm.insufficient_data_actions().to_vec(),
    }
}

/// Converts an alarm to Lamplighter's definition; `None` if it has settings Lamplighter never uses.
fn supported_definition(alarm: &MetricAlarm) -> Option<Alarm> {
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
    let numbered =
        |query: &MetricDataQuery| query.id.as_deref()?.strip_prefix('m')?.parse::<u32>().ok();
    let mut each: Vec<_> = queries
        .iter()
        .filter(|query| query.expression.is_none())
        .collect();
    each.sort_by_key(|query| numbered(query));
    let metrics: Vec<AlarmMetric> = each
        .into_iter()
        .map(convert_metric_stat)
        .collect::<Option<_>>()?;
    let expression = queries.iter().find_map(|query| query.expression.as_ref())?;
    (build_sum_queries(&metrics).first()?.expression.as_ref() == Some(expression))
        .then_some(metrics)
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

/// Returns the body of a dashboard, or `None` if it does not exist. Source: GetDashboard.
pub async fn get_dashboard(client: &Client, name: &str) -> Result<Option<String>, AwsError> {
    match client
        .get_dashboard()
        .dashboard_name(name)
        .send()
        .await
        .map_err(|e| aws_error("GetDashboard", name, &e))
    {
        Ok(answer) => Ok(answer.dashboard_body),
        Err(error) if is_dashboard_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lists the names of all dashboards with a name prefix. Source: ListDashboards.
pub async fn list_dashboards(client: &Client, prefix: &str) -> Result<Vec<String>, AwsError> {
    let mut pages = client
        .list_dashboards()
        .dashboard_name_prefix(prefix)
        .into_paginator()
        .send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("ListDashboards", prefix, &e))?;
        names.extend(
            page.dashboard_entries
                .unwrap_or_default()
                .into_iter()
                .filter_map(|entry| entry.dashboard_name),
        );
    }
    Ok(names)
}

pub async fn apply_dashboard(
    client: &Client,
    dashboard: &ApplyDashboard,
) -> Result<String, AwsError> {
    let name = &dashboard.name;
    let Some(body) = &dashboard.body else {
        let deleted = client
            .delete_dashboards()
            .dashboard_names(name)
            .send()
            .await;
        return match deleted.map_err(|e| aws_error("DeleteDashboards", name, &e)) {
            Err(error) if !is_dashboard_missing(&error) => Err(error),
            _ => Ok("deleted".to_owned()),
        };
    };
    let request = client
        .put_dashboard()
        .dashboard_name(name)
        .dashboard_body(body);
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("PutDashboard", name, &e))?;
    let said = answer.dashboard_validation_messages.unwrap_or_default();
    let said: Vec<String> = said
        .into_iter()
        .filter_map(|message| message.message)
        .collect();
    Ok(if said.is_empty() {
        "set".to_owned()
    } else {
        format!("set; CloudWatch says: {}", said.join("; "))
    })
}

fn is_dashboard_missing(error: &AwsError) -> bool {
    ["DashboardNotFoundError", "ResourceNotFound"].contains(&error.code.as_str())
}
