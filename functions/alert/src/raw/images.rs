//! What ECR and Inspector find in images: told by repository, so that a push with fifty findings is one message.

use std::collections::BTreeMap;

use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Severity};
use serde::Deserialize;

use super::{Event, Told, cut, link, message, read};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Scan {
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
struct Finding {
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    status: String,
}

/// A scan that failed, or found what is critical or high; `None` where it found nothing of that.
pub fn scan(event: &Event) -> Result<Option<Told>, MalformedEvent> {
    let of: Scan = read(event)?;
    // Inspector names the repository by its ARN.
    let named = Arn::new(&of.repository_name);
    let name = if named.resource().is_empty() {
        of.repository_name.clone()
    } else {
        named.name()
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
        message(Severity::Warning, format!("the scan of {image} failed"))
            .why("ECR does not say why; it does not know every base image.")
            .next("A service with scan= in its tag does not get the image until a scan has succeeded.")
    } else if critical + high > 0 {
        message(
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
    let link = link(event, &event.resource(), "ecr", &page);
    Ok(Some(told(event, said, name, link)))
}

/// One finding of Inspector that is open, and critical or high.
pub fn finding(event: &Event) -> Result<Option<Told>, MalformedEvent> {
    let of: Finding = read(event)?;
    let severity = match of.severity.as_str() {
        "CRITICAL" | "HIGH" if of.status != "CLOSED" && of.status != "SUPPRESSED" => {
            Severity::Warning
        }
        _ => return Ok(None),
    };
    let resource = event.resource();
    let name = match resource
        .resource()
        .strip_prefix("repository/")
        .and_then(|path| path.split_once("/sha256:"))
    {
        Some((repository, _)) => repository.to_owned(),
        None if resource.name().is_empty() => "Inspector".to_owned(),
        None => resource.name(),
    };
    let said = message(
        severity,
        format!(
            "has a {} finding: {}",
            of.severity.to_lowercase(),
            cut(&of.title)
        ),
    )
    .why(format!("Inspector says: {}", cut(&of.description)))
    .next("Push an image in which it is mended; Inspector closes the finding then.");
    let link = link(
        event,
        &resource,
        "inspector/v2",
        &format!("home?region={}#/findings", event.region),
    );
    Ok(Some(told(event, said, name, link)))
}

/// All images of a repository are one target.
fn told(event: &Event, message: Message, name: String, link: String) -> Told {
    let target = Arn::new(format!(
        "arn:{}:ecr:{}:{}:repository/{name}",
        event.partition(),
        event.region,
        event.account
    ));
    Told {
        message,
        target,
        name,
        app: None,
        link: Some(link),
    }
}
