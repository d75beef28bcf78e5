//! Why a release failed: its kind, and the explanation with the evidence.

use lamplighter::model::{EnvironmentCause, ExistingAlarm, Service};
use lamplighter::release::evidence::Blame;

use crate::observed::Observed;

/// Limits of the quoted service events: the number of messages and of characters.
const MAX_EVENTS: usize = 3;
const MAX_CHARS: usize = 600;

/// Words of the ECS service events that explain a failure. Started or stopped tasks alone explain
/// nothing.
const EXPLAINING_WORDS: [&str; 6] = [
    "unable",
    "fail",
    "unhealthy",
    "error",
    "rolled back",
    "rolling back",
];

/// The reason for which Lamplighter rolls a release back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The rollout was not completed by its deadline.
    Deadline,
    /// ECS or CodeDeploy reports a failure.
    FailedDeployment,
    /// The probes failed, or were inconclusive under `inconclusive=rollback`.
    FailedProbes,
    /// An alarm has fired since the rollout began.
    FiringAlarm,
}

impl Failure {
    /// Returns the cause as it ends a title.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::FailedDeployment => "failed deployment",
            Self::FailedProbes => "failed probes",
            Self::FiringAlarm => "alarm",
        }
    }

    /// Returns the reason that the quarantine of the digest states, without its time.
    pub fn quarantine_reason(self) -> &'static str {
        match self {
            Self::Deadline => "it missed its deadline",
            Self::FailedDeployment => "its deployment failed",
            Self::FailedProbes => "its probes failed",
            Self::FiringAlarm => "an alarm fired",
        }
    }
}

/// Words of ECS service events, and the cause that they state. They count only if no stopped task gives a reason.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
const EVENT_CAUSES: [(&str, EnvironmentCause); 5] = [
    ("unable to place a task", EnvironmentCause::Capacity),
    ("Capacity is unavailable", EnvironmentCause::Capacity),
    ("reached the limit", EnvironmentCause::Capacity),
    (
        "unable to assume the role",
        EnvironmentCause::MissingResource,
    ),
    (
        "ResourceInitializationError",
        EnvironmentCause::MissingResource,
    ),
];

/// Returns the cause of a rollout that did not complete if its image is not to blame. `None` if the image failed, or if
/// nothing is known.
pub fn find_environment_cause(observed: &Observed) -> Option<EnvironmentCause> {
    if !observed.down.is_empty() {
        return Some(EnvironmentCause::Dependency);
    }
    match observed.evidence.blame {
        Blame::Image => return None,
        Blame::Environment(cause) => return Some(cause),
        Blame::Unknown => {}
    }
    let service = observed.service.as_ref()?;
    if service.rollout_deadlock().is_some() {
        return Some(EnvironmentCause::Placement);
    }
    EVENT_CAUSES
        .iter()
        .find(|(sign, _)| {
            observed
                .service_events
                .iter()
                .any(|event| event.contains(sign))
        })
        .map(|(_, cause)| *cause)
}

/// Explains a rollout that did not complete.
pub fn describe_incomplete_rollout(observed: &Observed) -> String {
    format!(
        "The rollout did not complete. {}",
        describe_failure(observed)
    )
}

/// Explains the failed or inconclusive probes of a completed rollout.
pub fn describe_probe_failure(observed: &Observed) -> String {
    let streak = observed.probe_streak.clone().unwrap_or_default();
    let problem = streak.problem.clone().unwrap_or_default();
    let evidence = observed.evidence.render_text();
    let result = if streak.is_unhealthy() {
        format!("{} probes in a row failed", streak.failures)
    } else {
        format!(
            "only {} of {} probes passed, and lamplighter:deploy sets inconclusive=rollback",
            streak.passed, streak.total
        )
    };
    format!(
        "ECS reports the rollout as completed, but {result}. Last failure: {problem}.{evidence}"
    )
}

/// Explains the alarm that rejected a release.
pub fn describe_alarm(alarm: &ExistingAlarm, observed: &Observed) -> String {
    let since = alarm
        .state_since
        .map(|at| at.strftime(" since %H:%M UTC").to_string())
        .unwrap_or_default();
    format!(
        "The alarm {} has been firing{since}: {}{}",
        alarm.name,
        alarm.state_reason,
        observed.evidence.render_text()
    )
}

/// Explains a failure: the likely cause, the helpful service events and the evidence.
pub fn describe_failure(observed: &Observed) -> String {
    if let Some(explanation) = observed.service.as_ref().and_then(describe_deadlock) {
        return explanation;
    }
    let events: Vec<&str> = observed
        .service_events
        .iter()
        .map(String::as_str)
        .filter(|event| EXPLAINING_WORDS.iter().any(|word| event.contains(word)))
        .take(MAX_EVENTS)
        .collect();
    let evidence = observed.evidence.render_text();
    if events.is_empty() && evidence.is_empty() {
        return "ECS reports no cause; the stopped tasks may show it.".to_owned();
    }
    let events: String = events.join(" ").chars().take(MAX_CHARS).collect();
    let cause = find_cause(&events)
        .or_else(|| find_cause(&evidence))
        .map(|cause| format!("{cause} "))
        .unwrap_or_default();
    let quote = if events.is_empty() {
        String::new()
    } else {
        format!("ECS reports: {events}")
    };
    format!("{cause}{quote}{evidence}").trim().to_owned()
}

/// Explains a rollout that the limits of the service's deployment configuration block.
fn describe_deadlock(service: &Service) -> Option<String> {
    let (least, most) = service.rollout_deadlock()?;
    Some(format!(
        "Of {}, at least {least} must keep running and at most {most} may run. So ECS can neither stop an old task nor \
         start a new one: raise maximumPercent, or lower minimumHealthyPercent.",
        service.describe_task_count()
    ))
}

/// Returns the likely cause of an ECS service event message.
/// Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
fn find_cause(event: &str) -> Option<&'static str> {
    const CAUSES: [(&str, &str); 7] = [
        ("CannotPullContainer", "The image can't be pulled."),
        (
            "ResourceInitializationError",
            "A secret, a log group or the network of the tasks can't be set up.",
        ),
        (
            "unable to place a task",
            "There is no capacity for the tasks.",
        ),
        (
            "Capacity is unavailable",
            "AWS has no capacity for the tasks now.",
        ),
        (
            "failed ELB health checks",
            "The tasks fail the health check of the load balancer.",
        ),
        (
            "unhealthy in",
            "The tasks fail the health check of the load balancer.",
        ),
        (
            "failed container health checks",
            "The tasks fail their container health check.",
        ),
    ];
    CAUSES
        .iter()
        .find(|(sign, _)| event.contains(sign))
        .map(|(_, cause)| *cause)
}
