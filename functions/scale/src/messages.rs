//! Messages of `scale`.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, ScalableTarget};
use lamplighter::notify::Message;
use lamplighter::policy::{SCALE, SCHEDULE};
use lamplighter::state::TargetState;

use crate::decision::{Decision, SET_BY_OTHERS_FOR};
use crate::demand::Need;
use crate::observed::HISTORY;
use crate::queue_messages;
use crate::reasons;
use crate::texts::{capitalize_first, desired_count_command};

/// Age below which a service may lack metrics.
const METRICS_GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(20);

/// Builds the message about a changed count: for the first step of a surge, for its end, and for a
/// count above the maximum. The journal records all other steps.
pub fn count_changed(decision: &Decision<'_>, to: u32, reason: &str) -> Option<Message> {
    let from = decision.desired_count();
    if to == 0 {
        return Some(queue_messages::stop_message(reason));
    }
    if from == 0 {
        return Some(queue_messages::start_message(to, reason));
    }
    match decision.state.scaling.surge {
        Some(surge) if to <= surge.base => Some(
            Message::info(format!(
                "scaled in to {} after {} (peak {}, {} task-minutes above {})",
                reasons::describe_tasks(to),
                format_duration(surge.since, decision.now),
                surge.peak,
                surge.task_minutes(decision.now),
                surge.base
            ))
            .why(format!("{}.", capitalize_first(reason)))
            .next("Nothing to do."),
        ),
        None if to > from => Some(
            Message::info(format!("scaled out {from} → {to} tasks - {reason}"))
                .action("Lamplighter re-evaluates every minute and scales in after 10 minutes of lower load.")
                .why(describe_bounds(decision))
                .next(suggest_rps(decision)),
        ),
        None if from > decision.bounds.max => Some(
            Message::info(format!("scaled in {from} → {to} tasks - {reason}"))
                .why(describe_bounds(decision))
                .next("Nothing to do."),
        ),
        Some(_) | None => None,
    }
}

/// Suggests the capacity of a task, if it was measured and nobody has said it.
fn suggest_rps(decision: &Decision<'_>) -> String {
    let cpu = decision.scale.cpu;
    decision.demand.suggested_rps.map_or_else(
        || "Nothing to do.".to_owned(),
        |rps| {
            format!(
                "Nothing to do. One task served {rps} req/s at {cpu} % CPU: with rps={rps} in the tag {SCALE}, requests start the \
                 scaling as well, a minute or two earlier than CPU."
            )
        },
    )
}

fn describe_bounds(decision: &Decision<'_>) -> String {
    format!(
        "{}/{} tasks were running. The tag {SCALE} sets min={} max={}{}.",
        decision.service.running_count,
        decision.desired_count(),
        decision.scale.min,
        decision.scale.max,
        describe_window(decision)
    )
}

/// Names the bounds of an open window, after those of the tag.
fn describe_window(decision: &Decision<'_>) -> String {
    let bounds = &decision.bounds;
    match bounds.max_window.or(bounds.min_window) {
        Some(window) => format!(
            ", and the schedule {} now min={} max={}",
            window.text, bounds.min, bounds.max
        ),
        None => String::new(),
    }
}

/// Says once that a count is kept that somebody else set, until when, and how to keep it for good.
pub fn count_set_by_others(decision: &Decision<'_>, since: Timestamp) -> Message {
    let count = decision.desired_count();
    let until = (since + SET_BY_OTHERS_FOR).strftime("%H:%M UTC");
    Message::info(format!(
        "{} kept until {until} - set by somebody else (min={})",
        reasons::describe_tasks(count),
        decision.bounds.min
    ))
    .action("Lamplighter adds tasks if the load needs more, and takes none away for an hour after it noticed the count.")
    .why("The load needs fewer. The count is within the bounds, so whoever set it may expect more load.")
    .next(format!(
        "To keep it, set min={count} in the tag {SCALE}. Otherwise nothing to do."
    ))
    .deduplicated_by(format!("set-by-others:{since}"))
}

/// Builds the warning that the load needs more tasks than the tag or Application Auto Scaling
/// allows.
pub fn max_tasks_reached(decision: &Decision<'_>, max: u32, need: &Need) -> Option<Message> {
    let needed = need.required_tasks();
    if needed <= max {
        return None;
    }
    let since = decision
        .state
        .scaling
        .surge
        .map_or(String::new(), |surge| surge.since.to_string());
    let is_external = max < decision.bounds.max;
    let limit = if is_external {
        format!("Auto Scaling's maximum {max}")
    } else {
        reasons::describe_max_tasks(decision)
    };
    let next = if is_external {
        format!(
            "Find the source of the load, or raise the maximum: {} --max-capacity {needed}",
            scalable_target_command(&decision.service.arn)
        )
    } else {
        let tag = match decision.bounds.max_window {
            Some(_) => SCHEDULE,
            None => SCALE,
        };
        format!("Find the source of the load, or raise max= in the tag {tag}.")
    };
    let source = reasons::describe_source(decision, need);
    Some(
        Message::warning(format!(
            "{}/{needed} needed tasks running - {limit} reached",
            decision.running_count()
        ))
        .action("Lamplighter does not scale out further.")
        .why(format!("The load is above the maximum: {source}."))
        .next(next)
        .deduplicated_by(format!("at-max:{since}")),
    )
}

/// The key of the warning that the load is unknown.
pub const LOAD_UNKNOWN: &str = "load-unknown";

/// Builds the message that the load is measured again. It is sent only after the warning that it is unknown.
pub fn load_measured(decision: &Decision<'_>) -> Option<Message> {
    decision.demand.now.as_ref()?;
    if !decision.state.was_notified(LOAD_UNKNOWN) {
        return None;
    }
    let message = Message::info("load measured again")
        .action("Lamplighter scales by it as before.")
        .why("CloudWatch has values of the last minutes.")
        .next("Nothing to do.");
    Some(message.resolves(LOAD_UNKNOWN))
}

/// Builds the message that the load need not be known any more; `None` if nothing was said about it.
pub fn no_longer_scaled(state: &TargetState) -> Option<Message> {
    let message = Message::info("load no longer measured - not scaled now")
        .why("The service has no tag for scaling, or a desired count of 0.")
        .next("Nothing to do.");
    let was_told = state.was_notified(LOAD_UNKNOWN);
    was_told.then(|| message.resolves(LOAD_UNKNOWN))
}

/// Builds the warning that CloudWatch has had no value of any metric for minutes: whatever the load is, nothing follows it.
pub fn load_unknown(decision: &Decision<'_>) -> Option<Message> {
    // Tasks that don't run have no metrics; `heal` reports them.
    let is_running = decision.service.running_count > 0;
    if decision.demand.now.is_some() || !is_running || !is_data_due(decision) {
        return None;
    }
    // Tasks that just started have no metrics yet.
    let newest = decision.demand.newest;
    if newest.is_none() && !decision.state.was_notified(LOAD_UNKNOWN) {
        return None;
    }
    let age = newest.map_or_else(
        || format!("in the last {} min", HISTORY.as_mins()),
        |newest| format!("for {}", format_duration(newest, decision.now)),
    );
    Some(
        Message::warning(format!(
            "{} kept - load unknown, no metric {age}",
            reasons::describe_tasks(decision.desired_count())
        ))
        .action("Lamplighter keeps the number of tasks until CloudWatch has values again.")
        .why("Missing data is not zero load: the metrics may be late, or the tasks may not run.")
        .next(format!(
            "Look at the health of CloudWatch in the region, and at the tasks. If load is waiting, add tasks by hand: {}",
            desired_count_command(&decision.service.arn, decision.bounds.max)
        ))
        .fires_until_resolved(LOAD_UNKNOWN),
    )
}

/// Builds the warning that a metric is missing, or too sparse for scaling in after a surge.
pub fn missing_data(decision: &Decision<'_>) -> Option<Message> {
    let missing = decision.demand.peak.as_ref().err()?;
    // A queue that can't be read is another message, and one call that failed is none.
    let queue = decision.demand.queue.as_ref();
    if queue.is_some_and(|queue| queue.backlog.is_none()) {
        return None;
    }
    // Without any fresh metric, the load is unknown, and that is another message.
    if decision.demand.now.is_none() && decision.demand.newest.is_some() {
        return None;
    }
    if !is_data_due(decision) || (missing.minutes > 0 && !is_surge_stuck(decision)) {
        return None;
    }
    let metric = missing.metric.name();
    let title = format!(
        "not scaled in - {metric} data for {}/{} minutes",
        missing.minutes,
        HISTORY.as_mins()
    );
    Some(
        Message::warning(title)
            .action("Lamplighter still scales out on the metrics that have data.")
            .why(format!(
                "CloudWatch has too little {metric} data of the service. Missing data is not zero load."
            ))
            .next(format!(
                "Check that the service gets traffic and its tasks run, or lower the count: {}",
                desired_count_command(&decision.service.arn, decision.bounds.min)
            ))
            .deduplicated_by(format!("no-data:{metric}")),
    )
}

/// Reports whether the newest deployment is old enough to have metrics.
fn is_data_due(decision: &Decision<'_>) -> bool {
    let created_at = decision
        .service
        .primary_deployment()
        .and_then(|deployment| deployment.created_at);
    created_at.is_none_or(|since| is_grace_period_over(since, decision.now))
}

/// Reports whether a surge has not changed its count for the grace period.
fn is_surge_stuck(decision: &Decision<'_>) -> bool {
    let surge = decision.state.scaling.surge;
    surge.is_some_and(|surge| is_grace_period_over(surge.at, decision.now))
}

fn is_grace_period_over(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= METRICS_GRACE_PERIOD
}

pub fn daemon_service() -> Message {
    Message::warning("not scaled - a DAEMON service has no desired count")
        .action("Lamplighter leaves the service unchanged.")
        .why("ECS runs one task of a DAEMON service on each container instance.")
        .next(format!("Remove the tag {SCALE}."))
        .deduplicated_by("daemon")
}

/// Builds the warning that someone suspended the scaling that the service needs.
pub fn scaling_suspended(
    decision: &Decision<'_>,
    flag: &str,
    needed: u32,
    reason: &str,
) -> Message {
    Message::warning(format!(
        "{}/{needed} needed tasks running - {flag} is set",
        decision.running_count()
    ))
    .action("Lamplighter leaves the minimum capacity unchanged.")
    .why(format!(
        "Scaling is suspended in Application Auto Scaling, but required: {reason}."
    ))
    .next(format!(
        "Resume scaling: {} --suspended-state {flag}=false",
        scalable_target_command(&decision.service.arn)
    ))
    .deduplicated_by(format!("suspended:{flag}"))
}

pub fn min_capacity_unchanged(scalable: &ScalableTarget, to: u32, reason: &str) -> Message {
    Message::info(format!(
        "would raise minimum capacity {} → {to} tasks - {reason}",
        scalable.min
    ))
    .action("Lamplighter leaves the minimum capacity unchanged.")
    .why(format!("The tag {SCALE} has autoscaling=notify."))
    .next(format!(
        "Set autoscaling=raise in the tag, or raise it yourself: {} --min-capacity {to}",
        scalable_target_command(&scalable.service)
    ))
    .deduplicated_by("autoscaling-tell")
}

pub fn min_capacity_raised(scalable: &ScalableTarget, to: u32, reason: &str) -> Message {
    Message::info(format!(
        "raised minimum capacity {} → {to} tasks - {reason}",
        scalable.min
    ))
    .action("Lamplighter lowers the minimum again after 10 minutes of lower load.")
    .why("Application Auto Scaling sets the desired count of the service, so Lamplighter raises only the minimum.")
    .next("Nothing to do.")
}

pub fn min_capacity_restored(scalable: &ScalableTarget, to: u32, reason: &str) -> Message {
    Message::info(format!(
        "restored minimum capacity {} → {}",
        scalable.min,
        reasons::describe_tasks(to)
    ))
    .why(format!("{}.", capitalize_first(reason)))
    .next("Nothing to do.")
}

/// Returns the AWS CLI command that changes the scalable target of a service, without its change.
fn scalable_target_command(service: &Arn) -> String {
    format!(
        "aws application-autoscaling register-scalable-target --service-namespace ecs \
         --scalable-dimension ecs:service:DesiredCount --resource-id {}",
        service.resource()
    )
}

fn format_duration(since: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(since).as_mins();
    if minutes < 120 {
        format!("{minutes} min")
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}
