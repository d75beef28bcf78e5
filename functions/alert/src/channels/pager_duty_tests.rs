//! Summaries for PagerDuty: every alert ends by an event of its own.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Function;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Notification};
use lamplighter::ports::incidents::DispatcherState;

use super::pager_duty;
use crate::grouping::ingest_notification;
use crate::notification::{NotificationKind, mark_notified};
use crate::notifier::Outgoing;
use crate::text::SummaryMessage;

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const COUNT: usize = 60;

fn notification(n: usize, minute: i64, message: Message) -> Notification {
    let target = Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web-{n}"
    ));
    Notification {
        message,
        at: NOW + SignedDuration::from_mins(minute),
        source: Function::Heal.into(),
        name: target.display_name(),
        app: None,
        stack: "lamplighter".to_owned(),
        link: String::new(),
        runbook: None,
        silenced_until: None,
        target,
    }
}

/// Sixty alerts fire, and all resolve in one minute: more than a summary lists.
#[test]
fn a_summary_resolves_every_alert() {
    let mut state = DispatcherState::default();
    for n in 0..COUNT {
        let down = Message::critical("0/3 tasks running").fires_until_resolved("down");
        ingest_notification(&mut state, &notification(n, 0, down));
    }
    for incident in state.incidents.values_mut() {
        mark_notified(incident, "pager", NotificationKind::Firing, None, NOW);
    }
    for n in 0..COUNT {
        let up = Message::info("3/3 tasks running").resolves("down");
        ingest_notification(&mut state, &notification(n, 5, up));
    }
    let summary = Outgoing::Summary(SummaryMessage {
        incidents: state
            .incidents
            .values()
            .map(|incident| (incident, NotificationKind::Resolved))
            .collect(),
        stack: "lamplighter",
        pause: None,
        now: NOW,
    });
    let events = pager_duty::build_events(&summary, "key");
    let resolved = events
        .iter()
        .filter(|event| event["event_action"] == "resolve");
    assert_eq!(resolved.count(), COUNT);
    assert_eq!(events.len(), COUNT, "an alert was opened at the recovery");
}

/// PagerDuty notifies nobody of an acknowledged alert, whatever becomes of it.
#[test]
fn an_acknowledged_alert_that_gets_worse_is_opened_again_once() {
    let mut state = DispatcherState::default();
    let warning = Message::warning("1/3 tasks running").fires_until_resolved("down");
    ingest_notification(&mut state, &notification(0, 0, warning));
    let incident = state.incidents.values_mut().next().unwrap();
    mark_notified(incident, "pager", NotificationKind::Firing, None, NOW);
    incident.acknowledged = Some("acknowledged by alice".to_owned());
    mark_notified(incident, "pager", NotificationKind::Acknowledged, None, NOW);
    assert!(!pager_duty::needs_new_alert(incident, "pager"));
    let critical = Message::critical("0/3 tasks running").fires_until_resolved("down:all");
    ingest_notification(&mut state, &notification(0, 5, critical));
    let incident = state.incidents.values_mut().next().unwrap();
    assert!(pager_duty::needs_new_alert(incident, "pager"));
    mark_notified(incident, "pager", NotificationKind::Updated, None, NOW);
    assert!(!pager_duty::needs_new_alert(incident, "pager"));
}
