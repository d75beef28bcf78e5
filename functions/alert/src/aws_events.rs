//! Translates AWS events that no operation handles into notifications. Operations report their own
//! actions; this module reports what AWS says about databases, its own health, scaling limits,
//! secrets, images and failed jobs.

mod alarms;
mod databases;
mod images;
mod jobs;
mod rds_events;
mod stack_alarms;

use jiff::Timestamp;
use lamplighter::MalformedEvent;
use lamplighter::model::{Arn, AwsService};
use lamplighter::notify::{Message, Notification, Severity, Source, console_host, console_link};
use serde::Deserialize;
use serde_json::Value;

use crate::grouping::FAILED;

/// The number of characters of AWS's own text that are passed on.
const MAX_TEXT_CHARS: usize = 1_000;

/// The fields of the EventBridge envelope that a notification needs.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    region: String,
    time: Option<String>,
    #[serde(default)]
    resources: Vec<Option<String>>,
    #[serde(default)]
    detail: Value,
}

impl Event {
    /// Returns the AWS service that sent the event.
    fn service(&self) -> AwsService {
        AwsService::from_event_source(&self.source)
    }

    /// Returns the first resource of the event; empty if it names none.
    fn first_resource(&self) -> Arn {
        Arn::new(
            self.resources
                .iter()
                .flatten()
                .next()
                .cloned()
                .unwrap_or_default(),
        )
    }

    fn partition(&self) -> &'static str {
        match self.region.get(..6) {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some("us-gov") => "aws-us-gov",
            _ => "aws",
        }
    }
}

/// Reports whether a payload is an AWS event and not a notification.
#[must_use]
pub fn is_aws_event(payload: &Value) -> bool {
    payload.get("detail-type").is_some()
}

/// Translates an AWS event into a notification; `None` if it is routine.
///
/// # Errors
/// [`MalformedEvent`] if it is no event, or lacks what its kind needs.
pub fn translate_event(
    payload: Value,
    stack: &str,
    now: Timestamp,
) -> Result<Option<Notification>, MalformedEvent> {
    let event = Event::deserialize(&payload)
        .map_err(|e| MalformedEvent(format!("not an EventBridge event: {e}")))?;
    let told = match event.detail_type.as_str() {
        "AWS Health Event" | "AWS Health Abuse Event" => Some(translate_health_event(&event)?),
        "Application Auto Scaling Scaling Activity State Change" => translate_scaling_limit(&event),
        "AWS Service Event via CloudTrail" => translate_rotation_failure(&event),
        "ECR Image Scan" | "Inspector2 Scan" => images::translate_scan(&event)?,
        "Inspector2 Finding" => images::translate_finding(&event)?,
        "CloudWatch Alarm State Change" => alarms::translate_alarm(payload, &event, stack)?,
        "Backup Job State Change" => jobs::translate_backup_job(&event)?,
        "CodeDeploy Deployment State-change Notification" => {
            jobs::translate_code_deployment(&event)?
        }
        kind if kind.starts_with("RDS ") => databases::translate_rds_event(&event)?,
        _ => Some(translate_unknown_event(&event)),
    };
    Ok(told.map(|told| told.into_notification(&event, stack, now)))
}

/// The translation of an event: a message and its target.
struct TranslatedEvent {
    message: Message,
    target: Arn,
    name: String,
    app: Option<String>,
    /// The console page, if the target's own page is not the right one.
    link: Option<String>,
}

impl TranslatedEvent {
    fn into_notification(self, event: &Event, stack: &str, now: Timestamp) -> Notification {
        let link = self.link.unwrap_or_else(|| console_link(&self.target));
        Notification {
            message: self.message,
            at: event
                .time
                .as_deref()
                .and_then(|time| time.parse().ok())
                .unwrap_or(now),
            source: Source::Aws(event.service()),
            name: self.name,
            app: self.app,
            stack: stack.to_owned(),
            link,
            silenced_until: None,
            target: self.target,
        }
    }
}

fn message_with_severity(severity: Severity, title: String) -> Message {
    match severity {
        Severity::Info => Message::info(title),
        Severity::Warning => Message::warning(title),
        Severity::Critical => Message::critical(title),
    }
}

fn parse_detail<'a, T: Deserialize<'a>>(event: &'a Event) -> Result<T, MalformedEvent> {
    T::deserialize(&event.detail)
        .map_err(|e| MalformedEvent(format!("event \"{}\": {e}", event.detail_type)))
}

/// Shortens a text of AWS and replaces its written-out line breaks by blanks.
fn shorten_text(text: &str) -> String {
    let plain = text.replace("\\n", " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(MAX_TEXT_CHARS).collect();
    text
}

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

fn translate_health_event(event: &Event) -> Result<TranslatedEvent, MalformedEvent> {
    let of: HealthDetail = parse_detail(event)?;
    let is_closed = of.status_code == "closed";
    let severity = match of.event_type_category.as_str() {
        "issue" | "scheduledChange" if !is_closed => Severity::Warning,
        _ => Severity::Info,
    };
    let what = match of.event_type_category.as_str() {
        _ if is_closed => "over, says AWS",
        "issue" => "AWS has trouble with it",
        "scheduledChange" => "AWS will change something",
        "accountNotification" => "AWS has a notification",
        _ => "AWS says something about it",
    };
    let text = of
        .event_description
        .first()
        .map(|description| shorten_text(&description.latest_description))
        .unwrap_or_default();
    let affected: Vec<&str> = of
        .affected_entities
        .iter()
        .map(|entity| entity.entity_value.as_str())
        .take(10)
        .collect();
    let affected = if affected.is_empty() {
        String::new()
    } else {
        format!(" It is about {}.", affected.join(", "))
    };
    let since = if of.start_time.is_empty() {
        String::new()
    } else {
        format!(" Since or from {}.", of.start_time)
    };
    let message = message_with_severity(severity, format!("{what}: {}", of.event_type_code))
        .why(format!("AWS Health says: {text}{affected}{since}"))
        .next("Follow it in the Health dashboard; nothing is done about it from here.");
    let lasts = format!("{FAILED}{}", of.event_arn);
    let message = match (of.event_type_category.as_str(), of.status_code.as_str()) {
        (_, "closed") => message.clears(lasts),
        ("issue", "open") => message.fires(lasts),
        _ => message,
    };
    let host = if event.region.starts_with("cn-") {
        "console.amazonaws.cn"
    } else {
        "console.aws.amazon.com"
    };
    let link = format!("https://health.{host}/health/home#/account/dashboard/open-issues");
    Ok(TranslatedEvent {
        message,
        target: Arn::new(of.event_arn),
        name: of.service,
        app: None,
        link: Some(link),
    })
}

/// Translates the event that an ECS scalable target has reached its maximum capacity; `None` for
/// any other.
fn translate_scaling_limit(event: &Event) -> Option<TranslatedEvent> {
    let of = &event.detail;
    let text = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| of.get(key).and_then(Value::as_i64);
    let resource = text("resourceId");
    if text("serviceNamespace") != "ecs"
        || of.get("scaledToMax").and_then(Value::as_bool) != Some(true)
    {
        return None;
    }
    let (max, from) = (number("maxCapacity")?, number("oldDesiredCapacity")?);
    let arn = Arn::new(format!(
        "arn:{}:ecs:{}:{}:{resource}",
        event.partition(),
        event.region,
        event.account
    ));
    let message = Message::warning(format!(
        "is at the maximum of Application Auto Scaling: {max} tasks"
    ))
    .why(format!(
        "It had {from} tasks. What the load needs above {max} it does not get."
    ))
    .next("Raise its maximum capacity, or find out where the load comes from.");
    Some(TranslatedEvent {
        message,
        name: arn.display_name(),
        target: arn,
        app: None,
        link: None,
    })
}

/// Translates a failed rotation of a secret; `None` for any other event.
fn translate_rotation_failure(event: &Event) -> Option<TranslatedEvent> {
    let of = &event.detail;
    if of.get("eventName").and_then(Value::as_str) != Some("RotationFailed") {
        return None;
    }
    let id = of
        .pointer("/additionalEventData/SecretId")
        .or_else(|| of.pointer("/serviceEventDetails/secretId"));
    let secret = Arn::new(id.and_then(Value::as_str).unwrap_or_default());
    let why = of
        .get("errorMessage")
        .and_then(Value::as_str)
        .map_or("Secrets Manager does not say why.".to_owned(), shorten_text);
    let message = Message::warning("its rotation failed")
        .why(format!("Secrets Manager says: {why}"))
        .next("Tasks go on with the value they have. See that the rotation function works, and rotate it by hand.");
    // Secrets Manager appends a hyphen and six random characters to the name in the ARN.
    let name = secret
        .resource()
        .trim_start_matches("secret:")
        .rsplit_once('-')
        .map_or(String::new(), |(name, _)| name.to_owned());
    let name = if name.is_empty() {
        secret.display_name()
    } else {
        name
    };
    let link = console_page_link(
        event,
        &secret,
        "secretsmanager",
        &format!("secret?name={name}&region={}", event.region),
    );
    Some(TranslatedEvent {
        message,
        target: secret,
        name,
        app: None,
        link: Some(link),
    })
}

/// Translates an event of an unknown kind by passing on its details.
fn translate_unknown_event(event: &Event) -> TranslatedEvent {
    let target = event.first_resource();
    let name = if target.display_name().is_empty() {
        event.source.clone()
    } else {
        target.display_name()
    };
    let message = Message::info(format!("{} from {}", event.detail_type, event.source))
        .why(format!(
            "AWS says: {}",
            shorten_text(&event.detail.to_string())
        ))
        .next("This version does not know this kind of event; it is passed on as it came.");
    TranslatedEvent {
        message,
        target,
        name,
        app: None,
        link: None,
    }
}

/// Returns the URL of a console page in the event's region and the target's partition.
fn console_page_link(event: &Event, target: &Arn, service: &str, page: &str) -> String {
    let host = console_host(target.partition(), &event.region);
    format!("https://{host}/{service}/{}", page.replace(' ', "%20"))
}
