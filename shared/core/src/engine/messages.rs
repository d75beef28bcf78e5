//! Messages of the engine itself, whichever operation it runs.

use jiff::Timestamp;

use crate::AwsError;
use crate::engine::limits::LimitReached;
use crate::model::Cause;
use crate::notify::Message;
use crate::notify::redact::redact_whole;
use crate::plan::{Action, Finding, Step};
use crate::policy::TagError;

/// The maximum length of the titles that the title of a list of findings repeats, in characters.
const MAX_TITLES: usize = 70;

/// Builds the message for an invalid tag that disables the operations which read it.
pub(super) fn invalid_tag_message(mistake: &TagError) -> Message {
    Message::warning(format!(
        "invalid tag {} - its operations are disabled",
        mistake.tag
    ))
    .action("Lamplighter runs no operation that reads this tag until the tag is corrected.")
    .why(quote_tag(mistake))
    .next(correct_tag(mistake))
    .deduplicated_by(invalid_tag_key(mistake))
    .caused_by(Cause::Tags)
}

/// Builds the message for an invalid silence. All operations run on.
pub(super) fn invalid_silence_message(mistake: &TagError) -> Message {
    Message::warning(format!("invalid tag {} - not silenced", mistake.tag))
        .action("Lamplighter keeps sending notifications about this target.")
        .why(quote_tag(mistake))
        .next(correct_tag(mistake))
        .deduplicated_by(invalid_tag_key(mistake))
        .caused_by(Cause::Tags)
}

/// Builds the message for an unknown key with our prefix.
pub(super) fn unknown_tag_message(mistake: &TagError) -> Message {
    Message::warning(format!("unknown tag {} - ignored", mistake.tag))
        .action("Lamplighter ignores this tag. All other tags stay in effect.")
        .why(quote_tag(mistake))
        .next("Correct or remove the tag.")
        .deduplicated_by(format!("unknown-tag:{}", mistake.tag))
        .caused_by(Cause::Tags)
}

/// Builds the message for a target that AWS could not describe.
pub(super) fn unreadable_target_message(error: &AwsError) -> Message {
    Message::warning(format!(
        "not reconciled - {} failed ({})",
        error.call, error.code
    ))
    .action("Lamplighter changed nothing. It retries the event now, and the target at every sweep.")
    .why(error.to_string())
    .next("If this repeats, check the permissions of the function's role and the AWS Health Dashboard.")
    .deduplicated_by(format!("unreadable:{}:{}", error.call, error.code))
}

/// Builds the message for a target without `lamplighter:managed`. `tag` is the tag of the
/// operation, if it has one and the target carries it.
pub(super) fn unmanaged_target_message(tag: Option<&str>) -> Message {
    let title = tag.map_or_else(
        || "not managed - lamplighter:managed is missing".to_owned(),
        |tag| format!("{tag} has no effect - lamplighter:managed is missing"),
    );
    Message::warning(title)
        .action("Lamplighter does nothing here.")
        .why("Lamplighter acts only on resources with the tag lamplighter:managed.")
        .next(
            "Add the tag lamplighter:managed = true, or lamplighter:managed = observe for a dry run.",
        )
        .deduplicated_by("unmanaged")
        .caused_by(Cause::Tags)
}

/// Builds the alert about an action that a limit withholds.
pub(super) fn limit_reached_message(step: &Step, limit: &LimitReached) -> Message {
    let next = limit.parameter().map_or_else(
        || "Find out what keeps requesting the action.".to_owned(),
        |parameter| {
            format!("Find out what keeps requesting the action. Raise the stack parameter {parameter} only if this rate is expected.")
        },
    );
    Message::critical(format!(
        "limit of {} reached - did not {}",
        limit.rate(),
        step.action.describe()
    ))
    .action("Lamplighter withholds the action. A later sweep executes it when the limit allows.")
    .why(format!("Requested because: {}", step.reason))
    .next(next)
    .deduplicated_by(limit.notification_key())
}

/// Builds the message for a rollout that waits until a time, because many images were pushed within an hour.
pub(super) fn rollout_postponed_message(
    step: &Step,
    limit: &LimitReached,
    allowed_at: Timestamp,
) -> Message {
    let rate = limit.rate();
    Message::warning(format!(
        "not deployed before {} - {rate}",
        allowed_at.strftime("%H:%M UTC")
    ))
    .action("Lamplighter deploys the newest image then.")
    .why(format!(
        "The limit is {rate}, and each of them had another image. Next: {}.",
        step.reason.trim_end_matches('.')
    ))
    .next("Nothing to do. If so many pushes are normal, raise the stack parameter RolloutsPerHour.")
    .deduplicated_by("limit:rollouts-postponed")
}

/// Combines all new findings about a target into one message.
pub(super) fn findings_message(findings: &[&Finding]) -> Option<Message> {
    match findings {
        [] => None,
        [one] => Some(Message {
            title: format!("finding: {}", one.message.title),
            ..one.message.clone()
        }),
        several => Some(several_findings_message(several)),
    }
}

fn several_findings_message(findings: &[&Finding]) -> Message {
    let details: Vec<String> = findings
        .iter()
        .map(|finding| describe_finding(&finding.message))
        .collect();
    Message::warning(format!(
        "{} findings: {}",
        findings.len(),
        join_titles(findings)
    ))
    .action("Lamplighter changed nothing. It reports each finding once, and lists it in the ledger while it applies.")
    .why(details.join("\n  "))
    .next("Fix the findings above.")
}

/// Describes a finding in one line: its title, reason and remedy.
fn describe_finding(message: &Message) -> String {
    let sentences: Vec<&str> = [&message.action, &message.why, &message.next]
        .into_iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    format!("{}: {}", message.title, sentences.join(" "))
}

/// Joins the titles of findings, as many as a subject has room for.
fn join_titles(findings: &[&Finding]) -> String {
    let mut joined = String::new();
    for (listed, finding) in findings.iter().enumerate() {
        let title = &finding.message.title;
        if listed > 0 && joined.chars().count() + title.chars().count() > MAX_TITLES {
            return format!("{joined}; and {} more", findings.len() - listed);
        }
        if listed > 0 {
            joined.push_str("; ");
        }
        joined.push_str(title);
    }
    joined
}

/// Builds the message about an action that observe mode withholds.
pub(super) fn observe_only_message(step: &Step) -> Message {
    Message::info(format!("would {}", step.action.describe()))
        .action("Lamplighter changed nothing, because it is in observe mode.")
        .why(step.reason.clone())
        .next("Nothing to do. To let Lamplighter act, set lamplighter:managed = true and the stack parameter Mode = act.")
        .deduplicated_by(format!("observe:{}", step.action.stable_key()))
}

/// Builds the message for a failed action. If the answer was lost, AWS may have executed it.
pub(super) fn action_failed_message(step: &Step, error: &AwsError) -> Message {
    let intended = step.action.describe();
    let message = if let Action::Request(_) = step.action {
        Message::warning(format!("failed to {intended} - {}", error.code))
            .action("Lamplighter did not record the request, and does not retry it. The caller was told so.")
    } else if error.refused {
        Message::warning(format!("failed to {intended} - {}", error.code))
            .action("Lamplighter retries at the next sweep if the action is still needed.")
    } else {
        Message::warning(format!("outcome unknown: {intended} - {}", error.code)).action(
            "Lamplighter checks the result at the next sweep, and retries if it is still needed.",
        )
    };
    message
        .why(format!("{error}. Requested because: {}", step.reason))
        .next("Nothing to do unless this repeats. Then resolve the error above.")
        .deduplicated_by(format!(
            "failed:{}:{}",
            step.action.stable_key(),
            error.code
        ))
}

/// Builds the message for a snapshot that AWS refuses because there are too many.
pub(super) fn snapshot_quota_message(step: &Step, error: &AwsError) -> Message {
    let intended = step.action.describe();
    Message::warning(format!("failed to {intended} - {}", error.code))
        .action("Lamplighter tries again at each sweep.")
        .why(format!("The quota of snapshots is used up: {error}."))
        .next(
            "Delete snapshots that aren't Lamplighter's, or raise the quota. RDS takes 100 manual snapshots of instances and 100 of \
             clusters in a region, ElastiCache 20 of a cache within 24 hours.",
        )
        .deduplicated_by(format!("quota:{}", error.code))
}

/// Returns the key under which an invalid value of a tag is notified once a day.
fn invalid_tag_key(mistake: &TagError) -> String {
    format!("invalid-tag:{}={}", mistake.tag, mistake.value)
}

/// Quotes a tag with its value and the problem.
fn quote_tag(mistake: &TagError) -> String {
    // An address in the value may contain a password.
    let (value, problem) = (redact_whole(&mistake.value), redact_whole(&mistake.problem));
    format!("{} = \"{value}\": {problem}", mistake.tag)
}

/// Tells a person how to correct a tag, with a valid example.
fn correct_tag(mistake: &TagError) -> String {
    format!(
        "Correct the tag, for example: {} = {}",
        mistake.tag, mistake.example
    )
}
