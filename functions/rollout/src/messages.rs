//! The messages of `rollout`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{ExistingAlarm, Request, Service, StrategySettings, pluralize};
use lamplighter::notify::{APPROVAL_CONDITION, Message, Offer, RELEASE_CONDITION};
use lamplighter::policy::APPROVE;
use lamplighter::release::rollback::RollbackTarget;
use lamplighter::state::{ActiveRollout, ProbeStreak};

use crate::failure::{self, Failure};
use crate::observed::Observed;

/// Returns the condition that fires while a deployment waits for an approval. Every result of the release clears it.
fn approval_condition() -> String {
    format!("{RELEASE_CONDITION}:{APPROVAL_CONDITION}")
}

/// Announces a verified release. `firing`: the alarms that fire without counting against it.
pub fn release_verified(
    service: &Service,
    active: &ActiveRollout,
    minutes: i64,
    firing: &[ExistingAlarm],
) -> Message {
    let tasks = pluralize(
        usize::try_from(service.running_count).unwrap_or_default(),
        "task",
    );
    Message::info(format!(
        "{} verified: {tasks} running after {minutes} min",
        active.tag
    ))
    .action(format!(
        "Lamplighter uses {} as the rollback target from now on.",
        revision_name(&service.task_definition)
    ))
    .why(format!(
        "ECS reports the rollout as completed, and no configured check failed.{}",
        describe_earlier_alarms(firing)
    ))
    .next("Nothing to do.")
    .offers(Offer::RollBack(active.digest.clone()))
    .clears(RELEASE_CONDITION)
}

/// Warns that alarms of `alarms=` do not exist.
pub fn alarms_not_found(names: &[String]) -> Message {
    let list = names.join(", ");
    let (verb, pronoun) = if names.len() == 1 {
        ("does", "it")
    } else {
        ("do", "them")
    };
    Message::warning(format!("{list} ignored - no such alarm"))
        .action(format!("Lamplighter verifies releases without {pronoun}."))
        .why(format!(
            "alarms= in lamplighter:deploy names {list}, which {verb} not exist in CloudWatch in this region."
        ))
        .next("Correct alarms= in the tag, or create the alarm.")
        .deduplicated_by(format!("no-alarm:{list}"))
}

/// Says, after another sentence, that a rollback does without the steps of a strategy.
pub fn describe_skipped_steps(skipped: &StrategySettings) -> String {
    format!(
        " All traffic shifts at once, and the strategy {} is restored afterwards.",
        skipped.strategy
    )
}

/// `is_requested`: the tag asks for the approval, and not only a hook of the service itself.
pub fn waits_for_approval(active: &ActiveRollout, is_requested: bool) -> Message {
    let why = if is_requested {
        "lamplighter:deploy sets approve=yes."
    } else {
        "A hook of the service itself pauses the deployment."
    };
    Message::warning(format!(
        "{} held at 0 % of traffic - waiting for approval",
        active.tag
    ))
    .action("Lamplighter continues the deployment as soon as it is approved.")
    .why(format!("{why} The new tasks run without production traffic."))
    .next(format!(
        "To approve it, tag the service {APPROVE} = {}, send a request to approve it, or continue the deployment in the ECS console. \
         To roll back: aws ecs stop-service-deployment --stop-type ROLLBACK --service-deployment-arn ARN",
        active.tag
    ))
    .deduplicated_by(format!("approve:{}", active.digest))
    .offers(Offer::Approve(active.digest.clone()))
    .offers(Offer::RollBack(active.digest.clone()))
    .fires(approval_condition())
}

/// `request`: the approval, if it is not the tag.
pub fn approval_received(active: &ActiveRollout, request: Option<&Request>) -> Message {
    Message::info(format!("{} approved, shifting traffic", active.tag))
        .action(
            "Lamplighter continues the deployment, evaluates each step and rolls back if one fails.",
        )
        .why(match request {
        Some(request) => format!("{} requested it: {}", request.by, request.reason),
        None => format!("The service is tagged {APPROVE} with its image."),
    })
        .next("Nothing to do.")
        .clears(approval_condition())
}

/// Warns that ECS or a person rolled the release back, and that it is quarantined.
pub fn rollback_detected(
    active: &ActiveRollout,
    minutes: i64,
    observed: &Observed,
    is_approval_used: bool,
) -> Message {
    let revision = observed
        .service
        .as_ref()
        .map_or("", |service| revision_name(&service.task_definition));
    Message::warning(format!(
        "{} rejected after {minutes} min, rolled back to {revision}",
        active.tag
    ))
    .action(format!(
        "Lamplighter quarantines the image {}.",
        active.digest.short_digest()
    ))
    .why(format!(
        "ECS, CodeDeploy or a person rolled the service back. {}",
        failure::describe_failure(observed)
    ))
    .next(describe_retry(active, is_approval_used))
    .clears(RELEASE_CONDITION)
}

/// Warns that Lamplighter rolls the release back to a verified revision.
pub fn rollback_started(
    active: &ActiveRollout,
    minutes: i64,
    failure: Failure,
    target: &RollbackTarget,
    why: &str,
    is_approval_used: bool,
) -> Message {
    Message::warning(format!(
        "{} rejected after {minutes} min, rolling back to {} - {}",
        active.tag,
        target.version,
        failure.cause()
    ))
    .action(format!(
        "Lamplighter rolls the service back to {} and quarantines the image {}.",
        revision_name(&target.revision),
        active.digest.short_digest()
    ))
    .why(why)
    .next(describe_retry(active, is_approval_used))
    .clears(RELEASE_CONDITION)
}

/// Warns that Lamplighter rolls the release back because a person requested it.
pub fn requested_rollback_started(
    active: &ActiveRollout,
    target: &RollbackTarget,
    request: &Request,
) -> Message {
    Message::warning(format!(
        "{} rejected by {}, rolling back to {}",
        active.tag,
        request.caller_name(),
        target.version
    ))
    .action(format!(
        "Lamplighter rolls the service back to {} and quarantines the image {}.",
        revision_name(&target.revision),
        active.digest.short_digest()
    ))
    .why(format!(
        "{} requested it ({}): {}",
        request.by, request.command, request.reason
    ))
    .next("Push a new image, or send a request to approve this one.")
    .clears(RELEASE_CONDITION)
}

/// Answers a request to roll back or to reject that changes nothing.
pub fn requested_rollback_without_effect(request: &Request, problem: &str) -> Message {
    Message::warning(format!(
        "{} requested by {} without effect - {problem}",
        request.command,
        request.caller_name()
    ))
    .action("Lamplighter leaves the service as it is.")
    .why(format!("{} requested it: {}", request.by, request.reason))
    .next("Send another request, push a release that works, or update the service by hand.")
    .deduplicated_by(format!("request:{}", request.id))
}

pub fn no_rollback_target(
    service: &Service,
    active: &ActiveRollout,
    minutes: i64,
    why: &str,
) -> Message {
    Message::critical(format!(
        "{} - {} failed after {minutes} min, no rollback target",
        describe_running_tasks(service),
        active.tag
    ))
    .action("Lamplighter leaves the service as it is.")
    .why(format!(
        "No earlier revision is verified, active and still in ECR. {why}"
    ))
    .next("Push a release that works, or update the service by hand.")
    .deduplicated_by(no_rollback_target_key(active))
    .clears(RELEASE_CONDITION)
    .fires(format!("{RELEASE_CONDITION}:failed"))
}

fn no_rollback_target_key(active: &ActiveRollout) -> String {
    format!("no-way-back:{}", active.digest)
}

fn outage_key(active: &ActiveRollout) -> String {
    format!("depends:{}", active.digest)
}

/// Resolves an earlier alert about a failed release, because it no longer runs or is no longer
/// managed. `notified`: the keys of the alerts that were sent.
pub fn release_superseded(
    active: &ActiveRollout,
    notified: &BTreeMap<String, Timestamp>,
) -> Option<Message> {
    let key = [no_rollback_target_key(active), outage_key(active)]
        .into_iter()
        .find(|key| notified.contains_key(key))?;
    let message = Message::info(format!("{} no longer running, alert resolved", active.tag))
        .why("The service runs another release, or Lamplighter no longer manages it.")
        .next("Nothing to do.");
    Some(message.resolves(key).clears(RELEASE_CONDITION))
}

/// Builds the alert for a release that fails during a dependency outage, when every revision would
/// fail. `down`: the names of the dependencies.
pub fn rollback_held_by_outage(
    service: &Service,
    active: &ActiveRollout,
    minutes: i64,
    why: &str,
    down: &[String],
) -> Message {
    let down = down.join(", ");
    Message::critical(format!(
        "{} - {} failed after {minutes} min, dependency outage ({down})",
        describe_running_tasks(service),
        active.tag
    ))
    .action("Lamplighter holds the rollback until the outage ends, then gives the release its full deadline again.")
    .why(format!(
        "Down, with the same tag lamplighter:app: {down}. An earlier revision would fail as well. {why}"
    ))
    .next(format!("Restore {down}. A rollback does not help."))
    .deduplicated_by(outage_key(active))
    .fires(format!("{RELEASE_CONDITION}:failed"))
}

pub fn probes_inconclusive(active: &ActiveRollout, streak: &ProbeStreak) -> Message {
    Message::warning(format!(
        "{} inconclusive: {} of {} probes passed",
        active.tag, streak.passed, streak.total
    ))
    .action("Lamplighter leaves the release running, and does not use it as a rollback target.")
    .why(format!(
        "ECS reports the rollout as completed. Last failed probe: {}.",
        streak.problem.clone().unwrap_or_default()
    ))
    .next("Check whether the release works, and push another one if not.")
    .clears(RELEASE_CONDITION)
}

/// Lists the alarms that fired before the release and so could not count against it.
fn describe_earlier_alarms(firing: &[ExistingAlarm]) -> String {
    let names: Vec<&str> = firing.iter().map(|alarm| alarm.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        " Already firing before the release, and so not counted against it: {}.",
        names.join(", ")
    )
}

fn describe_retry(active: &ActiveRollout, is_approval_used: bool) -> String {
    if is_approval_used {
        return "Push a new image, or send a request to approve this one again.".to_owned();
    }
    format!(
        "Push a new image, or tag the service {APPROVE} = {} to try this one again.",
        active.digest
    )
}

/// Formats the running and desired counts: `0/3 tasks running`.
fn describe_running_tasks(service: &Service) -> String {
    format!(
        "{}/{} tasks running",
        service.running_count, service.desired_count
    )
}

/// Returns the name of a revision: `web:12`.
pub fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
