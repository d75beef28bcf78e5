//! The messages of `verify`.

use lamplighter::model::{Digest, pluralize};
use lamplighter::notify::Message;
use lamplighter::policy::{APPROVE, OnInconclusive};
use lamplighter::state::ProbeStreak;

use crate::sequential::{Comparison, FALSE_ALARM_RATE, MARGIN, Minute, SLOWDOWN_FACTOR};

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

/// Formats the errors of both revisions.
pub fn describe_counts(comparison: &Comparison) -> String {
    format!(
        "{} failed with the new revision, {} with the old one",
        format_error_share(&comparison.new),
        format_error_share(&comparison.old)
    )
}

/// Describes how to retry after a failure. An approval that was already used does not allow another
/// attempt.
pub fn describe_retry(digest: &Digest, is_approval_used: bool) -> String {
    if is_approval_used {
        return "Push a new image.".to_owned();
    }
    format!("Push a new image, or tag the service {APPROVE} = {digest} to try this one again.")
}

/// Describes the consequences of a rejection.
pub fn describe_rejection(digest: &Digest) -> String {
    format!(
        "The deployment rolls back to the old revision, and Lamplighter quarantines the image {}.",
        digest.short_digest()
    )
}

fn describe_false_alarm_rate() -> String {
    format!(
        "The probability of a false alarm is below {:.1} %.",
        FALSE_ALARM_RATE * 100.0
    )
}

/// `place`: the stage at which the release was rejected, such as `10 % of traffic`.
fn release_rejected(version: &str, place: &str, cause: &str) -> Message {
    Message::warning(format!(
        "{version} rejected at {place}, rolling back - {cause}"
    ))
}

/// Builds the warning about an undecided stage; by policy the deployment proceeds or rolls back.
fn inconclusive(version: &str, place: &str, unclear: OnInconclusive, cause: &str) -> Message {
    Message::warning(match unclear {
        OnInconclusive::Keep => format!("{version} inconclusive at {place} - {cause}"),
        OnInconclusive::Rollback => {
            format!("{version} inconclusive at {place}, rolling back - {cause}")
        }
    })
}

/// Completes a message about a deployment that proceeds without a result.
pub fn proceeding(message: Message) -> Message {
    message.action("The deployment proceeds.").next(
        "Check whether the release works. To roll back in such a case, add inconclusive=rollback to the tag.",
    )
}

pub fn more_errors(version: &str, place: &str, comparison: &Comparison) -> Message {
    release_rejected(version, place, "more errors").why(format!(
        "In the same minutes, {}. {}",
        describe_counts(comparison),
        describe_false_alarm_rate()
    ))
}

pub fn higher_latency(version: &str, place: &str, comparison: &Comparison) -> Message {
    release_rejected(version, place, "higher latency").why(format!(
        "In {} of {}, its p90 latency was over {SLOWDOWN_FACTOR} times that of the old revision. {}",
        comparison.slow_minutes,
        pluralize(comparison.compared_minutes as usize, "minute"),
        describe_false_alarm_rate()
    ))
}

/// Builds the warning that most requests to the new revision get no response.
pub fn unanswered_requests(version: &str, place: &str, comparison: &Comparison) -> Message {
    release_rejected(version, place, "no responses").why(format!(
        "Its tasks answered less than half of {:.0} requests; the old revision answered nearly all of its own.",
        comparison.new.requests
    ))
}

/// `minutes`: the estimated minutes until a result, if any is expected.
pub fn not_enough_evidence(
    version: &str,
    place: &str,
    unclear: OnInconclusive,
    comparison: &Comparison,
    minutes: Option<u32>,
) -> Message {
    let margin = format!("{:.0} percentage points", MARGIN * 100.0);
    let outlook = minutes.map_or_else(
        || format!("At this rate, an error rate higher by {margin} can never be excluded."),
        |minutes| {
            format!(
                "At this rate, steps longer by about {minutes} min could exclude an error rate higher by {margin}."
            )
        },
    );
    inconclusive(version, place, unclear, "not enough evidence")
        .why(format!("{}. {outlook}", describe_counts(comparison)))
}

/// Builds the warning that the two revisions can't be compared.
pub fn not_comparable(version: &str, place: &str, unclear: OnInconclusive) -> Message {
    inconclusive(version, place, unclear, "no comparison").why(
        "A comparison needs exactly one old revision, and for each revision a target group of an Application Load Balancer. A new image does not change that.",
    )
}

pub fn probes_failed(version: &str, place: &str, streak: &ProbeStreak) -> Message {
    release_rejected(version, place, "failed probes").why(format!(
        "{} probes in a row failed. Last failure: {}.",
        streak.failures,
        streak.problem.clone().unwrap_or_default()
    ))
}

pub fn probes_inconclusive(
    version: &str,
    place: &str,
    unclear: OnInconclusive,
    streak: &ProbeStreak,
) -> Message {
    let last = streak
        .problem
        .as_ref()
        .map(|problem| format!(" Last failure: {problem}."))
        .unwrap_or_default();
    let cause = format!(
        "{} of {} passed",
        streak.passed,
        pluralize(streak.total as usize, "probe")
    );
    inconclusive(version, place, unclear, &cause).why(format!("The probes did not agree.{last}"))
}

pub fn image_quarantined(version: &str, digest: &Digest, reason: &str) -> Message {
    Message::warning(format!(
        "{version} rejected, rolling back - quarantined image"
    ))
    .action("The deployment rolls back to the old revision.")
    .why(format!(
        "It was deployed again, but not by lamplighter:deploy. Reason of the quarantine: {reason}."
    ))
    .next(format!(
        "Deploy another image, or tag the service {APPROVE} = {digest} to try this one again."
    ))
    .deduplicated_by(format!("refused:{digest}"))
}
