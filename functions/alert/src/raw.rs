//! Events of AWS that no operation handles, in words. Other parts of Lamplighter tell what they do themselves; this tells
//! what AWS says by itself about databases, its own health, scaling that has come to its end, and secrets.

mod alarms;
mod databases;
mod images;
mod jobs;
mod numbers;
mod own;

use jiff::Timestamp;
use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Notice, Severity, console, console_link};
use serde::Deserialize;
use serde_json::Value;

use crate::gather::FAILED;

/// Letters of AWS's own text that are passed on.
const LETTERS: usize = 1_000;

/// The envelope, as far as it is told.
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
    /// Which part of AWS says it.
    fn teller(&self) -> &str {
        match self.source.as_str() {
            "aws.rds" => "RDS",
            "aws.health" => "AWS Health",
            "aws.application-autoscaling" => "Application Auto Scaling",
            "aws.secretsmanager" => "Secrets Manager",
            "aws.ecr" => "ECR",
            "aws.inspector2" => "Inspector",
            "aws.backup" => "AWS Backup",
            "aws.codedeploy" => "CodeDeploy",
            "aws.cloudwatch" => "CloudWatch",
            _ => "AWS",
        }
    }

    /// The first thing that it is about; empty where it names none.
    fn resource(&self) -> Arn {
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

/// Whether a payload is an event of AWS and not a notice.
#[must_use]
pub fn is_event(payload: &Value) -> bool {
    payload.get("detail-type").is_some()
}

/// What an event says to people; `None` where it is what happens every day.
///
/// # Errors
/// [`MalformedEvent`] where it is no event, or lacks what its kind needs.
pub fn notice(
    payload: Value,
    stack: &str,
    now: Timestamp,
) -> Result<Option<Notice>, MalformedEvent> {
    let event = Event::deserialize(&payload)
        .map_err(|e| MalformedEvent(format!("not an EventBridge event: {e}")))?;
    let told = match event.detail_type.as_str() {
        "AWS Health Event" | "AWS Health Abuse Event" => Some(health(&event)?),
        "Application Auto Scaling Scaling Activity State Change" => scaled_to_the_end(&event),
        "AWS Service Event via CloudTrail" => rotation(&event),
        "ECR Image Scan" | "Inspector2 Scan" => images::scan(&event)?,
        "Inspector2 Finding" => images::finding(&event)?,
        "CloudWatch Alarm State Change" => alarms::changed(payload, &event, stack)?,
        "Backup Job State Change" => jobs::backup(&event)?,
        "CodeDeploy Deployment State-change Notification" => jobs::deployment(&event)?,
        kind if kind.starts_with("RDS ") => databases::said(&event)?,
        _ => Some(unknown(&event)),
    };
    Ok(told.map(|told| told.into_notice(&event, stack, now)))
}

/// What is told, and about what.
struct Told {
    message: Message,
    target: Arn,
    name: String,
    app: Option<String>,
    /// The console's page, where the target's own is not the right one.
    link: Option<String>,
}

impl Told {
    fn into_notice(self, event: &Event, stack: &str, now: Timestamp) -> Notice {
        let link = self.link.unwrap_or_else(|| console_link(&self.target));
        Notice {
            message: self.message,
            at: event
                .time
                .as_deref()
                .and_then(|time| time.parse().ok())
                .unwrap_or(now),
            operation: event.teller().to_owned(),
            name: self.name,
            app: self.app,
            stack: stack.to_owned(),
            link,
            silenced_until: None,
            target: self.target,
        }
    }
}

fn message(severity: Severity, title: String) -> Message {
    match severity {
        Severity::Info => Message::info(title),
        Severity::Warning => Message::warning(title),
        Severity::Critical => Message::critical(title),
    }
}

fn read<'a, T: Deserialize<'a>>(event: &'a Event) -> Result<T, MalformedEvent> {
    T::deserialize(&event.detail)
        .map_err(|e| MalformedEvent(format!("event \"{}\": {e}", event.detail_type)))
}

/// Text of AWS as it is, cut, with its written-out line breaks made blanks.
fn cut(text: &str) -> String {
    let plain = text.replace("\\n", " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(LETTERS).collect();
    text
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfHealth {
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
    event_description: Vec<Description>,
    #[serde(default)]
    affected_entities: Vec<Entity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    #[serde(default)]
    latest_description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    #[serde(default)]
    entity_value: String,
}

fn health(event: &Event) -> Result<Told, MalformedEvent> {
    let of: OfHealth = read(event)?;
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
        .map(|description| cut(&description.latest_description))
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
    let message = message(severity, format!("{what}: {}", of.event_type_code))
        .why(format!("AWS Health says: {text}{affected}{since}"))
        .next("Follow it in the Health dashboard; nothing is done about it from here.");
    let lasts = format!("{FAILED}{}", of.event_arn);
    let message = match (of.event_type_category.as_str(), of.status_code.as_str()) {
        (_, "closed") => message.ends(lasts),
        ("issue", "open") => message.begins(lasts),
        _ => message,
    };
    let host = if event.region.starts_with("cn-") {
        "console.amazonaws.cn"
    } else {
        "console.aws.amazon.com"
    };
    let link = format!("https://health.{host}/health/home#/account/dashboard/open-issues");
    Ok(Told {
        message,
        target: Arn::new(of.event_arn),
        name: of.service,
        app: None,
        link: Some(link),
    })
}

/// A scalable target that has reached its maximum; of one of ECS.
fn scaled_to_the_end(event: &Event) -> Option<Told> {
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
    Some(Told {
        message,
        name: arn.name(),
        target: arn,
        app: None,
        link: None,
    })
}

/// A secret whose rotation failed.
fn rotation(event: &Event) -> Option<Told> {
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
        .map_or("Secrets Manager does not say why.".to_owned(), cut);
    let message = Message::warning("its rotation failed")
        .why(format!("Secrets Manager says: {why}"))
        .next("Tasks go on with the value they have. See that the rotation function works, and rotate it by hand.");
    // Six letters of Secrets Manager's own end the ARN.
    let name = secret
        .resource()
        .trim_start_matches("secret:")
        .rsplit_once('-')
        .map_or(String::new(), |(name, _)| name.to_owned());
    let name = if name.is_empty() { secret.name() } else { name };
    let link = link(
        event,
        &secret,
        "secretsmanager",
        &format!("secret?name={name}&region={}", event.region),
    );
    Some(Told {
        message,
        target: secret,
        name,
        app: None,
        link: Some(link),
    })
}

/// What nobody here knows is shown as it is.
fn unknown(event: &Event) -> Told {
    let target = event.resource();
    let name = if target.name().is_empty() {
        event.source.clone()
    } else {
        target.name()
    };
    let message = Message::info(format!("{} from {}", event.detail_type, event.source))
        .why(format!("AWS says: {}", cut(&event.detail.to_string())))
        .next("This version does not know this kind of event; it is passed on as it came.");
    Told {
        message,
        target,
        name,
        app: None,
        link: None,
    }
}

/// A page of the console in the event's region and the target's partition.
fn link(event: &Event, target: &Arn, service: &str, page: &str) -> String {
    let host = console(target.partition(), &event.region);
    format!("https://{host}/{service}/{}", page.replace(' ', "%20"))
}
