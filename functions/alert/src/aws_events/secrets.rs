//! Translates failed rotations of secrets.

use lamplighter::model::Arn;
use lamplighter::notify::Message;
use serde_json::Value;

use super::envelope::{AwsEvent, quote_reason};
use super::translation::{TranslatedEvent, console_page_link};

/// Translates a failed rotation of a secret; `None` for any other event.
pub fn translate_rotation_failure(event: &AwsEvent) -> Option<TranslatedEvent> {
    let detail = &event.detail;
    if detail.get("eventName").and_then(Value::as_str) != Some("RotationFailed") {
        return None;
    }
    let id = detail
        .pointer("/additionalEventData/SecretId")
        .or_else(|| detail.pointer("/serviceEventDetails/secretId"));
    let secret = Arn::new(id.and_then(Value::as_str).unwrap_or_default());
    let error = detail.get("errorMessage").and_then(Value::as_str);
    let name = secret_name(&secret);
    let page = format!("secret?name={name}&region={}", event.region);
    let link = console_page_link(event, &secret, "secretsmanager", &page);
    Some(TranslatedEvent {
        message: rotation_failed_message(&name, &event.region, error),
        target: secret,
        name,
        app: None,
        link: Some(link),
    })
}

fn rotation_failed_message(name: &str, region: &str, error: Option<&str>) -> Message {
    Message::warning("secret rotation failed - tasks keep the current value")
        .why(quote_reason("Secrets Manager", error.unwrap_or_default()))
        .next(format!(
            "Fix the rotation function, then rotate the secret:\naws secretsmanager rotate-secret --region {region} --secret-id {name}"
        ))
}

/// Returns the name of a secret. Its ARN ends with a hyphen and six random characters.
fn secret_name(secret: &Arn) -> String {
    secret
        .resource()
        .trim_start_matches("secret:")
        .rsplit_once('-')
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| secret.display_name())
}
