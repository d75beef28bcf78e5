//! What `verify` tells people.

use lamplighter::model::{Digest, counted};
use lamplighter::notify::Message;
use lamplighter::policy::APPROVE;
use lamplighter::state::ProbeStreak;

use crate::sequential::{Comparison, FALSE_ALARMS, MARGIN, Minute};

/// `12 of 300 requests (4.0 %)`
fn share(minute: &Minute) -> String {
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

pub fn counts(comparison: &Comparison) -> String {
    format!(
        "{} fail with it, {} with the old revision",
        share(&comparison.new),
        share(&comparison.old)
    )
}

/// An approval that was made use of brings it no more.
pub fn again(digest: &Digest, approval_is_spent: bool) -> String {
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
        counts(comparison),
        FALSE_ALARMS * 100.0
    ))
}

pub fn slower(label: &str, weight: f64, comparison: &Comparison) -> Message {
    Message::warning(format!("{label} is slower than the old one: going back from {weight} % of traffic")).why(format!(
        "In {} of {} nine tenths of its requests took half as long again. That this is chance is less likely than {:.1} %.",
        comparison.slow,
        counted(comparison.compared as usize, "minute"),
        FALSE_ALARMS * 100.0
    ))
}

pub fn not_enough(
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
        counts(comparison),
        MARGIN * 100.0
    ))
}

/// Where the two can't be compared.
pub fn not_comparable(label: &str, weight: f64) -> Message {
    Message::warning(format!("{label} can't be judged at {weight} % of traffic"))
        .why("There is not one old revision beside it, or not each of them has a target group behind an application load balancer.")
}

/// Most of its requests are never answered.
pub fn hangs(label: &str, weight: f64, comparison: &Comparison) -> Message {
    let Minute { requests, .. } = comparison.new;
    Message::warning(format!("{label} does not answer: going back from {weight} % of traffic")).why(format!(
        "Of {requests:.0} requests to it less than half were answered by its tasks; of those to the old revision nearly all."
    ))
}

pub fn refuted(label: &str, place: &str, looks: &ProbeStreak) -> Message {
    let problem = looks.problem.clone().unwrap_or_default();
    Message::warning(format!(
        "{label} does not answer well at {place}: going back"
    ))
    .why(format!(
        "It failed its check {} times in a row: {problem}.",
        looks.bad
    ))
}

pub fn now_and_then(label: &str, place: &str, looks: &ProbeStreak) -> Message {
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
        counted(*all as usize, "look")
    ))
}

pub fn quarantined(label: &str, digest: &Digest, reason: &str) -> Message {
    Message::warning(format!("{label} is refused: it failed before"))
        .why(format!("It is deployed again, not by lamplighter:deploy, and that is taken back. {reason}."))
        .next(format!("Deploy another image, or tag the service {APPROVE} = {digest} to have it rolled out once more."))
        .once(format!("refused:{digest}"))
}
