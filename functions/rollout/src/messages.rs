//! The messages of `rollout`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{ExistingAlarm, Service, pluralize};
use lamplighter::notify::{Message, RELEASE_CONDITION};
use lamplighter::policy::APPROVE;
use lamplighter::state::ProbeStreak;
use lamplighter::state::{ActiveRollout, Verified};

use crate::Observed;

/// Limits of the quoted service events: the number of messages and of characters.
const MAX_SENTENCES: usize = 3;
const MAX_CHARS: usize = 600;

/// The failures that cause a rollback, as they appear in messages.
pub const HUNG: &str = "hung";
pub const FAILED: &str = "failed";
pub const PROBES_FAILED: &str = "does not answer well";
pub const RAISED_ALARM: &str = "raised an alarm";

fn label(following: &ActiveRollout) -> String {
    format!("{} ({})", following.tag, following.digest.short_digest())
}

fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// Describes a failure: the likely cause, the helpful service events and the evidence.
fn describe_failure(observed: &Observed) -> String {
    let found = observed.evidence.render_text();
    if let Some((service, (least, most))) = observed
        .service
        .as_ref()
        .and_then(|s| Some((s, s.rollout_deadlock()?)))
    {
        return format!(
            "At least {least} of {} must stay and at most {most} may run, so ECS can neither stop an old one nor start a new \
             one: raise maximumPercent, or lower minimumHealthyPercent.",
            service.describe_task_count()
        );
    }
    // Started or stopped tasks alone explain nothing.
    let tells = |message: &&String| {
        [
            "unable",
            "fail",
            "unhealthy",
            "error",
            "rolled back",
            "rolling back",
        ]
        .iter()
        .any(|word| message.contains(word))
    };
    let told: Vec<&str> = observed
        .service_events
        .iter()
        .filter(tells)
        .take(MAX_SENTENCES)
        .map(String::as_str)
        .collect();
    if told.is_empty() && found.is_empty() {
        return "ECS does not say why: look at the stopped tasks.".to_owned();
    }
    let text: String = told.join(" ").chars().take(MAX_CHARS).collect();
    let cause = match_cause(&text)
        .or_else(|| match_cause(&found))
        .map(|cause| format!("{cause} "))
        .unwrap_or_default();
    let says = if text.is_empty() {
        String::new()
    } else {
        format!("ECS says: {text}")
    };
    format!("{cause}{says}{found}").trim().to_owned()
}

/// Returns the likely cause of an ECS service event message.
/// Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
fn match_cause(said: &str) -> Option<&'static str> {
    const CAUSES: [(&str, &str); 7] = [
        ("CannotPullContainer", "The image can't be pulled."),
        (
            "ResourceInitializationError",
            "A secret, a log group or the network of the tasks can't be set up.",
        ),
        ("unable to place a task", "There is no room for the tasks."),
        (
            "Capacity is unavailable",
            "AWS has no capacity for the tasks now.",
        ),
        (
            "failed ELB health checks",
            "The tasks do not pass the health check of the load balancer.",
        ),
        (
            "unhealthy in",
            "The tasks do not pass the health check of the load balancer.",
        ),
        (
            "failed container health checks",
            "The tasks do not pass their own health check.",
        ),
    ];
    CAUSES
        .iter()
        .find(|(sign, _)| said.contains(sign))
        .map(|(_, cause)| *cause)
}

pub fn release_completed(
    service: &Service,
    following: &ActiveRollout,
    on: &[ExistingAlarm],
    now: Timestamp,
) -> Message {
    let minutes = now.duration_since(following.at).as_mins();
    let tasks = pluralize(
        usize::try_from(service.running_count).unwrap_or_default(),
        "task",
    );
    Message::info(format!(
        "{} is live: {tasks} run it after {minutes} min",
        label(following)
    ))
    .why(format!(
        "ECS reports the rollout as completed, so its health checks have passed.{}",
        describe_muted_alarms(on)
    ))
    .next(format!(
        "Nothing to do. {} is what a later release that fails goes back to.",
        revision_name(&service.task_definition)
    ))
    .clears(RELEASE_CONDITION)
}

pub fn waits_for_approval(following: &ActiveRollout, asked_for: bool) -> Message {
    let why = if asked_for {
        "The tag says approve=yes."
    } else {
        "A hook of the service's own lets it pause."
    };
    Message::info(format!("{} waits for approval before traffic is shifted to it", label(following)))
        .why(format!("{why} Its tasks run, and no production traffic goes to them."))
        .next(format!(
            "To let it go on, tag the service {APPROVE} = {}, or continue it in the console; to stop it, stop the service \
             deployment.",
            following.digest
        ))
        .deduplicated_by(format!("approve:{}", following.digest))
}

pub fn approval_received(following: &ActiveRollout) -> Message {
    Message::info(format!(
        "{} was approved: traffic is shifted to it",
        label(following)
    ))
    .why(format!("The service is tagged {APPROVE} with its digest."))
    .next("Each step is judged; a bad one takes it back.")
}

pub fn rollback_detected(
    service: &Service,
    following: &ActiveRollout,
    observed: &Observed,
    spent: bool,
) -> Message {
    Message::warning(format!(
        "{} failed and went back to {}",
        label(following),
        revision_name(&service.task_definition)
    ))
    .why(format!(
        "ECS's circuit breaker or a person took it back. {}",
        describe_failure(observed)
    ))
    .next(describe_retry(following, spent))
    .clears(RELEASE_CONDITION)
}

pub fn rollback_started(
    following: &ActiveRollout,
    what: &str,
    to: &Verified,
    why: &str,
    spent: bool,
) -> Message {
    Message::warning(format!(
        "{} {what}: going back to {} ({})",
        label(following),
        to.tag,
        revision_name(&to.revision)
    ))
    .why(why.to_owned())
    .next(describe_retry(following, spent))
    .clears(RELEASE_CONDITION)
}

pub fn no_rollback_target(following: &ActiveRollout, what: &str, why: &str) -> Message {
    Message::critical(format!(
        "{} {what}, and there is nothing to go back to",
        label(following)
    ))
    .why(format!(
        "No earlier revision is known to be good, active and still in ECR. {why}"
    ))
    .next("Push a release that works, or update the service by hand. It is left as it is.")
    .deduplicated_by(no_rollback_target_key(following))
    .clears(RELEASE_CONDITION)
    .fires(format!("{RELEASE_CONDITION}:failed"))
}

fn no_rollback_target_key(following: &ActiveRollout) -> String {
    format!("no-way-back:{}", following.digest)
}

fn dependency_down_key(following: &ActiveRollout) -> String {
    format!("depends:{}", following.digest)
}

/// Resolves an earlier alert about a failed release, because it no longer runs or is no longer
/// managed.
pub fn release_superseded(
    following: &ActiveRollout,
    told: &BTreeMap<String, Timestamp>,
) -> Option<Message> {
    let key = [
        no_rollback_target_key(following),
        dependency_down_key(following),
    ]
    .into_iter()
    .find(|key| told.contains_key(key))?;
    let message = Message::info(format!("{} runs no more", label(following)))
        .why("Something newer runs, or the service is not looked after any more.")
        .next("Nothing to do.");
    Some(message.resolves(key).clears(RELEASE_CONDITION))
}

/// Builds the alert for a release that fails during a dependency outage, when every revision would
/// fail.
pub fn dependency_down(
    following: &ActiveRollout,
    what: &str,
    why: &str,
    down: &[String],
) -> Message {
    let down = down.join(", ");
    Message::critical(format!("{} {what} while {down} is down: it is not taken back", label(following)))
        .why(format!("It shares the tag lamplighter:app with it, and an earlier revision would fail as well. {why}"))
        .next("It is looked at again once that is back, and then has its whole time.")
        .deduplicated_by(dependency_down_key(following))
        .fires(format!("{RELEASE_CONDITION}:failed"))
}

pub fn rollback_while_down(
    service: &Service,
    following: &ActiveRollout,
    down: &[String],
) -> Message {
    let down = down.join(", ");
    Message::warning(format!("{} went back to {} while {down} is down", label(following), revision_name(&service.task_definition)))
        .why("ECS's circuit breaker or a person took it back. With what it depends on down that says nothing about the image.")
        .next("It is not refused: once that is back, push it again.")
        .clears(RELEASE_CONDITION)
}

pub fn describe_timeout(minutes: i64, observed: &Observed) -> String {
    format!(
        "It was not live after {minutes} min. {}",
        describe_failure(observed)
    )
}

pub fn describe_probe_failure(observed: &Observed) -> String {
    let looks = observed.probe_streak.clone().unwrap_or_default();
    let (problem, found) = (
        looks.problem.clone().unwrap_or_default(),
        observed.evidence.render_text(),
    );
    let how = if looks.is_unhealthy() {
        "it failed its check three times in a row".to_owned()
    } else {
        format!(
            "{} of {} looks at its addresses passed, and its tag says unclear=back",
            looks.passed, looks.all
        )
    };
    format!("ECS reports it as completed, but {how}: {problem}.{found}")
}

pub fn probes_inconclusive(following: &ActiveRollout, looks: &ProbeStreak) -> Message {
    let ProbeStreak {
        all,
        passed,
        problem,
        ..
    } = looks;
    Message::warning(format!("{} is live, and nobody can say whether it is well", label(following)))
        .why(format!("{passed} of {all} looks at its addresses passed. Last: {}.", problem.clone().unwrap_or_default()))
        .next("See whether it works, and push another one if not. It is left as it is, and no later release goes back to it.")
        .clears(RELEASE_CONDITION)
}

pub fn describe_alarm(alarm: &ExistingAlarm, observed: &Observed) -> String {
    let since = alarm
        .state_since
        .map(|at| at.strftime(" since %H:%M UTC").to_string())
        .unwrap_or_default();
    format!(
        "The alarm {} is on{since}: {}{}",
        alarm.name,
        alarm.state_reason,
        observed.evidence.render_text()
    )
}

/// Lists the alarms that fired before the release and so could not count against it.
fn describe_muted_alarms(on: &[ExistingAlarm]) -> String {
    let names: Vec<&str> = on.iter().map(|alarm| alarm.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        " {} had been on before, and could not judge it.",
        names.join(", ")
    )
}

fn describe_retry(following: &ActiveRollout, approval_is_spent: bool) -> String {
    if approval_is_spent {
        return "This image is not rolled out again: push another one.".to_owned();
    }
    format!(
        "This image is not rolled out again: push another one, or tag the service {APPROVE} = {} to try it once more.",
        following.digest
    )
}
