//! What the engine itself tells people, whichever operation it runs.

use jiff::Timestamp;

use crate::AwsError;
use crate::engine::limits;
use crate::notify::{ACKNOWLEDGED, Message, SILENCE};
use crate::plan::{Finding, Step};
use crate::policy::TagError;

/// For whoever tells people; nobody reads it.
pub(super) fn silenced(until: Timestamp) -> Message {
    Message::info(format!("is silenced until {until}")).once(format!("{SILENCE}{until}"))
}

/// The same.
pub(super) fn acknowledged(incident: &str) -> Message {
    Message::info(format!("somebody looks at {incident}")).once(format!("{ACKNOWLEDGED}{incident}"))
}

pub(super) fn bad_tag(mistake: &TagError) -> Message {
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
    .once(format!("bad-tag:{}={}", mistake.tag, mistake.value))
}

/// A key of ours that means nothing. What the other tags ask for goes on.
pub(super) fn misspelt(mistake: &TagError) -> Message {
    Message::warning(format!("tag {} is ignored", mistake.tag))
        .why(format!(
            "{} = \"{}\": {}",
            mistake.tag, mistake.value, mistake.problem
        ))
        .next("Correct or remove the tag.")
        .once(format!("misspelt:{}", mistake.tag))
}

/// AWS could not be asked about the target.
pub(super) fn unreadable(error: &AwsError) -> Message {
    Message::warning(format!("can't be looked after: {} failed", error.call))
        .why(error.to_string())
        .next("It is tried again by Lambda's retries and by every sweep.")
        .once(format!("unreadable:{}:{}", error.call, error.code))
}

pub(super) fn unmanaged(operation: &str) -> Message {
    Message::warning(format!(
        "has lamplighter:{operation} but is not managed; nothing is done"
    ))
    .why("Lamplighter acts only on what carries lamplighter:managed.")
    .next("Add the tag lamplighter:managed = true, or observe to see first what would be done.")
    .once("unmanaged")
}

pub(super) fn limit_reached(step: &Step, limit: &limits::Reached) -> Message {
    Message::critical(format!("limit reached, did not {}", step.action.in_words()))
        .why(format!("{limit}. What was to be done: {}", step.reason))
        .next("Find out what keeps asking for it. It is done by a later sweep, once the limit allows.")
        .once(limit.key())
}

/// All that was newly found about a target, in one message.
pub(super) fn found(findings: &[&Finding]) -> Option<Message> {
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

pub(super) fn only_observed(step: &Step) -> Message {
    Message::info(format!("would {}", step.action.in_words()))
        .why(step.reason.clone())
        .next("Nothing was changed: this is observe mode.")
        .once(format!("observe:{}", step.action.key()))
}

/// An action failed, or nobody knows: AWS may have done it and the answer was lost.
pub(super) fn failed(step: &Step, error: &AwsError) -> Message {
    let what = step.action.in_words();
    let title = if error.refused {
        format!("could not {what}")
    } else {
        format!("no answer when asked to {what}")
    };
    Message::warning(title)
        .why(format!("{error}. What was to be done: {}", step.reason))
        .next("What became of it shows at the next look; where it was not done it is tried again.")
        .once(format!("failed:{}:{}", step.action.key(), error.code))
}
