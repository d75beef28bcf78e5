//! Alarms that somebody else made: told while they are on. Alarms of targets are
//! acted upon, and what comes of that is told.

use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::{AlarmChange, ours};
use lamplighter::model::{AlarmState, Arn};
use lamplighter::notify::{ALARM, Message, Severity};
use lamplighter::{Event as Parsed, MalformedEvent};
use serde_json::Value;

use super::{Event, Told, cut, link, message, own};

/// A change of state; `None` where it tells nobody anything: it is muted, ours, or was not on before.
pub fn changed(payload: Value, event: &Event, stack: &str) -> Result<Option<Told>, MalformedEvent> {
    let Detail::AlarmChange(change) = Parsed::parse(payload)?.detail else {
        return Ok(None);
    };
    // That a muted one is off ends what was told before.
    if change.muted && change.state == AlarmState::Alarm || ours(&change.name).is_some() {
        return Ok(None);
    }
    if let Some(alarm) = own::of(&change, stack) {
        return Ok(own::changed(alarm, &change, event, stack));
    }
    let condition = format!("{ALARM}{}", change.name);
    let said = match change.state {
        AlarmState::Alarm => on(&change).begins(condition),
        AlarmState::Ok => Message::info(format!("the alarm {} is off", change.name))
            .why(format!("CloudWatch says: {}", cut(&change.reason)))
            .next("Nothing to do.")
            .ends(condition),
        // No data is no recovery.
        AlarmState::InsufficientData => return Ok(None),
    };
    let arn = event.resource();
    let page = format!(
        "home?region={}#alarmsV2:alarm/{}",
        event.region, change.name
    );
    let link = link(event, &arn, "cloudwatch", &page);
    let (target, name) = match service(&change, event) {
        Some(service) => (service.clone(), service.name()),
        None => (arn, change.name.clone()),
    };
    Ok(Some(Told {
        message: said,
        target,
        name,
        app: None,
        link: Some(link),
    }))
}

fn on(change: &AlarmChange) -> Message {
    let because = if change.because_of.is_empty() {
        String::new()
    } else {
        format!(" Because of {}.", change.because_of.join(", "))
    };
    message(
        Severity::Warning,
        format!("the alarm {} is on", change.name),
    )
    .why(format!("CloudWatch says: {}{because}", cut(&change.reason)))
    .next("Whoever made the alarm knows what it means; nothing is done about it from here.")
}

/// The service that an alarm measures, so that it is one incident with what its tasks do.
fn service(change: &AlarmChange, event: &Event) -> Option<Arn> {
    let mut dimensions = change.metrics.iter().map(|metric| &metric.dimensions);
    let (cluster, service) =
        dimensions.find_map(|of| Some((of.get("ClusterName")?, of.get("ServiceName")?)))?;
    let partition = event.partition();
    Some(Arn::new(format!(
        "arn:{partition}:ecs:{}:{}:service/{cluster}/{service}",
        event.region, event.account
    )))
}
