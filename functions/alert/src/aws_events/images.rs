//! Translates image findings of ECR and Inspector, grouped by repository: a push with fifty
//! findings is one message.

use std::collections::BTreeMap;

use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Severity};
use serde::Deserialize;

use super::{
    Event, TranslatedEvent, console_page_link, message_with_severity, parse_detail, shorten_text,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ScanDetail {
    #[serde(default, rename = "scan-status")]
    status: String,
    #[serde(default)]
    repository_name: String,
    #[serde(default)]
    image_digest: String,
    #[serde(default)]
    finding_severity_counts: BTreeMap<String, u32>,
    #[serde(default)]
    image_tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FindingDetail {
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    status: String,
}

/// Translates a scan that failed or found critical or high vulnerabilities; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_scan(event: &Event) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let of: ScanDetail = parse_detail(event)?;
    // Inspector names the repository by its ARN.
    let named = Arn::new(&of.repository_name);
    let name = if named.resource().is_empty() {
        of.repository_name.clone()
    } else {
        named.display_name()
    };
    let name = name.trim_start_matches("repository/").to_owned();
    let count = |severity: &str| {
        of.finding_severity_counts
            .get(severity)
            .copied()
            .unwrap_or_default()
    };
    let (critical, high) = (count("CRITICAL"), count("HIGH"));
    let image = of
        .image_tags
        .first()
        .cloned()
        .unwrap_or_else(|| of.image_digest.chars().take(15).collect());
    let said = if of.status.ends_with("FAILED") {
        message_with_severity(Severity::Warning, format!("the scan of {image} failed"))
            .why("ECR does not say why; it does not know every base image.")
            .next("A service with scan= in its tag does not get the image until a scan has succeeded.")
    } else if critical + high > 0 {
        message_with_severity(
            Severity::Warning,
            format!("the scan of {image} found {critical} critical and {high} high"),
        )
        .why(format!("It is about {}.", of.image_digest))
        .next("Push an image without them. A service with scan= in its tag does not get this one.")
    } else {
        return Ok(None);
    };
    let page = format!(
        "repositories/private/{}/{name}?region={}",
        event.account, event.region
    );
    let link = console_page_link(event, &event.first_resource(), "ecr", &page);
    Ok(Some(build_repository_event(event, said, name, link)))
}

/// Translates an Inspector finding that is open and critical or high; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_finding(event: &Event) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let of: FindingDetail = parse_detail(event)?;
    let severity = match of.severity.as_str() {
        "CRITICAL" | "HIGH" if of.status != "CLOSED" && of.status != "SUPPRESSED" => {
            Severity::Warning
        }
        _ => return Ok(None),
    };
    let resource = event.first_resource();
    let name = match resource
        .resource()
        .strip_prefix("repository/")
        .and_then(|path| path.split_once("/sha256:"))
    {
        Some((repository, _)) => repository.to_owned(),
        None if resource.display_name().is_empty() => "Inspector".to_owned(),
        None => resource.display_name(),
    };
    let said = message_with_severity(
        severity,
        format!(
            "has a {} finding: {}",
            of.severity.to_lowercase(),
            shorten_text(&of.title)
        ),
    )
    .why(format!("Inspector says: {}", shorten_text(&of.description)))
    .next("Push an image in which it is mended; Inspector closes the finding then.");
    let link = console_page_link(
        event,
        &resource,
        "inspector/v2",
        &format!("home?region={}#/findings", event.region),
    );
    Ok(Some(build_repository_event(event, said, name, link)))
}

/// Builds the translation with the repository as target: all its images share it.
fn build_repository_event(
    event: &Event,
    message: Message,
    name: String,
    link: String,
) -> TranslatedEvent {
    let target = Arn::new(format!(
        "arn:{}:ecr:{}:{}:repository/{name}",
        event.partition(),
        event.region,
        event.account
    ));
    TranslatedEvent {
        message,
        target,
        name,
        app: None,
        link: Some(link),
    }
}
