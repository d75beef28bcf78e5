//! Every message of `verify`, as people read it. A change of a text is a change of its snapshot.

use lamplighter::model::Digest;
use lamplighter::notify::Message;
use lamplighter::policy::OnInconclusive;
use lamplighter::state::ProbeStreak;

use crate::messages;
use crate::sequential::{Comparison, Minute};

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

const VERSION: &str = "RC_1.4.2";
const STEP: &str = "10 % of traffic";
const LISTENER: &str = "the test listener";

fn digest() -> Digest {
    Digest::new(format!("sha256:{:064x}", 2))
}

/// Completes a message about a release that rolls back.
fn rejected(message: Message, is_approval_used: bool) -> Message {
    message
        .action(messages::describe_rejection(&digest()))
        .next(messages::describe_retry(&digest(), is_approval_used))
}

fn traffic_messages() -> Vec<Message> {
    let mut comparison = Comparison::default();
    comparison.old = minute(2_700.0, 8.0);
    comparison.new = minute(300.0, 12.0);
    comparison.compared_minutes = 6;
    comparison.slow_minutes = 5;
    let back = OnInconclusive::Rollback;
    vec![
        rejected(messages::more_errors(VERSION, STEP, &comparison), false),
        rejected(messages::higher_latency(VERSION, STEP, &comparison), false),
        rejected(
            messages::not_enough_evidence(VERSION, STEP, back, &comparison, Some(40)),
            true,
        ),
        rejected(
            messages::not_enough_evidence(VERSION, STEP, back, &comparison, None),
            true,
        ),
        rejected(messages::not_comparable(VERSION, STEP, back), false),
        rejected(
            messages::unanswered_requests(VERSION, STEP, &comparison),
            false,
        ),
    ]
}

fn probe_messages() -> Vec<Message> {
    let streak = ProbeStreak {
        total: 9,
        passed: 6,
        failures: 3,
        problem: Some("https://shop.example.com/health: HTTP 503".to_owned()),
        ..ProbeStreak::default()
    };
    let back = OnInconclusive::Rollback;
    let keep = OnInconclusive::Keep;
    vec![
        rejected(messages::probes_failed(VERSION, LISTENER, &streak), false),
        rejected(
            messages::probes_inconclusive(VERSION, LISTENER, back, &streak),
            false,
        ),
        messages::proceeding(messages::probes_inconclusive(
            VERSION, LISTENER, keep, &streak,
        )),
    ]
}

#[test]
fn every_message() {
    let mut messages = traffic_messages();
    messages.extend(probe_messages());
    messages.push(messages::image_quarantined(
        VERSION,
        &digest(),
        "it had more errors at 10 % of traffic on 2026-11-21 03:44 UTC",
    ));
    insta::assert_snapshot!(book(&messages));
}

/// Returns a minute in which every request was answered.
fn minute(requests: f64, errors: f64) -> Minute {
    Minute {
        requests,
        errors,
        answers: requests,
        p90: None,
    }
}
