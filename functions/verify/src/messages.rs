//! The messages of `verify`.

use lamplighter::model::{Digest, pluralize};
use lamplighter::notify::Message;
use lamplighter::policy::APPROVE;
use lamplighter::state::ProbeStreak;

use crate::sequential::{Comparison, FALSE_ALARM_RATE, MARGIN, Minute};

/// Formats the share of failed requests: `12 of 300 requests (4.0 %)`.
fn format_error_share(minute: &Minute) -> String {
    let percent = if minute.requests > 0.0 {
        minute.errors / minute.requests * 100.0
    } else {
        0.0
    };
    format!(
        "{:.0} of {:.0} requests ({percent:.1} %)",
        minute.errors, minute.requests
    )
}

pub fn describe_counts(comparison: &Comparison) -> String {
    format!(
        "{} fail with it, {} with the old revision",
        format_error_share(&comparison.new),
        format_error_share(&comparison.old)
    )
}

/// Describes how to retry after a failure. An approval that was already used does not allow another
/// attempt.
pub fn describe_retry(digest: &Digest, approval_is_spent: bool) -> String {
    let next = if approval_is_spent {
        "push another one.".to_owned()
    } else {
        format!("push another one, or tag the service {APPROVE} = {digest} to try it once more.")
    };
    format!("Traffic goes back to the old revision. This image is not rolled out again: {next}")
}

pub fn more_errors(label: &str, weight: f64, comparison: &Comparison) -> Message {
    Message::warning(format!(
        "{label} fails more often than the old one: going back from {weight} % of traffic"
    ))
    .why(format!(
        "In the same minutes {}. That this is chance is less likely than {:.1} %.",
        describe_counts(comparison),
        FALSE_ALARM_RATE * 100.0
    ))
}

pub fn higher_latency(label: &str, weight: f64, comparison: &Comparison) -> Message {
    Message::warning(format!("{label} is slower than the old one: going back from {weight} % of traffic")).why(format!(
        "In {} of {} nine tenths of its requests took half as long again. That this is chance is less likely than {:.1} %.",
        comparison.slow_minutes,
        pluralize(comparison.compared_minutes as usize, "minute"),
        FALSE_ALARM_RATE * 100.0
    ))
}

pub fn not_enough_evidence(
    label: &str,
    weight: f64,
    comparison: &Comparison,
    minutes: Option<u32>,
) -> Message {
    let left = minutes.map_or_else(
        || "At this rate it can't be known".to_owned(),
        |minutes| format!("At this rate it would take about {minutes} min more"),
    );
    Message::warning(format!(
        "not enough evidence about {label} at {weight} % of traffic"
    ))
    .why(format!(
        "{}. {left} whether it fails more often by {:.0} in a hundred.",
        describe_counts(comparison),
        MARGIN * 100.0
    ))
}

/// Builds the warning that the two revisions can't be compared.
pub fn not_comparable(label: &str, weight: f64) -> Message {
    Message::warning(format!("{label} can't be judged at {weight} % of traffic"))
        .why("There is not one old revision beside it, or not each of them has a target group behind an application load balancer.")
}

/// Builds the warning that most requests to the new revision get no response.
pub fn unanswered_requests(label: &str, weight: f64, comparison: &Comparison) -> Message {
    let Minute { requests, .. } = comparison.new;
    Message::warning(format!("{label} does not answer: going back from {weight} % of traffic")).why(format!(
        "Of {requests:.0} requests to it less than half were answered by its tasks; of those to the old revision nearly all."
    ))
}

pub fn probes_failed(label: &str, place: &str, looks: &ProbeStreak) -> Message {
    let problem = looks.problem.clone().unwrap_or_default();
    Message::warning(format!(
        "{label} does not answer well at {place}: going back"
    ))
    .why(format!(
        "It failed its check {} times in a row: {problem}.",
        looks.bad
    ))
}

pub fn probes_inconclusive(label: &str, place: &str, looks: &ProbeStreak) -> Message {
    let ProbeStreak {
        all,
        passed,
        problem,
        ..
    } = looks;
    let last = problem
        .as_ref()
        .map(|problem| format!(" Last: {problem}."))
        .unwrap_or_default();
    Message::warning(format!("nobody can say whether {label} is well at {place}")).why(format!(
        "{passed} of {} passed.{last}",
        pluralize(*all as usize, "look")
    ))
}

pub fn image_quarantined(label: &str, digest: &Digest, reason: &str) -> Message {
    Message::warning(format!("{label} is refused: it failed before"))
        .why(format!("It is deployed again, not by lamplighter:deploy, and that is taken back. {reason}."))
        .next(format!("Deploy another image, or tag the service {APPROVE} = {digest} to have it rolled out once more."))
        .deduplicated_by(format!("refused:{digest}"))
}
