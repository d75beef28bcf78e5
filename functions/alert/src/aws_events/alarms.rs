//! Translates alarms that the user created. Operations handle the alarms of targets and report the
//! results themselves.

use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::{AlarmChange, split_alarm_name};
use lamplighter::model::{AlarmState, Arn};
use lamplighter::notify::{ALARM_PREFIX, Message, Severity};
use lamplighter::{Event as Parsed, MalformedEvent};
use serde_json::Value;

use super::{
    Event, TranslatedEvent, console_page_link, message_with_severity, shorten_text, stack_alarms,
};

/// Translates a state change of an alarm. Returns `None` if the alarm is muted or one of ours, or
/// the change is not worth a notification.
pub fn translate_alarm(
    payload: Value,
    event: &Event,
    stack: &str,
) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let Detail::AlarmChange(change) = Parsed::parse(payload)?.detail else {
        return Ok(None);
    };
    // An alarm that returns to OK while muted resolves what was notified before.
    if change.muted && change.state == AlarmState::Alarm || split_alarm_name(&change.name).is_some()
    {
        return Ok(None);
    }
    if let Some(alarm) = stack_alarms::classify_alarm(&change, stack) {
        return Ok(stack_alarms::translate_stack_alarm(
            alarm, &change, event, stack,
        ));
    }
    let condition = format!("{ALARM_PREFIX}{}", change.name);
    let said = match change.state {
        AlarmState::Alarm => alarm_firing_message(&change).fires(condition),
        AlarmState::Ok => Message::info(format!("the alarm {} is off", change.name))
            .why(format!("CloudWatch says: {}", shorten_text(&change.reason)))
            .next("Nothing to do.")
            .clears(condition),
        // No data is no recovery.
        AlarmState::InsufficientData => return Ok(None),
    };
    let arn = event.first_resource();
    let page = format!(
        "home?region={}#alarmsV2:alarm/{}",
        event.region, change.name
    );
    let link = console_page_link(event, &arn, "cloudwatch", &page);
    let (target, name) = match find_measured_service(&change, event) {
        Some(service) => (service.clone(), service.display_name()),
        None => (arn, change.name.clone()),
    };
    Ok(Some(TranslatedEvent {
        message: said,
        target,
        name,
        app: None,
        link: Some(link),
    }))
}

fn alarm_firing_message(change: &AlarmChange) -> Message {
    let because = if change.because_of.is_empty() {
        String::new()
    } else {
        format!(" Because of {}.", change.because_of.join(", "))
    };
    message_with_severity(
        Severity::Warning,
        format!("the alarm {} is on", change.name),
    )
    .why(format!(
        "CloudWatch says: {}{because}",
        shorten_text(&change.reason)
    ))
    .next("Whoever made the alarm knows what it means; nothing is done about it from here.")
}

/// Returns the ECS service that an alarm measures, so that alarm and service share one incident.
fn find_measured_service(change: &AlarmChange, event: &Event) -> Option<Arn> {
    let mut dimensions = change.metrics.iter().map(|metric| &metric.dimensions);
    let (cluster, service) =
        dimensions.find_map(|of| Some((of.get("ClusterName")?, of.get("ServiceName")?)))?;
    let partition = event.partition();
    Some(Arn::new(format!(
        "arn:{partition}:ecs:{}:{}:service/{cluster}/{service}",
        event.region, event.account
    )))
}
