//! What Slack accepts of long messages, and what it makes of addresses.

use jiff::Timestamp;
use lamplighter::ports::incidents::DispatcherState;
use serde_json::Value;

use super::slack_blocks;
use crate::grouping::ingest_notification;
use crate::notification::NotificationKind;
use crate::notifier::Outgoing;
use crate::parse_record;
use crate::text::IncidentMessage;

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const EVENT: &str = include_str!("../../../../events/alert/database-storage-full.json");

/// The blocks of a message with so many lines, each with a text of so many bytes.
fn blocks(lines: usize, size: usize) -> Vec<Value> {
    let mut state = DispatcherState::default();
    for n in 0..lines {
        let mut notification = parse_record(EVENT, "lamplighter", NOW).unwrap().unwrap();
        notification.message.title = format!("page {n}");
        notification.message.why = "see http://evil.example\n".repeat(size / 24);
        ingest_notification(&mut state, &notification);
    }
    let incident = state.incidents.values().next().unwrap();
    let message = slack_blocks::build_message(&Outgoing::Single(IncidentMessage {
        incident,
        kind: NotificationKind::Firing,
        sent_lines: 0,
        stack: "lamplighter",
        pause: None,
        now: NOW,
        escalated_after: None,
        links: None,
        has_buttons: false,
    }));
    message["blocks"].as_array().unwrap().clone()
}

/// Slack refuses more than 50 blocks, and such a message would break the channel.
#[test]
fn a_long_message_has_no_more_blocks_than_slack_accepts() {
    let long = blocks(4, 45_000);
    assert!((40..=50).contains(&long.len()), "{}", long.len());
    assert_eq!(long.last().unwrap()["type"], "actions");
}

/// A log line may contain any address.
#[test]
fn addresses_in_texts_become_no_links() {
    for block in blocks(1, 100) {
        let texts = [&block["text"], &block["elements"][0]];
        for text in texts.into_iter().filter(|text| text["type"] == "mrkdwn") {
            assert_eq!(text["verbatim"], true, "{text}");
        }
    }
}
