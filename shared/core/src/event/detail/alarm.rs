//! CloudWatch alarm state changes in the three forms that AWS sends.
//!
//! The forms are an EventBridge event, a Lambda invocation as the alarm's action, and an SNS
//! message.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-lambda.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::AlarmState;

/// A state change of an alarm. Only metric alarms list their metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmChange {
    pub name: String,
    /// ARN of the alarm; empty in the oldest SNS messages.
    pub arn: String,
    pub state: AlarmState,
    /// Previous state; `None` if the form omits it, as for alarm contributors.
    pub previous: Option<AlarmState>,
    pub reason: String,
    /// What the owner of the alarm wrote about it; may be empty.
    pub description: String,
    /// AWS's time stamp, unparsed. Two deliveries of the same change have the same value.
    pub at: String,
    pub metrics: Vec<MetricIdentity>,
    /// Threshold of the alarm; `None` if it has none.
    pub threshold: Option<f64>,
    /// Names of the alarms that triggered a composite alarm.
    pub because_of: Vec<String>,
    /// True if the alarm is muted.
    pub muted: bool,
}

/// One metric that an alarm evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricIdentity {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventDetail {
    alarm_name: String,
    state: State,
    previous_state: Option<State>,
    #[serde(default)]
    configuration: Configuration,
    mute_detail: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    value: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    timestamp: String,
    /// JSON encoded as a string; may be absent.
    reason_data: Option<String>,
}

#[derive(Deserialize, Default)]
struct Configuration {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    metrics: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsMessage {
    alarm_name: String,
    #[serde(default)]
    alarm_arn: String,
    alarm_description: Option<String>,
    new_state_value: String,
    #[serde(default)]
    new_state_reason: String,
    #[serde(default)]
    state_change_time: String,
    old_state_value: Option<String>,
    #[serde(default)]
    trigger: Value,
}

/// Parses `detail` of an EventBridge event, or `alarmData` of a Lambda invocation by the alarm.
pub(crate) fn parse_event_detail(
    detail: Value,
    arn: String,
) -> Result<AlarmChange, serde_json::Error> {
    let parsed: EventDetail = serde_json::from_value(detail)?;
    let data: Value = parsed
        .state
        .reason_data
        .as_deref()
        .and_then(|d| serde_json::from_str(d).ok())
        .unwrap_or_default();
    Ok(AlarmChange {
        name: parsed.alarm_name,
        arn,
        state: parse_state(&parsed.state.value)?,
        previous: parsed
            .previous_state
            .and_then(|previous| AlarmState::parse(&previous.value)),
        threshold: data.get("threshold").and_then(Value::as_f64),
        because_of: parse_triggering_alarms(&data),
        reason: parsed.state.reason,
        description: parsed.configuration.description.unwrap_or_default(),
        at: parsed.state.timestamp,
        metrics: parsed
            .configuration
            .metrics
            .iter()
            .filter_map(parse_metric)
            .collect(),
        muted: parsed.mute_detail.is_some(),
    })
}

/// Parses the body of an SNS message.
pub(crate) fn parse_sns_message(message: Value) -> Result<AlarmChange, serde_json::Error> {
    let parsed: SnsMessage = serde_json::from_value(message)?;
    let several = parsed
        .trigger
        .get("Metrics")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let threshold = parsed.trigger.get("Threshold").and_then(Value::as_f64);
    let metrics = if several.is_empty() {
        vec![parsed.trigger]
    } else {
        several
    };
    Ok(AlarmChange {
        name: parsed.alarm_name,
        arn: parsed.alarm_arn,
        state: parse_state(&parsed.new_state_value)?,
        previous: parsed
            .old_state_value
            .as_deref()
            .and_then(AlarmState::parse),
        reason: parsed.new_state_reason,
        description: parsed.alarm_description.unwrap_or_default(),
        at: parsed.state_change_time,
        metrics: metrics.iter().filter_map(parse_metric).collect(),
        threshold,
        because_of: Vec::new(),
        muted: false,
    })
}

fn parse_state(value: &str) -> Result<AlarmState, serde_json::Error> {
    AlarmState::parse(value).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "state \"{value}\" is not one of OK, ALARM, INSUFFICIENT_DATA"
        ))
    })
}

/// Parses a metric in any spelling: `metricStat.metric.name`, `MetricStat.Metric.MetricName`, or
/// flat. Returns `None` for an expression.
fn parse_metric(entry: &Value) -> Option<MetricIdentity> {
    let metric = get_either(entry, ["metricStat", "MetricStat"])
        .and_then(|stat| get_either(stat, ["metric", "Metric"]))
        .unwrap_or(entry);
    Some(MetricIdentity {
        namespace: get_text(metric, ["namespace", "Namespace"])?,
        name: get_text(metric, ["name", "MetricName"])?,
        dimensions: get_either(metric, ["dimensions", "Dimensions"])
            .map(parse_dimensions)
            .unwrap_or_default(),
    })
}

/// Returns the value under the first of two spellings of a key that is present.
fn get_either<'a>(value: &'a Value, keys: [&str; 2]) -> Option<&'a Value> {
    keys.iter().find_map(|key| value.get(*key))
}

fn get_text(value: &Value, keys: [&str; 2]) -> Option<String> {
    get_either(value, keys)?.as_str().map(str::to_owned)
}

/// Parses dimensions: `{name: value}` in events, `[{name, value}]` or `[{Name, Value}]` in
/// messages.
fn parse_dimensions(value: &Value) -> BTreeMap<String, String> {
    if let Value::Object(map) = value {
        return map
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
    }
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            Some((
                get_text(entry, ["name", "Name"])?,
                get_text(entry, ["value", "Value"])?,
            ))
        })
        .collect()
}

/// Returns the names of the triggering alarms in the `reasonData` of a composite alarm.
fn parse_triggering_alarms(data: &Value) -> Vec<String> {
    let alarms = data
        .get("triggeringAlarms")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let arns = alarms.filter_map(|alarm| alarm.get("arn")?.as_str());
    arns.filter_map(|arn| arn.split_once(":alarm:").map(|(_, name)| name.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_names_its_metrics_and_skips_expressions() {
        let change = parse_event_detail(
            json!({
                "alarmName": "lamplighter/shop/web/requests",
                "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": "2026-11-21T05:00:00.123+0000"},
                "previousState": {"value": "INSUFFICIENT_DATA"},
                "configuration": {"metrics": [
                    {"id": "e1", "expression": "MAX([m1])", "returnData": true},
                    {"id": "m1", "metricStat": {"metric": {"namespace": "AWS/ECS", "name": "CPUUtilization",
                        "dimensions": {"ClusterName": "shop", "ServiceName": "web"}}, "period": 60, "stat": "Average"}},
                ]},
            }),
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/requests"
                .to_owned(),
        );
        let change = change.unwrap();
        assert_eq!(
            (change.state, change.previous),
            (AlarmState::Alarm, Some(AlarmState::InsufficientData))
        );
        assert_eq!(change.metrics.len(), 1);
        assert_eq!(change.metrics[0].dimensions["ServiceName"], "web");
    }

    #[test]
    fn a_message_spells_dimensions_in_three_ways() {
        for dimensions in [
            json!([{"name": "ServiceName", "value": "web"}]),
            json!([{"Name": "ServiceName", "Value": "web"}]),
        ] {
            let change = parse_sns_message(json!({
                "AlarmName": "cpu", "NewStateValue": "ALARM", "OldStateValue": "OK",
                "Trigger": {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Dimensions": dimensions},
            }));
            assert_eq!(change.unwrap().metrics[0].dimensions["ServiceName"], "web");
        }
    }

    #[test]
    fn a_composite_alarm_names_those_that_made_it_change() {
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/cpu-peak";
        assert_eq!(
            parse_triggering_alarms(&json!({"triggeringAlarms": [{"arn": arn}]})),
            ["lamplighter/shop/web/cpu-peak"]
        );
        assert!(parse_triggering_alarms(&Value::Null).is_empty());
    }

    #[test]
    fn an_unknown_state_is_named() {
        let error =
            parse_sns_message(json!({"AlarmName": "cpu", "NewStateValue": "BURNING"})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "state \"BURNING\" is not one of OK, ALARM, INSUFFICIENT_DATA"
        );
    }
}
