//! Translates events of AWS Health.
//!
//! Source: <https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html>

use lamplighter::MalformedEvent;
use lamplighter::model::{Arn, pluralize};
use lamplighter::notify::Severity;
use serde::Deserialize;

use super::envelope::{AwsEvent, shorten_text};
use super::translation::{TranslatedEvent, message_with_severity};
use crate::conditions::FAILED_PREFIX;

/// The number of affected resources that a message names.
const MAX_NAMED_RESOURCES: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthDetail {
    #[serde(default)]
    service: String,
    #[serde(default)]
    event_type_code: String,
    #[serde(default)]
    event_type_category: String,
    #[serde(default)]
    event_arn: String,
    /// `open`, `upcoming` or `closed`; not in every event.
    #[serde(default)]
    status_code: String,
    #[serde(default)]
    start_time: String,
    #[serde(default)]
    event_description: Vec<HealthDescription>,
    #[serde(default)]
    affected_entities: Vec<AffectedEntity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthDescription {
    #[serde(default)]
    latest_description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AffectedEntity {
    #[serde(default)]
    entity_value: String,
}

impl HealthDetail {
    fn is_closed(&self) -> bool {
        self.status_code == "closed"
    }

    fn severity(&self) -> Severity {
        match self.event_type_category.as_str() {
            "issue" | "scheduledChange" if !self.is_closed() => Severity::Warning,
            _ => Severity::Info,
        }
    }

    fn title(&self) -> String {
        let count = self.affected_entities.len();
        let resources = pluralize(count, "resource");
        let event = match self.event_type_category.as_str() {
            _ if self.is_closed() => "resolved by AWS".to_owned(),
            "issue" if count > 0 => format!("AWS issue affects {resources}"),
            "issue" => "AWS issue".to_owned(),
            "scheduledChange" if count > 0 => format!("scheduled change for {resources}"),
            "scheduledChange" => "scheduled change".to_owned(),
            "accountNotification" => "AWS account notification".to_owned(),
            _ => "AWS Health event".to_owned(),
        };
        format!("{event} - {}", self.event_type_code)
    }

    fn describe(&self) -> String {
        let text = self
            .event_description
            .first()
            .map(|description| shorten_text(&description.latest_description))
            .unwrap_or_default();
        let resources: Vec<&str> = self
            .affected_entities
            .iter()
            .map(|entity| entity.entity_value.as_str())
            .take(MAX_NAMED_RESOURCES)
            .collect();
        let mut parts = vec![format!("AWS Health: {text}")];
        if !resources.is_empty() {
            parts.push(format!("Affected: {}.", resources.join(", ")));
        }
        if !self.start_time.is_empty() {
            parts.push(format!("Start: {}.", self.start_time));
        }
        parts.join(" ")
    }
}

/// Translates an issue, a scheduled change or an account notification. An open issue fires until
/// AWS closes it.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_health_event(event: &AwsEvent) -> Result<TranslatedEvent, MalformedEvent> {
    let detail: HealthDetail = event.parse_detail()?;
    let next = if detail.is_closed() {
        "Nothing to do."
    } else {
        "Follow the event in the AWS Health Dashboard."
    };
    let message = message_with_severity(detail.severity(), detail.title())
        .why(detail.describe())
        .next(next);
    let condition = format!("{FAILED_PREFIX}{}", detail.event_arn);
    let message = match (
        detail.event_type_category.as_str(),
        detail.status_code.as_str(),
    ) {
        (_, "closed") => message.clears(condition),
        ("issue", "open") => message.fires(condition),
        _ => message,
    };
    Ok(TranslatedEvent {
        message,
        target: Arn::new(detail.event_arn),
        name: detail.service,
        app: None,
        link: Some(dashboard_link(event)),
    })
}

/// Returns the URL of the AWS Health Dashboard, which has no region.
fn dashboard_link(event: &AwsEvent) -> String {
    let host = if event.region.starts_with("cn-") {
        "console.amazonaws.cn"
    } else {
        "console.aws.amazon.com"
    };
    format!("https://health.{host}/health/home#/account/dashboard/open-issues")
}
