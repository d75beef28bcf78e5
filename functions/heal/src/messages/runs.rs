//! Messages about one-off and scheduled tasks.

use jiff::Timestamp;
use lamplighter::notify::Message;
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

use super::terms::format_time;
use crate::observed_runs::ObservedRuns;
use crate::observed_service::shorten_reason;

/// Announces that a run failed, or did not start: `run failed at 03:12 UTC in cluster shop - exit 1 in container migrate`.
/// Returns `None` without a new run, and for a refused run that a retry has started since.
#[must_use]
pub fn failed_run_message(runs: &ObservedRuns, family: &str) -> Option<Message> {
    let refused_at = runs.refused.as_ref().map(|(at, _)| *at);
    let failure = runs
        .last_failure
        .as_ref()
        .filter(|failure| refused_at.is_none() || failure.task.stopped_at > refused_at);
    let message = match (failure, &runs.refused) {
        (Some(failure), _) => describe_failure(&failure.task, &runs.cluster)
            .why(format!(
                "{}{}{}",
                explain_failure(&failure.task),
                describe_share(runs),
                failure.evidence.render_text()
            ))
            .next(describe_next_step(&failure.task, runs, family)),
        (None, Some((at, reason))) if runs.find_later_run().is_none() => Message::warning(format!(
            "run not started at {} in cluster {} - ECS refused it",
            format_time(*at),
            runs.cluster
        ))
        .why(format!("ECS reports: {}.", shorten_reason(reason)))
        .next(format!(
            "Correct what ECS names, then start the run by hand:\n{}",
            run_command(runs, family)
        )),
        (None, Some(_) | None) => return None,
    };
    Some(message.action("Lamplighter does not repeat the run: that may not be safe."))
}

fn describe_failure(task: &StoppedTask, cluster: &str) -> Message {
    let at = task
        .stopped_at
        .map_or(String::new(), |at| format!(" at {}", format_time(at)));
    let what = if task.started_at.is_some() {
        "failed"
    } else {
        "did not start"
    };
    Message::warning(format!(
        "run {what}{at} in cluster {cluster} - {}",
        describe_cause(task)
    ))
}

fn describe_next_step(task: &StoppedTask, runs: &ObservedRuns, family: &str) -> String {
    match runs.find_later_run() {
        Some(began) => format!(
            "{}. A later run is in progress since {}: wait for its end.",
            advise(task),
            format_time(began)
        ),
        None => format!(
            "{}. Then start the run again:\n{}",
            advise(task),
            run_command(runs, family)
        ),
    }
}

/// Advises what to do before the next run, without the full stop.
fn advise(task: &StoppedTask) -> &str {
    match task.cause {
        StopCause::Spot => "Use on-demand capacity for runs that must end",
        StopCause::Host => "Nothing has to be corrected",
        _ if task.advice.is_empty() => "Read the reason and the log lines, and correct the cause",
        _ => task.advice.trim_end_matches('.'),
    }
}

/// Describes why a run failed, as a noun phrase: `exit 1 in container migrate`.
fn describe_cause(task: &StoppedTask) -> String {
    let container = task
        .container
        .as_ref()
        .map_or(String::new(), |name| format!(" in container {name}"));
    match task.cause {
        StopCause::OutOfMemory => format!("out of memory{container}"),
        StopCause::Exit | StopCause::Unknown => match task.exit_code {
            Some(code) => format!("exit {code}{container}"),
            None => "no exit code".to_owned(),
        },
        StopCause::HealthCheck => format!("health checks failing{container}"),
        StopCause::Image => "image pull failed".to_owned(),
        StopCause::Setup => "required resource missing".to_owned(),
        StopCause::Start => "container can't start".to_owned(),
        StopCause::Capacity => "no capacity".to_owned(),
        StopCause::Spot => "AWS reclaimed the Spot capacity".to_owned(),
        StopCause::Host => "host lost".to_owned(),
        StopCause::Routine => "stopped".to_owned(),
    }
}

fn explain_failure(task: &StoppedTask) -> String {
    let id = task.task.rsplit('/').next().unwrap_or_default();
    let after = task.lifetime().map_or(String::new(), |ran| {
        if ran.as_mins() < 2 {
            format!(" after {} s", ran.as_secs())
        } else {
            format!(" after {} min", ran.as_mins())
        }
    });
    let reason = if task.reason.is_empty() {
        String::new()
    } else {
        format!(" ECS reports: {}.", shorten_reason(&task.reason))
    };
    format!("Task {id} ended{after}.{reason}")
}

/// Describes how many of the runs failed; empty for a single run.
fn describe_share(runs: &ObservedRuns) -> String {
    if runs.ended < 2 {
        return String::new();
    }
    format!(
        " In the last hour, {} of {} runs failed.",
        runs.failed, runs.ended
    )
}

/// Returns the command that starts a run, without what only the schedule knows.
fn run_command(runs: &ObservedRuns, family: &str) -> String {
    format!(
        "aws ecs run-task --cluster {} --task-definition {family}\nAdd the network configuration and launch type of its schedule.",
        runs.cluster
    )
}

/// Announces that a later run succeeded.
#[must_use]
pub fn run_succeeded_message(began: Timestamp, cluster: &str) -> Message {
    Message::info(format!(
        "run of {} in cluster {cluster} succeeded",
        format_time(began)
    ))
    .why("It began after the run that failed.")
    .next("Nothing to do.")
}

/// Closes the incident of a task definition whose runs are no longer watched.
#[must_use]
pub fn runs_ignored_message() -> Message {
    Message::info("incident closed - runs no longer watched")
        .why("The task definition has no tag lamplighter:managed any more, or lamplighter:heal = off.")
        .next("Nothing to do.")
}
