//! Translates events of AWS Health: which resource each is about, how urgent it is, and from when to when.
//!
//! Source: <https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html>

use lamplighter::MalformedEvent;
use lamplighter::model::{Arn, pluralize, tag_keys};
use lamplighter::notify::{Message, Severity};

use super::envelope::{AwsEvent, shorten_text};
use super::health_detail::{HealthCategory, HealthDetail};
use super::translation::{TranslatedEvent, message_with_severity};
use crate::conditions::FAILED_PREFIX;

/// The number of affected resources that a message names.
const MAX_NAMED_RESOURCES: usize = 10;
/// The services that Lamplighter operates, or that it and these need. A public issue of any other service is no alert.
/// The codes are those of `DescribeEventTypes`.
const RELEVANT_SERVICES: [&str; 36] = [
    "ACM",
    "APIGATEWAY",
    "AUTOSCALING",
    "BACKUP",
    "CLOUDFORMATION",
    "CLOUDTRAIL",
    "CLOUDWATCH",
    "CLOUDWATCHLOGS",
    "CODEDEPLOY",
    "DOCDB",
    "DYNAMODB",
    "EBS",
    "EC2",
    "ECR",
    "ECS",
    "EFS",
    "ELASTICACHE",
    "ELASTICFILESYSTEM",
    "ELASTICLOADBALANCING",
    "EVENTS",
    "FARGATE",
    "IAM",
    "INTERNETCONNECTIVITY",
    "KMS",
    "LAMBDA",
    "MULTIPLE_SERVICES",
    "NATGATEWAY",
    "RDS",
    "ROUTE53",
    "S3",
    "SECRETSMANAGER",
    "SNS",
    "SQS",
    "SSM",
    "STS",
    "VPC",
];

/// Translates an issue, a scheduled change or an account notification. An open issue fires until AWS closes it. Returns
/// `None` for the copy of an event of another region, which AWS Health also sends to a backup region.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_health_event(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let detail: HealthDetail = event.parse_detail()?;
    if detail.is_of_another_region(event) {
        return Ok(None);
    }
    let names = list_resource_names(&detail, event);
    let condition = format!("{FAILED_PREFIX}{}", detail.event_arn);
    let message = build_message(&detail, &names);
    let message = if detail.is_closed() {
        message.clears(condition)
    } else if fires_until_closed(&detail) {
        message.fires(condition)
    } else {
        message
    };
    // What fires ends under the same target, and the list of resources may change until then.
    let has_condition = message.fires.is_some() || message.clears.is_some();
    let target = find_single_resource(&detail, event).filter(|_| !has_condition);
    let name = match names.as_slice() {
        [only] => only.clone(),
        _ => detail.service.clone(),
    };
    Ok(Some(TranslatedEvent {
        message,
        name,
        app: detail.find_tag(tag_keys::APP),
        link: Some(dashboard_link(event)),
        target: target.unwrap_or_else(|| Arn::new(&detail.event_arn)),
    }))
}

/// Reports whether people must know when an event is over: issues, and threats to the account.
fn fires_until_closed(detail: &HealthDetail) -> bool {
    // Old events have no status. Nothing would resolve them.
    detail.is_security_threat()
        || detail.category() == HealthCategory::Issue && detail.status_code == "open"
}

fn find_severity(detail: &HealthDetail) -> Severity {
    if detail.is_closed() || detail.is_further_page() {
        return Severity::Info;
    }
    if detail.is_security_threat() {
        return Severity::Critical;
    }
    match detail.category() {
        HealthCategory::Issue if is_irrelevant(detail) => Severity::Info,
        // ACM reports a renewal as a change, and `certificates` one that fails.
        _ if detail.event_type_code == "AWS_ACM_RENEWAL_STATE_CHANGE" => Severity::Info,
        HealthCategory::Issue | HealthCategory::ScheduledChange => Severity::Warning,
        HealthCategory::AccountNotification | HealthCategory::Other => Severity::Info,
    }
}

/// Reports whether an issue is a public one of a service that neither Lamplighter nor what it operates needs.
fn is_irrelevant(detail: &HealthDetail) -> bool {
    detail.is_public()
        && detail.affected_entities.is_empty()
        && !RELEVANT_SERVICES.contains(&detail.service.as_str())
}

fn build_message(detail: &HealthDetail, names: &[String]) -> Message {
    message_with_severity(find_severity(detail), describe_title(detail))
        .why(describe_cause(detail, names))
        .next(advise(detail))
}

fn describe_title(detail: &HealthDetail) -> String {
    let count = detail.affected_entities.len();
    // A single one is the name of the notification.
    let resources = if count > 1 {
        format!(" affects {}", pluralize(count, "resource"))
    } else {
        String::new()
    };
    let place = detail
        .region()
        .map_or(String::new(), |region| format!(" in {region}"));
    let event = match detail.category() {
        _ if detail.is_closed() => format!("resolved by AWS{place}"),
        _ if detail.is_further_page() => {
            format!("{} more{place}", pluralize(count, "affected resource"))
        }
        _ if detail.is_credential_threat() => "AWS found exposed credentials".to_owned(),
        _ if detail.is_security_threat() => format!("AWS reports abuse{place}"),
        HealthCategory::Issue => format!("AWS issue{resources}{place}"),
        HealthCategory::ScheduledChange => {
            let start = detail
                .format_start()
                .map_or(String::new(), |start| format!(" on {start}"));
            format!("scheduled change{resources}{place}{start}")
        }
        HealthCategory::AccountNotification => format!("AWS account notification{place}"),
        HealthCategory::Other => format!("AWS Health event{place}"),
    };
    format!("{event} - {}", detail.event_type_code)
}

fn describe_cause(detail: &HealthDetail, names: &[String]) -> String {
    let mut parts = vec![format!("AWS Health: {}", shorten_text(detail.text()))];
    if !names.is_empty() {
        let listed: Vec<&str> = names
            .iter()
            .take(MAX_NAMED_RESOURCES)
            .map(String::as_str)
            .collect();
        let more = match names.len() - listed.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(format!("Affected: {}{more}.", listed.join(", ")));
    }
    if let Some((page, pages)) = detail.find_page() {
        parts.push(format!("This is page {page} of {pages} of the resources."));
    }
    if let Some(start) = detail.format_start() {
        parts.push(format!("Start: {start}."));
    }
    if let Some(end) = detail.format_end() {
        parts.push(format!("End: {end}."));
    }
    parts.join(" ")
}

fn advise(detail: &HealthDetail) -> String {
    if detail.is_closed() {
        return "Nothing to do.".to_owned();
    }
    if detail.is_credential_threat() {
        return match detail.find_access_key() {
            Some(key) => format!(
                "Deactivate the key now, then look in CloudTrail for what it did:\nUSER=$(aws iam get-access-key-last-used --access-key-id {key} --query UserName --output text)\naws iam update-access-key --user-name \"$USER\" --access-key-id {key} --status Inactive"
            ),
            None => "Deactivate the credentials now, then look in CloudTrail for what they did."
                .to_owned(),
        };
    }
    if detail.is_security_threat() {
        return "Stop what the resource does, and answer AWS within 24 hours. Otherwise AWS may suspend the account."
            .to_owned();
    }
    if detail.event_type_code == "AWS_ECS_TASK_PATCHING_RETIREMENT" {
        return "ECS replaces the tasks of services by itself. To choose the time, force a new deployment before it:\naws ecs update-service --force-new-deployment --cluster CLUSTER --service SERVICE"
            .to_owned();
    }
    "Follow the event in the AWS Health Dashboard.".to_owned()
}

/// Returns the only resource that an event is about; `None` if it names several, or none that has an ARN.
fn find_single_resource(detail: &HealthDetail, event: &AwsEvent) -> Option<Arn> {
    match detail.affected_entities.as_slice() {
        [only] if detail.find_page().is_none() => {
            find_resource_arn(detail, &only.entity_value, event)
        }
        _ => None,
    }
}

fn list_resource_names(detail: &HealthDetail, event: &AwsEvent) -> Vec<String> {
    detail
        .affected_entities
        .iter()
        .map(|entity| &entity.entity_value)
        .filter(|value| !value.is_empty())
        .map(|value| {
            find_resource_arn(detail, value, event)
                .map_or_else(|| value.clone(), |arn| arn.display_name())
        })
        .collect()
}

/// Returns the ARN of an affected resource. AWS Health names a service of ECS `cluster|service`, and databases by their
/// ARN or by their identifier alone.
fn find_resource_arn(detail: &HealthDetail, value: &str, event: &AwsEvent) -> Option<Arn> {
    if value.starts_with("arn:") {
        return Some(Arn::new(value));
    }
    let resource = match (detail.service.as_str(), value.split_once('|')) {
        ("ECS" | "FARGATE", Some((cluster, service))) => format!("ecs/service/{cluster}/{service}"),
        ("RDS", None) if is_identifier(value) => format!("rds/db:{value}"),
        _ => return None,
    };
    let (service, resource) = resource.split_once('/')?;
    let region = detail.region().unwrap_or(&event.region);
    let account = if detail.affected_account.is_empty() {
        &event.account
    } else {
        &detail.affected_account
    };
    let partition = event.partition();
    Some(Arn::new(format!(
        "arn:{partition}:{service}:{region}:{account}:{resource}"
    )))
}

/// Reports whether a value can be the identifier of a DB instance: letters, digits and hyphens.
fn is_identifier(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
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
