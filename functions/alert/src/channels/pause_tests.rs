//! The pause of everything in each kind of message.

use jiff::Timestamp;
use lamplighter::ports::incidents::DispatcherState;

use super::{amazon_q, slack_blocks};
use crate::grouping::ingest_notification;
use crate::notification::NotificationKind;
use crate::notifier::Outgoing;
use crate::parse_record;
use crate::text::{IncidentMessage, SummaryMessage};

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const EVENT: &str = include_str!("../../../../events/alert/database-storage-full.json");

/// While everything is paused, each message says so in its subject and in its body.
#[test]
fn a_pause_of_everything_stands_in_each_message() {
    let notification = parse_record(EVENT, "lamplighter", NOW).unwrap().unwrap();
    let mut state = DispatcherState::default();
    ingest_notification(&mut state, &notification);
    let incident = state.incidents.values().next().unwrap();
    let message = IncidentMessage {
        incident,
        kind: NotificationKind::Reminder,
        sent_lines: 1,
        stack: "lamplighter",
        pause: Some("everything paused by alice until it is resumed"),
        now: NOW,
        escalated_after: None,
        links: None,
        has_buttons: false,
    };
    let summary = SummaryMessage {
        incidents: vec![(incident, NotificationKind::Firing)],
        stack: "lamplighter",
        pause: message.pause,
        now: NOW,
    };
    let note = "Note: everything paused by alice until it is resumed. Lamplighter changes nothing.";
    for outgoing in [Outgoing::Single(message), Outgoing::Summary(summary)] {
        let subject = outgoing.subject();
        assert!(subject.starts_with("[CRITICAL, PAUSED] "), "{subject}");
        let slack = slack_blocks::build_message(&outgoing).to_string();
        let amazon_q = amazon_q::build_document(&outgoing).to_string();
        for text in [outgoing.body(), slack, amazon_q] {
            assert!(text.contains(note), "{text}");
        }
    }
}
