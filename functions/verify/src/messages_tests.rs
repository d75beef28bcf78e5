//! Every message of `verify`, as people read it. A change of a text is a change of its snapshot.

use lamplighter::model::Digest;
use lamplighter::notify::Message;
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
    let label = "RC_1.4.2 (sha256:00000000)";
    let digest = Digest::new(format!("sha256:{:064x}", 2));
    let minute = |requests: f64, errors: f64| Minute {
        requests,
        errors,
        answers: requests,
        p90: None,
    };
    let mut comparison = Comparison::default();
    (comparison.old, comparison.new) = (minute(2_700.0, 8.0), minute(300.0, 12.0));
    (comparison.compared_minutes, comparison.slow_minutes) = (6, 5);
    let problem = Some("https://shop.example.com/health: it answers 503".to_owned());
    let looks = ProbeStreak {
        all: 9,
        passed: 6,
        bad: 3,
        problem,
        ..ProbeStreak::default()
    };
    let again =
        |message: Message, spent: bool| message.next(messages::describe_retry(&digest, spent));
    let messages = [
        again(messages::more_errors(label, 10.0, &comparison), false),
        again(messages::higher_latency(label, 10.0, &comparison), false),
        again(
            messages::not_enough_evidence(label, 10.0, &comparison, Some(40)),
            true,
        ),
        again(
            messages::not_enough_evidence(label, 10.0, &comparison, None),
            true,
        ),
        again(messages::not_comparable(label, 10.0), false),
        again(
            messages::unanswered_requests(label, 10.0, &comparison),
            false,
        ),
        again(
            messages::probes_failed(label, "the test listener", &looks),
            false,
        ),
        again(
            messages::probes_inconclusive(label, "the test listener", &looks),
            false,
        ),
        messages::image_quarantined(label, &digest, "It failed more often at 10 % of traffic"),
    ];
    insta::assert_snapshot!(book(&messages));
}
