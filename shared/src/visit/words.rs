//! What the engine itself tells people, whichever operation it runs.

use crate::notice::Message;
use crate::plan::Step;
use crate::policy::TagError;
use crate::{AwsError, limits};

pub(super) fn bad_tag(mistake: &TagError) -> Message {
    let fix = if mistake.example.is_empty() {
        "Correct or remove the tag.".to_owned()
    } else {
        format!("Correct the tag, for example: {} = {}", mistake.tag, mistake.example)
    };
    Message::warning(format!("tag {} can't be read; nothing is done", mistake.tag))
        .why(format!("{} = \"{}\": {}", mistake.tag, mistake.value, mistake.problem))
        .next(fix)
        .once(format!("bad-tag:{}={}", mistake.tag, mistake.value))
}

pub(super) fn unmanaged(operation: &str) -> Message {
    Message::warning(format!("has lamplighter:{operation} but is not managed; nothing is done"))
        .why("Lamplighter acts only on what carries lamplighter:managed.")
        .next("Add the tag lamplighter:managed = true, or observe to see first what would be done.")
        .once("unmanaged")
}

pub(super) fn limit_reached(step: &Step, limit: &limits::Reached) -> Message {
    Message::critical(format!("limit reached, did not {}", step.action.verb()))
        .why(format!("{limit}. What was to be done: {}", step.reason))
        .next("Find out what keeps asking for it. It is done by a later sweep, once the limit allows.")
        .once(limit.key())
}

pub(super) fn only_observed(step: &Step) -> Message {
    Message::info(format!("would {}", step.action.verb()))
        .why(step.reason.clone())
        .next("Nothing was changed: this is observe mode.")
        .once(format!("observe:{}", step.reason))
}

pub(super) fn failed(step: &Step, error: &AwsError) -> Message {
    Message::warning(format!("could not {}", step.action.verb()))
        .why(format!("{error}. What was to be done: {}", step.reason))
        .next("It is tried again by Lambda's retries and by every sweep.")
        .once(format!("failed:{}:{}", step.action.verb(), error.code))
}
