//! The EventBridge envelope, parsed into a typed event.
//!
//! Unknown fields are ignored, and unknown kinds become [`Detail::Other`]. A missing field of a
//! known kind is a [`MalformedEvent`]. `id`, `time`, `region`, `account` and `resources` are
//! optional in practice, whatever the schema expected.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::MalformedEvent;
use crate::event::detail::hook::CodeDeployHook;
use crate::event::detail::{Detail, alarm, hook, request};
use crate::model::Arn;

/// Parses the payload that a CloudWatch alarm sends without EventBridge: to a function as its
/// action, or to a topic as its message. Returns `None` for any other payload.
fn parse_alarm_payload(value: &Value) -> Option<Result<Event, MalformedEvent>> {
    let (change, form) = if let Some(data) = value.get("alarmData") {
        let arn = value["alarmArn"].as_str().unwrap_or_default();
        (
            alarm::parse_event_detail(data.clone(), arn.to_owned()),
            "alarmData",
        )
    } else if value.get("AlarmName").is_some() && value.get("NewStateValue").is_some() {
        (alarm::parse_sns_message(value.clone()), "alarm message")
    } else {
        return None;
    };
    let change = match change {
        Ok(change) => change,
        Err(error) => return Some(Err(MalformedEvent(format!("{form}: {error}")))),
    };
    let arn = Arn::new(change.arn.clone());
    Some(Ok(Event {
        // The id is derived from the change, so that repeated deliveries have the same id.
        id: format!("{}@{}", change.name, change.at),
        time: None,
        account: arn.account_id().to_owned(),
        region: arn.region().to_owned(),
        resources: vec![change.arn.clone()],
        only_watched: false,
        detail: Detail::AlarmChange(change),
    }))
}

/// One event: a hint about which target to reconcile, never the truth about its state.
#[derive(Debug, Clone)]
pub struct Event {
    /// The id from EventBridge, unique per account and region; empty if the payload has none.
    pub id: String,
    /// The time at which the AWS service saw it happen, not the time of delivery.
    pub time: Option<Timestamp>,
    pub account: String,
    pub region: String,
    pub resources: Vec<String>,
    /// A sweep of the watched targets only, instead of all. The template's second schedule of a function asks for it.
    pub only_watched: bool,
    pub detail: Detail,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    id: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    source: String,
    time: Option<String>,
    #[serde(default)]
    account: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    resources: Vec<Option<String>>,
    #[serde(default)]
    detail: Value,
}

/// Parses the request of a person who invokes the function by hand. Returns `None` for any other
/// payload: no AWS event has this form.
fn parse_manual_request(value: &Value) -> Option<Result<Event, MalformedEvent>> {
    (value.get("database").is_some() && value.get("detail-type").is_none()).then(|| {
        let request = serde_json::from_value(value.clone());
        let request = request.map_err(|e| {
            MalformedEvent(format!("not a request such as {{\"database\": ARN}}: {e}"))
        })?;
        Ok(Event {
            detail: Detail::Drill(request),
            ..Event::scheduled_sweep("by-hand")
        })
    })
}

/// Parses the call of a CodeDeploy lifecycle hook. Returns `None` for any other payload.
fn parse_code_deploy_hook(value: &Value) -> Option<Result<Event, MalformedEvent>> {
    value.get("LifecycleEventHookExecutionId")?;
    let call = CodeDeployHook::deserialize(value)
        .map_err(|e| MalformedEvent(format!("CodeDeploy hook call: {e}")));
    Some(call.map(|call| Event {
        detail: Detail::CodeDeployHook(call.clone()),
        ..Event::scheduled_sweep(&call.lifecycle_event_hook_execution_id)
    }))
}

/// Parses the call of an ECS deployment lifecycle hook. Returns `None` for any other payload.
fn parse_hook_call(value: &Value) -> Option<Result<Event, MalformedEvent>> {
    let call = hook::parse_hook_call(value)?
        .map_err(|e| MalformedEvent(format!("deployment lifecycle hook call: {e}")));
    Some(call.map(|call| Event {
        id: call.execution.clone(),
        time: None,
        account: call.service.account_id().to_owned(),
        region: call.service.region().to_owned(),
        resources: vec![call.service.to_string()],
        only_watched: false,
        detail: Detail::Hook(call),
    }))
}

/// Parses a call of the HTTP API. Returns `None` for any other payload.
fn parse_http_request(value: &Value) -> Option<Result<Event, MalformedEvent>> {
    let request = match request::parse_http_call(value)? {
        Ok(request) => request,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(Event {
        time: Some(request.at),
        detail: Detail::Request(request.clone()),
        ..Event::scheduled_sweep(&request.id)
    }))
}

impl Event {
    /// Parses one event.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the value is not an event, or if a known kind lacks a required field.
    pub fn parse(value: Value) -> Result<Self, MalformedEvent> {
        if let Some(alarm) = parse_alarm_payload(&value) {
            return alarm;
        }
        if let Some(request) = parse_manual_request(&value)
            .or_else(|| parse_hook_call(&value))
            .or_else(|| parse_code_deploy_hook(&value))
            .or_else(|| parse_http_request(&value))
        {
            return request;
        }
        let envelope: Envelope = serde_json::from_value(value)
            .map_err(|e| MalformedEvent(format!("not an EventBridge event: {e}")))?;
        let resources: Vec<String> = envelope.resources.into_iter().flatten().collect();
        let only_watched =
            envelope.detail.get("targets").and_then(Value::as_str) == Some("watched");
        let detail = Detail::parse(
            &envelope.source,
            &envelope.detail_type,
            envelope.detail,
            &resources,
        )
        .map_err(|e| {
            MalformedEvent(format!(
                "event \"{}\" {}: {e}",
                envelope.detail_type, envelope.id
            ))
        })?;
        Ok(Self {
            id: envelope.id,
            // An invalid date (some samples in the AWS documentation have one) must not lose the
            // event.
            time: envelope.time.and_then(|t| t.parse().ok()),
            account: envelope.account,
            region: envelope.region,
            resources,
            only_watched,
            detail,
        })
    }

    /// Reports whether the event is a scheduled sweep over all targets.
    #[must_use]
    pub fn is_sweep(&self) -> bool {
        matches!(self.detail, Detail::Sweep)
    }

    /// Returns the event that a schedule sends, for tests and for manual invocations.
    #[must_use]
    pub fn scheduled_sweep(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            time: None,
            account: String::new(),
            region: String::new(),
            resources: Vec::new(),
            only_watched: false,
            detail: Detail::Sweep,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::number(json!(7), "invalid type")]
    #[case::no_detail_type(json!({"source": "aws.ecr"}), "missing field `detail-type`")]
    #[case::push_without_repository(
        json!({"detail-type": "ECR Image Action", "source": "aws.ecr", "id": "e1", "detail": {"action-type": "PUSH"}}),
        "event \"ECR Image Action\" e1: missing field `repository-name`"
    )]
    fn a_malformed_event_names_the_field(#[case] value: Value, #[case] expected: &str) {
        let error = Event::parse(value).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn a_schedule_is_a_sweep_in_both_its_forms() {
        for detail in [json!({}), json!("{}")] {
            let event = Event::parse(
                json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": detail}),
            );
            assert!(matches!(event.unwrap().detail, Detail::Sweep));
        }
    }

    #[test]
    fn an_unknown_kind_is_kept_as_it_is() {
        let event = Event::parse(
            json!({"detail-type": "New Thing", "source": "aws.new", "resources": [null]}),
        )
        .unwrap();
        assert!(event.resources.is_empty());
        assert!(
            matches!(event.detail, Detail::Other { detail_type, .. } if detail_type == "New Thing")
        );
    }
}
