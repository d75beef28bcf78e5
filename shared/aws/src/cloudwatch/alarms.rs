//! Alarms: listing, creation and deletion.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, StateValue, Statistic as SdkStatistic, Tag,
};

use super::alarm_definition::{
    MINUTE, build_dimensions, build_queries, convert_alarm, convert_composite_alarm,
};
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Alarm, ExistingAlarm, Measure};
use lamplighter::plan::ApplyAlarms;

/// Maximum number of alarms per page of DescribeAlarms and per DeleteAlarms call.
const ALARMS_PER_CALL: usize = 100;

/// Describes the metric alarms whose name starts with a prefix, or those of them in ALARM.
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

/// Describes the metric and composite alarms with these names, which fit into one call. Missing ones are left out.
pub async fn find_alarms(
    client: &Client,
    names: &[String],
) -> Result<Vec<ExistingAlarm>, AwsError> {
    let answer = client
        .describe_alarms()
        .set_alarm_names(Some(names.to_vec()))
        // Without the types, CloudWatch returns metric alarms only.
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .send()
        .await
        .map_err(|e| aws_error("DescribeAlarms", &names.join(", "), &e))?;
    let metric = answer.metric_alarms().iter().filter_map(convert_alarm);
    let composite = answer
        .composite_alarms()
        .iter()
        .filter_map(convert_composite_alarm);
    Ok(metric.chain(composite).collect())
}

/// Lists the tags of an alarm. Source: ListTagsForResource.
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
pub async fn apply_alarms(client: &Client, changes: &ApplyAlarms) -> Result<String, AwsError> {
    let mut failure = None;
    for alarm in &changes.put {
        if let Err(error) = put_alarm(client, alarm, &changes.tags).await {
            failure.get_or_insert(error);
        }
    }
    for names in changes.delete.chunks(ALARMS_PER_CALL) {
        // One alarm that no longer exists fails the whole call. The next reconciliation retries
        // the remaining ones.
        if let Err(error) = delete_alarms(client, names).await {
            failure.get_or_insert(error);
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(format!(
            "{} set, {} deleted",
            changes.put.len(),
            changes.delete.len()
        )),
    }
}

async fn delete_alarms(client: &Client, names: &[String]) -> Result<(), AwsError> {
    let request = client.delete_alarms().set_alarm_names(Some(names.to_vec()));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("DeleteAlarms", &names.join(", "), &e))
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
    let period = MINUTE * i32::try_from(alarm.period).unwrap_or(1);
    request = match &alarm.measure {
        Measure::One(metric) => {
            let request = request
                .namespace(&metric.namespace)
                .metric_name(&metric.name)
                .set_dimensions(Some(build_dimensions(metric)))
                .period(period);
            if metric.statistic.is_percentile() {
                request.extended_statistic(metric.statistic.as_str())
            } else {
                request.statistic(SdkStatistic::from(metric.statistic.as_str()))
            }
        }
        measure => request.set_metrics(build_queries(measure, period)),
    };
    request
        .send()
        .await
        .map_err(|e| aws_error("PutMetricAlarm", &alarm.name, &e))?;
    Ok(())
}
