//! CloudWatch alarms that changed their state, in each of the three forms in which AWS tells it: by EventBridge,
//! by invoking a function as the alarm's action, and as an SNS message.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-lambda.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::AlarmState;

/// An alarm's change of state. What it measures is there only for metric alarms.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmChange {
    pub name: String,
    /// Empty where the oldest SNS messages have none.
    pub arn: String,
    pub state: AlarmState,
    /// `None` where the form does not say, as for contributors of an alarm.
    pub previous: Option<AlarmState>,
    pub reason: String,
    /// AWS's time stamp as it came: equal for two deliveries of the same change.
    pub at: String,
    pub metrics: Vec<AlarmedMetric>,
    /// The bound of an alarm that has one.
    pub threshold: Option<f64>,
    /// Names of alarms that made a composite alarm change.
    pub because_of: Vec<String>,
    /// Somebody has muted the alarm for now.
    pub muted: bool,
}

/// One metric that an alarm looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmedMetric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Native {
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
    /// JSON in a string, or absent.
    reason_data: Option<String>,
}

#[derive(Deserialize, Default)]
struct Configuration {
    #[serde(default)]
    metrics: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    alarm_name: String,
    #[serde(default)]
    alarm_arn: String,
    new_state_value: String,
    #[serde(default)]
    new_state_reason: String,
    #[serde(default)]
    state_change_time: String,
    old_state_value: Option<String>,
    #[serde(default)]
    trigger: Value,
}

/// From `detail` of EventBridge, or `alarmData` of an alarm's own invocation.
pub(crate) fn native(detail: Value, arn: String) -> Result<AlarmChange, serde_json::Error> {
    let parsed: Native = serde_json::from_value(detail)?;
    let data: Value = parsed
        .state
        .reason_data
        .as_deref()
        .and_then(|d| serde_json::from_str(d).ok())
        .unwrap_or_default();
    Ok(AlarmChange {
        name: parsed.alarm_name,
        arn,
        state: state(&parsed.state.value)?,
        previous: parsed
            .previous_state
            .and_then(|previous| AlarmState::parse(&previous.value)),
        threshold: data.get("threshold").and_then(Value::as_f64),
        because_of: triggering(&data),
        reason: parsed.state.reason,
        at: parsed.state.timestamp,
        metrics: parsed
            .configuration
            .metrics
            .iter()
            .filter_map(metric)
            .collect(),
        muted: parsed.mute_detail.is_some(),
    })
}

/// From the text of an SNS message.
pub(crate) fn published(message: Value) -> Result<AlarmChange, serde_json::Error> {
    let parsed: Published = serde_json::from_value(message)?;
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
        state: state(&parsed.new_state_value)?,
        previous: parsed
            .old_state_value
            .as_deref()
            .and_then(AlarmState::parse),
        reason: parsed.new_state_reason,
        at: parsed.state_change_time,
        metrics: metrics.iter().filter_map(metric).collect(),
        threshold,
        because_of: Vec::new(),
        muted: false,
    })
}

fn state(value: &str) -> Result<AlarmState, serde_json::Error> {
    AlarmState::parse(value).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "state \"{value}\" is not one of OK, ALARM, INSUFFICIENT_DATA"
        ))
    })
}

/// A metric in any spelling: `metricStat.metric.name`, `MetricStat.Metric.MetricName`, or flat. `None` for an
/// expression.
fn metric(entry: &Value) -> Option<AlarmedMetric> {
    let either =
        |value: &Value, keys: [&str; 2]| keys.iter().find_map(|key| value.get(*key)).cloned();
    let measured =
        either(entry, ["metricStat", "MetricStat"]).and_then(|m| either(&m, ["metric", "Metric"]));
    let metric = measured.unwrap_or_else(|| entry.clone());
    let text = |keys| either(&metric, keys).and_then(|value| value.as_str().map(str::to_owned));
    Some(AlarmedMetric {
        namespace: text(["namespace", "Namespace"])?,
        name: text(["name", "MetricName"])?,
        dimensions: either(&metric, ["dimensions", "Dimensions"])
            .map(|d| dimensions(&d))
            .unwrap_or_default(),
    })
}

/// `{name: value}` in events, `[{name, value}]` or `[{Name, Value}]` in messages.
fn dimensions(value: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Value::Object(map) = value {
        return map
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect();
    }
    let pair = |entry: &Value| {
        let either = |keys: [&str; 2]| keys.iter().find_map(|key| entry.get(*key)).and_then(text);
        Some((either(["name", "Name"])?, either(["value", "Value"])?))
    };
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(pair)
        .collect()
}

/// The names of the alarms that a composite alarm's `reasonData` speaks of.
fn triggering(data: &Value) -> Vec<String> {
    let alarms = data
        .get("triggeringAlarms")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let arns = alarms.filter_map(|alarm| alarm.get("arn")?.as_str());
    arns.filter_map(|arn| arn.split_once(":alarm:").map(|(_, name)| name.to_owned()))
        .collect()
}

/// `((shop, web), cpu-peak)` of `lamplighter/shop/web/cpu-peak`: the service and the kind of an alarm that `enroll` made.
#[must_use]
pub fn ours(name: &str) -> Option<((&str, &str), &str)> {
    let parts: Vec<&str> = name.strip_prefix("lamplighter/")?.split('/').collect();
    let [cluster, service, kind] = parts[..] else {
        return None;
    };
    Some(((cluster, service), kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_names_its_metrics_and_skips_expressions() {
        let change = native(
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
            let change = published(json!({
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
            triggering(&json!({"triggeringAlarms": [{"arn": arn}]})),
            ["lamplighter/shop/web/cpu-peak"]
        );
        assert!(triggering(&Value::Null).is_empty());
    }

    #[test]
    fn an_unknown_state_is_named() {
        let error = published(json!({"AlarmName": "cpu", "NewStateValue": "BURNING"})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "state \"BURNING\" is not one of OK, ALARM, INSUFFICIENT_DATA"
        );
    }
}
