//! Translates the event that Application Auto Scaling reached the maximum capacity of a service.

use lamplighter::notify::Message;
use serde_json::Value;

use super::envelope::AwsEvent;
use super::translation::TranslatedEvent;

/// Translates the event that an ECS scalable target has reached its maximum capacity; `None` for
/// any other.
pub fn translate_scaling_limit(event: &AwsEvent) -> Option<TranslatedEvent> {
    let detail = &event.detail;
    let is_at_maximum = detail.get("scaledToMax").and_then(Value::as_bool) == Some(true);
    let namespace = detail.get("serviceNamespace").and_then(Value::as_str);
    if namespace != Some("ecs") || !is_at_maximum {
        return None;
    }
    let resource = detail
        .get("resourceId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let maximum = detail.get("maxCapacity").and_then(Value::as_i64)?;
    let previous = detail.get("oldDesiredCapacity").and_then(Value::as_i64)?;
    let target = event.build_arn("ecs", resource);
    let message = Message::warning(format!(
        "{maximum}/{maximum} tasks - Application Auto Scaling is at its maximum"
    ))
    .why(format!(
        "It scaled out from {previous} tasks and can't add more."
    ))
    .next("Raise the maximum capacity, or find the cause of the load.");
    Some(TranslatedEvent {
        message,
        name: target.display_name(),
        target,
        app: None,
        link: None,
    })
}
