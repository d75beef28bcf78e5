//! What `rollout` tells people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{HasAlarm, Service, counted};
use lamplighter::notify::{Message, RELEASE};
use lamplighter::policy::APPROVE;
use lamplighter::state::ProbeStreak;
use lamplighter::state::{Following, Verified};

use crate::Observed;

/// Of what ECS says so many sentences are passed on, and no more letters than this.
const SENTENCES: usize = 3;
const LETTERS: usize = 600;

/// What is wrong with a release that is taken back.
pub const HUNG: &str = "hung";
pub const FAILED: &str = "failed";
pub const ANSWERS_BADLY: &str = "does not answer well";
pub const RAISED_ALARM: &str = "raised an alarm";

fn label(following: &Following) -> String {
    format!("{} ({})", following.tag, following.digest.short())
}

fn revision(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// What ECS says, as far as it helps, what that points at, and what else was found out.
fn said(observed: &Observed) -> String {
    let found = observed.evidence.text();
    if let Some((service, (least, most))) = observed
        .service
        .as_ref()
        .and_then(|s| Some((s, s.no_room()?)))
    {
        return format!(
            "At least {least} of {} must stay and at most {most} may run, so ECS can neither stop an old one nor start a new \
             one: raise maximumPercent, or lower minimumHealthyPercent.",
            service.tasks()
        );
    }
    // That tasks were started or stopped says nothing by itself.
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
        .said
        .iter()
        .filter(tells)
        .take(SENTENCES)
        .map(String::as_str)
        .collect();
    if told.is_empty() && found.is_empty() {
        return "ECS does not say why: look at the stopped tasks.".to_owned();
    }
    let text: String = told.join(" ").chars().take(LETTERS).collect();
    let cause = cause(&text)
        .or_else(|| cause(&found))
        .map(|cause| format!("{cause} "))
        .unwrap_or_default();
    let says = if text.is_empty() {
        String::new()
    } else {
        format!("ECS says: {text}")
    };
    format!("{cause}{says}{found}").trim().to_owned()
}

/// What a message of ECS points at.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
fn cause(said: &str) -> Option<&'static str> {
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

pub fn live(service: &Service, following: &Following, on: &[HasAlarm], now: Timestamp) -> Message {
    let minutes = now.duration_since(following.at).as_mins();
    let tasks = counted(
        usize::try_from(service.running_count).unwrap_or_default(),
        "task",
    );
    Message::info(format!(
        "{} is live: {tasks} run it after {minutes} min",
        label(following)
    ))
    .why(format!(
        "ECS reports the rollout as completed, so its health checks have passed.{}",
        mute(on)
    ))
    .next(format!(
        "Nothing to do. {} is what a later release that fails goes back to.",
        revision(&service.task_definition)
    ))
    .ends(RELEASE)
}

pub fn waits_for_approval(following: &Following, asked_for: bool) -> Message {
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
        .once(format!("approve:{}", following.digest))
}

pub fn goes_on(following: &Following) -> Message {
    Message::info(format!(
        "{} was approved: traffic is shifted to it",
        label(following)
    ))
    .why(format!("The service is tagged {APPROVE} with its digest."))
    .next("Each step is judged; a bad one takes it back.")
}

pub fn went_back(
    service: &Service,
    following: &Following,
    observed: &Observed,
    spent: bool,
) -> Message {
    Message::warning(format!(
        "{} failed and went back to {}",
        label(following),
        revision(&service.task_definition)
    ))
    .why(format!(
        "ECS's circuit breaker or a person took it back. {}",
        said(observed)
    ))
    .next(again(following, spent))
    .ends(RELEASE)
}

pub fn goes_back(
    following: &Following,
    what: &str,
    to: &Verified,
    why: &str,
    spent: bool,
) -> Message {
    Message::warning(format!(
        "{} {what}: going back to {} ({})",
        label(following),
        to.tag,
        revision(&to.revision)
    ))
    .why(why.to_owned())
    .next(again(following, spent))
    .ends(RELEASE)
}

pub fn no_way_back(following: &Following, what: &str, why: &str) -> Message {
    Message::critical(format!(
        "{} {what}, and there is nothing to go back to",
        label(following)
    ))
    .why(format!(
        "No earlier revision is known to be good, active and still in ECR. {why}"
    ))
    .next("Push a release that works, or update the service by hand. It is left as it is.")
    .once(no_way_back_key(following))
    .ends(RELEASE)
    .begins(format!("{RELEASE}:failed"))
}

fn no_way_back_key(following: &Following) -> String {
    format!("no-way-back:{}", following.digest)
}

fn depends_key(following: &Following) -> String {
    format!("depends:{}", following.digest)
}

/// Something else runs, as people were told to see to.
pub fn superseded(following: &Following, told: &BTreeMap<String, Timestamp>) -> Option<Message> {
    let key = [no_way_back_key(following), depends_key(following)]
        .into_iter()
        .find(|key| told.contains_key(key))?;
    let message = Message::info(format!("{} runs no more", label(following)))
        .why("Something newer runs, or the service is not looked after any more.")
        .next("Nothing to do.");
    Some(message.resolves(key).ends(RELEASE))
}

/// With its database down every revision fails.
pub fn depends(following: &Following, what: &str, why: &str, down: &[String]) -> Message {
    let down = down.join(", ");
    Message::critical(format!("{} {what} while {down} is down: it is not taken back", label(following)))
        .why(format!("It shares the tag lamplighter:app with it, and an earlier revision would fail as well. {why}"))
        .next("It is looked at again once that is back, and then has its whole time.")
        .once(depends_key(following))
        .begins(format!("{RELEASE}:failed"))
}

pub fn back_while_down(service: &Service, following: &Following, down: &[String]) -> Message {
    let down = down.join(", ");
    Message::warning(format!("{} went back to {} while {down} is down", label(following), revision(&service.task_definition)))
        .why("ECS's circuit breaker or a person took it back. With what it depends on down that says nothing about the image.")
        .next("It is not refused: once that is back, push it again.")
        .ends(RELEASE)
}

pub fn late(minutes: i64, observed: &Observed) -> String {
    format!("It was not live after {minutes} min. {}", said(observed))
}

pub fn refuted(observed: &Observed) -> String {
    let looks = observed.looks.clone().unwrap_or_default();
    let (problem, found) = (
        looks.problem.clone().unwrap_or_default(),
        observed.evidence.text(),
    );
    let how = if looks.is_refuted() {
        "it failed its check three times in a row".to_owned()
    } else {
        format!(
            "{} of {} looks at its addresses passed, and its tag says unclear=back",
            looks.passed, looks.all
        )
    };
    format!("ECS reports it as completed, but {how}: {problem}.{found}")
}

pub fn unclear(following: &Following, looks: &ProbeStreak) -> Message {
    let ProbeStreak {
        all,
        passed,
        problem,
        ..
    } = looks;
    Message::warning(format!("{} is live, and nobody can say whether it is well", label(following)))
        .why(format!("{passed} of {all} looks at its addresses passed. Last: {}.", problem.clone().unwrap_or_default()))
        .next("See whether it works, and push another one if not. It is left as it is, and no later release goes back to it.")
        .ends(RELEASE)
}

pub fn alarmed(alarm: &HasAlarm, observed: &Observed) -> String {
    let since = alarm
        .state_since
        .map(|at| at.strftime(" since %H:%M UTC").to_string())
        .unwrap_or_default();
    format!(
        "The alarm {} is on{since}: {}{}",
        alarm.name,
        alarm.state_reason,
        observed.evidence.text()
    )
}

/// Alarms that were on before and so could not judge.
fn mute(on: &[HasAlarm]) -> String {
    let names: Vec<&str> = on.iter().map(|alarm| alarm.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        " {} had been on before, and could not judge it.",
        names.join(", ")
    )
}

fn again(following: &Following, approval_is_spent: bool) -> String {
    if approval_is_spent {
        return "This image is not rolled out again: push another one.".to_owned();
    }
    format!(
        "This image is not rolled out again: push another one, or tag the service {APPROVE} = {} to try it once more.",
        following.digest
    )
}
