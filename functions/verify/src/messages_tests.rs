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

#[test]
fn every_message() {
    let version = "RC_1.4.2";
    let digest = Digest::new(format!("sha256:{:064x}", 2));
    let mut comparison = Comparison::default();
    comparison.old = minute(2_700.0, 8.0);
    comparison.new = minute(300.0, 12.0);
    comparison.compared_minutes = 6;
    comparison.slow_minutes = 5;
    let streak = ProbeStreak {
        all: 9,
        passed: 6,
        bad: 3,
        problem: Some("https://shop.example.com/health: it answers 503".to_owned()),
        ..ProbeStreak::default()
    };
    let rejected = |message: Message, is_approval_used: bool| {
        message
            .action(messages::describe_rejection(&digest))
            .next(messages::describe_retry(&digest, is_approval_used))
    };
    let step = "10 % of traffic";
    let listener = "the test listener";
    let back = OnInconclusive::Rollback;
    let keep = OnInconclusive::Keep;
    let messages = [
        rejected(messages::more_errors(version, step, &comparison), false),
        rejected(messages::higher_latency(version, step, &comparison), false),
        rejected(
            messages::not_enough_evidence(version, step, back, &comparison, Some(40)),
            true,
        ),
        rejected(
            messages::not_enough_evidence(version, step, back, &comparison, None),
            true,
        ),
        rejected(messages::not_comparable(version, step, back), false),
        rejected(
            messages::unanswered_requests(version, step, &comparison),
            false,
        ),
        rejected(messages::probes_failed(version, listener, &streak), false),
        rejected(
            messages::probes_inconclusive(version, listener, back, &streak),
            false,
        ),
        messages::proceeding(messages::probes_inconclusive(
            version, listener, keep, &streak,
        )),
        messages::image_quarantined(
            version,
            &digest,
            "it had more errors at 10 % of traffic on 2026-11-21 03:44 UTC",
        ),
    ];
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
