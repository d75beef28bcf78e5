//! Translates alarms that the user created. Operations handle the alarms of targets and report the
//! results themselves.

use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::{AlarmState, Arn, split_alarm_name};
use lamplighter::notify::{ALARM_PREFIX, Message};
use lamplighter::{Event, MalformedEvent};
use serde_json::Value;

use super::envelope::{AwsEvent, shorten_text};
use super::stack_alarms;
use super::translation::{TranslatedEvent, console_page_link};

/// Translates a state change of an alarm. Returns `None` if the alarm is muted or one of ours, or
/// the change is not worth a notification.
pub fn translate_alarm(
    payload: Value,
    event: &AwsEvent,
    stack: &str,
) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let Detail::AlarmChange(change) = Event::parse(payload)?.detail else {
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
    let message = match change.state {
        AlarmState::Alarm => alarm_firing_message(&change).fires(condition),
        AlarmState::Ok => alarm_resolved_message(&change).clears(condition),
        // No data is no recovery.
        AlarmState::InsufficientData => return Ok(None),
    };
    Ok(Some(translate_user_alarm(message, &change, event)))
}

fn translate_user_alarm(
    message: Message,
    change: &AlarmChange,
    event: &AwsEvent,
) -> TranslatedEvent {
    let alarm = event.first_resource();
    let page = format!(
        "home?region={}#alarmsV2:alarm/{}",
        event.region, change.name
    );
    let link = console_page_link(event, &alarm, "cloudwatch", &page);
    let service = find_measured_service(change, event);
    let name = service
        .as_ref()
        .map_or_else(|| change.name.clone(), Arn::display_name);
    TranslatedEvent {
        message,
        target: service.unwrap_or(alarm),
        name,
        app: None,
        link: Some(link),
    }
}

fn alarm_firing_message(change: &AlarmChange) -> Message {
    let mut why = format!("CloudWatch: {}", shorten_text(&change.reason));
    if !change.because_of.is_empty() {
        why = format!("{why} Caused by {}.", change.because_of.join(", "));
    }
    let next = if change.description.is_empty() {
        "Lamplighter does not act on your alarms. Describe in this one what to do: its description comes with the message."
            .to_owned()
    } else {
        shorten_text(&change.description)
    };
    Message::warning(format!("alarm {} is in ALARM", change.name))
        .why(why)
        .next(next)
}

fn alarm_resolved_message(change: &AlarmChange) -> Message {
    Message::info(format!("alarm {} is OK", change.name))
        .why(format!("CloudWatch: {}", shorten_text(&change.reason)))
        .next("Nothing to do.")
}

/// Returns the ECS service that an alarm measures, so that alarm and service share one incident.
fn find_measured_service(change: &AlarmChange, event: &AwsEvent) -> Option<Arn> {
    change.metrics.iter().find_map(|metric| {
        let cluster = metric.dimensions.get("ClusterName")?;
        let service = metric.dimensions.get("ServiceName")?;
        Some(event.build_arn("ecs", &format!("service/{cluster}/{service}")))
    })
}
