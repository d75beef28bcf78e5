//! Messages of the engine itself, whichever operation it runs.

use jiff::Timestamp;

use crate::AwsError;
use crate::engine::limits;
use crate::model::Cause;
use crate::notify::{ACKNOWLEDGED_PREFIX, Message, SILENCE_PREFIX};
use crate::plan::{Finding, Step};
use crate::policy::TagError;

/// Builds the message that informs the alert function of a silence. It is never sent to people.
pub(super) fn silence_message(until: Timestamp) -> Message {
    Message::info(format!("is silenced until {until}"))
        .deduplicated_by(format!("{SILENCE_PREFIX}{until}"))
}

/// Builds the message that informs the alert function of an acknowledgement. It is never sent to
/// people.
pub(super) fn acknowledgement_message(incident: &str) -> Message {
    Message::info(format!("somebody looks at {incident}"))
        .deduplicated_by(format!("{ACKNOWLEDGED_PREFIX}{incident}"))
}

pub(super) fn bad_tag_message(mistake: &TagError) -> Message {
    Message::warning(format!(
        "tag {} can't be read; nothing is done",
        mistake.tag
    ))
    .why(format!(
        "{} = \"{}\": {}",
        mistake.tag, mistake.value, mistake.problem
    ))
    .next(format!(
        "Correct the tag, for example: {} = {}",
        mistake.tag, mistake.example
    ))
    .deduplicated_by(format!("bad-tag:{}={}", mistake.tag, mistake.value))
    .caused_by(Cause::Tags)
}

/// Builds the message for an unknown key with our prefix. All other tags stay in effect.
pub(super) fn unknown_tag_message(mistake: &TagError) -> Message {
    Message::warning(format!("tag {} is ignored", mistake.tag))
        .why(format!(
            "{} = \"{}\": {}",
            mistake.tag, mistake.value, mistake.problem
        ))
        .next("Correct or remove the tag.")
        .deduplicated_by(format!("misspelt:{}", mistake.tag))
        .caused_by(Cause::Tags)
}

/// Builds the message for a target that AWS could not describe.
pub(super) fn unreadable_target_message(error: &AwsError) -> Message {
    Message::warning(format!("can't be looked after: {} failed", error.call))
        .why(error.to_string())
        .next("It is tried again by Lambda's retries and by every sweep.")
        .deduplicated_by(format!("unreadable:{}:{}", error.call, error.code))
}

pub(super) fn unmanaged_target_message(operation: &str) -> Message {
    Message::warning(format!(
        "has lamplighter:{operation} but is not managed; nothing is done"
    ))
    .why("Lamplighter acts only on what carries lamplighter:managed.")
    .next("Add the tag lamplighter:managed = true, or observe to see first what would be done.")
    .deduplicated_by("unmanaged")
    .caused_by(Cause::Tags)
}

pub(super) fn limit_reached_message(step: &Step, limit: &limits::LimitReached) -> Message {
    Message::critical(format!("limit reached, did not {}", step.action.describe()))
        .why(format!("{limit}. What was to be done: {}", step.reason))
        .next("Find out what keeps asking for it. It is done by a later sweep, once the limit allows.")
        .deduplicated_by(limit.notification_key())
}

/// Combines all new findings about a target into one message.
pub(super) fn findings_message(findings: &[&Finding]) -> Option<Message> {
    let [one] = findings else {
        let titles: Vec<&str> = findings
            .iter()
            .map(|finding| finding.message.title.as_str())
            .collect();
        let each = findings.iter().map(|finding| {
            let Message {
                title, why, next, ..
            } = &finding.message;
            format!("{title}: {why} {next}")
        });
        let message = Message::warning(format!(
            "{} findings: {}",
            findings.len(),
            titles.join("; ")
        ))
        .why(each.collect::<Vec<_>>().join("\n  "))
        .next("Nothing was changed. Each is told once; it is listed in the ledger while it holds.");
        return (!findings.is_empty()).then_some(message);
    };
    Some(Message {
        title: format!("finding: {}", one.message.title),
        ..one.message.clone()
    })
}

pub(super) fn observe_only_message(step: &Step) -> Message {
    Message::info(format!("would {}", step.action.describe()))
        .why(step.reason.clone())
        .next("Nothing was changed: this is observe mode.")
        .deduplicated_by(format!("observe:{}", step.action.stable_key()))
}

/// Builds the message for a failed action. If the answer was lost, AWS may have executed it.
pub(super) fn action_failed_message(step: &Step, error: &AwsError) -> Message {
    let what = step.action.describe();
    let title = if error.refused {
        format!("could not {what}")
    } else {
        format!("no answer when asked to {what}")
    };
    Message::warning(title)
        .why(format!("{error}. What was to be done: {}", step.reason))
        .next("What became of it shows at the next look; where it was not done it is tried again.")
        .deduplicated_by(format!(
            "failed:{}:{}",
            step.action.stable_key(),
            error.code
        ))
}
