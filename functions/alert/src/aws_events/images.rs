//! Translates image findings of ECR and Inspector, grouped by repository: a push with fifty
//! findings is one message.

use std::collections::BTreeMap;

use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::Message;
use serde::Deserialize;

use super::envelope::{AwsEvent, shorten_text};
use super::translation::{TranslatedEvent, console_page_link};

/// The number of characters of a digest that stand for an untagged image.
const DIGEST_CHARS: usize = 15;

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

impl ScanDetail {
    /// Returns the name of the repository. Inspector names it by its ARN.
    fn repository(&self) -> String {
        let arn = Arn::new(&self.repository_name);
        let name = if arn.resource().is_empty() {
            self.repository_name.clone()
        } else {
            arn.display_name()
        };
        name.trim_start_matches("repository/").to_owned()
    }

    fn count_findings(&self, severity: &str) -> u32 {
        self.finding_severity_counts
            .get(severity)
            .copied()
            .unwrap_or_default()
    }

    /// Returns the first tag of the image, or the start of its digest.
    fn image(&self) -> String {
        self.image_tags
            .first()
            .cloned()
            .unwrap_or_else(|| self.image_digest.chars().take(DIGEST_CHARS).collect())
    }
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

impl FindingDetail {
    fn is_open(&self) -> bool {
        self.status != "CLOSED" && self.status != "SUPPRESSED"
    }

    fn is_severe(&self) -> bool {
        ["CRITICAL", "HIGH"].contains(&self.severity.as_str())
    }
}

/// Translates a scan that failed or found critical or high vulnerabilities; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_scan(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let detail: ScanDetail = event.parse_detail()?;
    let critical = detail.count_findings("CRITICAL");
    let high = detail.count_findings("HIGH");
    let message = if detail.status.ends_with("FAILED") {
        scan_failed_message(&detail.image())
    } else if critical + high > 0 {
        vulnerabilities_message(&detail, critical, high)
    } else {
        return Ok(None);
    };
    let name = detail.repository();
    let page = format!(
        "repositories/private/{}/{name}?region={}",
        event.account, event.region
    );
    let link = console_page_link(event, &event.first_resource(), "ecr", &page);
    Ok(Some(build_repository_event(event, message, name, link)))
}

fn scan_failed_message(image: &str) -> Message {
    Message::warning(format!("scan of {image} failed"))
        .action("Lamplighter holds the image for services with scan= in their tag until a scan succeeds.")
        .why("ECR gives no reason. It does not support every base image.")
        .next("Scan the image again, or push one with a supported base image.")
}

fn vulnerabilities_message(detail: &ScanDetail, critical: u32, high: u32) -> Message {
    Message::warning(format!(
        "{critical} critical and {high} high vulnerabilities in {}",
        detail.image()
    ))
    .action(
        "Lamplighter holds the image for services whose tag excludes these severities with scan=.",
    )
    .why(format!("The scan of {} found them.", detail.image_digest))
    .next("Push an image without these vulnerabilities.")
}

/// Translates an Inspector finding that is open and critical or high; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_finding(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let detail: FindingDetail = event.parse_detail()?;
    if !detail.is_severe() || !detail.is_open() {
        return Ok(None);
    }
    let resource = event.first_resource();
    let message = Message::warning(format!(
        "{} vulnerability - {}",
        detail.severity.to_lowercase(),
        shorten_text(&detail.title)
    ))
    .why(format!("Inspector: {}", shorten_text(&detail.description)))
    .next("Push an image with the fix. Inspector then closes the finding.");
    let page = format!("home?region={}#/findings", event.region);
    let link = console_page_link(event, &resource, "inspector/v2", &page);
    let name = finding_repository(&resource);
    Ok(Some(build_repository_event(event, message, name, link)))
}

/// Returns the repository of the image that a finding is about, or the name of another resource.
fn finding_repository(resource: &Arn) -> String {
    let image = resource
        .resource()
        .strip_prefix("repository/")
        .and_then(|path| path.split_once("/sha256:"));
    match image {
        Some((repository, _)) => repository.to_owned(),
        None if resource.display_name().is_empty() => "Inspector".to_owned(),
        None => resource.display_name(),
    }
}

/// Builds the translation with the repository as target: all its images share it.
fn build_repository_event(
    event: &AwsEvent,
    message: Message,
    name: String,
    link: String,
) -> TranslatedEvent {
    TranslatedEvent {
        message,
        target: event.build_arn("ecr", &format!("repository/{name}")),
        name,
        app: None,
        link: Some(link),
    }
}
