//! Messages and reasons of `scale`.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::ScalableTarget;
use lamplighter::notify::Message;
use lamplighter::policy::SCALE;

use crate::decide::Decision;
use crate::demand::{MissingData, Need, round_up_tasks};

/// Age below which a service may lack metrics.
const METRICS_GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(20);

/// Describes the required count, such as `37.2 req/s ÷ 10 per task = 4 (max 8)`, and the first step
/// if it is smaller.
pub fn describe_scale_out(to: u32, max: u32, need: &Need) -> String {
    let whole = need.required_tasks();
    let first = if to < whole && to < max {
        format!(", {to} at first")
    } else {
        String::new()
    };
    format!("{} = {whole}{first} (max {max})", need.from)
}

pub fn describe_min_tasks(case: &Decision<'_>) -> String {
    match case.floor.window {
        Some(window) if window.min > case.scale.max => {
            format!(
                "{} needs {}, and max is {}",
                window.text, window.min, case.scale.max
            )
        }
        Some(window) => format!("{} needs at least {}", window.text, window.min),
        None => format!("min {}", case.scale.min),
    }
}

pub fn describe_unchanged(case: &Decision<'_>, need: &Need) -> String {
    format!(
        "stays at {}: {}",
        case.desired_count(),
        describe_scale_out(case.desired_count(), case.scale.max, need)
    )
}

pub fn describe_missing_data(count: u32, missing: &MissingData) -> String {
    format!(
        "keeps {count} tasks: {} data of {} of the last 15 minutes is not enough",
        missing.what, missing.minutes
    )
}

pub fn describe_peak(count: u32, peak: f64, floor: u32) -> String {
    format!(
        "{count} tasks: the last 15 minutes needed up to {}, the floor is {floor}",
        round_up_tasks(peak)
    )
}

pub fn describe_scale_in(case: &Decision<'_>, wanted: u32) -> String {
    let peak = case
        .demand
        .peak
        .as_ref()
        .map_or(wanted, |peak| round_up_tasks(*peak));
    format!(
        "the last 15 minutes needed at most {peak}, the floor is {}",
        case.floor.tasks
    )
}

/// Builds the message about a changed count: for the first step of a surge, for its end, and for a
/// count above the maximum. The journal records all other steps.
pub fn count_changed(case: &Decision<'_>, to: u32, reason: &str) -> Option<Message> {
    let from = case.desired_count();
    let title = format!("{from} → {to} tasks — {reason}");
    match case.memory.scaling.surge {
        Some(surge) if to <= surge.base => Some(
            Message::info(format!(
                "back to {to} tasks after {} — up to {}, {} task-minutes above {}",
                format_duration(surge.since, case.now),
                surge.peak,
                surge.task_minutes(case.now),
                surge.base
            ))
            .why(format!("{}.", capitalize_first(reason)))
            .next("Nothing to do."),
        ),
        None if to > from => Some(
            Message::info(title)
                .why(describe_bounds(case))
                .next("The count follows the load every minute, and goes back calmly once 15 minutes needed less."),
        ),
        None if from > case.scale.max => Some(Message::info(title).why(describe_bounds(case)).next("Nothing to do.")),
        Some(_) | None => None,
    }
}

fn describe_bounds(case: &Decision<'_>) -> String {
    format!(
        "{} of {} tasks run. Its bounds are min {} and max {} (tag {SCALE}).",
        case.service.running_count,
        case.desired_count(),
        case.scale.min,
        case.scale.max
    )
}

/// Builds the warning that the load needs more tasks than the tag or Application Auto Scaling
/// allows.
pub fn max_tasks_reached(case: &Decision<'_>, max: u32, need: &Need) -> Option<Message> {
    let since = case
        .memory
        .scaling
        .surge
        .map_or(String::new(), |surge| surge.since.to_string());
    let (who, where_to) = if max < case.scale.max {
        ("Application Auto Scaling's maximum is".to_owned(), "there")
    } else {
        (format!("the tag {SCALE} says max="), "in the tag")
    };
    let says = if max < case.scale.max {
        format!("{who} {max}")
    } else {
        format!("{who}{max}")
    };
    (need.required_tasks() > max).then(|| {
        Message::warning(format!(
            "needs {} tasks and may have {max}",
            need.required_tasks()
        ))
        .why(format!(
            "{} = {}; {says}.",
            need.from,
            need.required_tasks()
        ))
        .next(format!(
            "Raise the maximum {where_to}, or find out where the load comes from."
        ))
        .deduplicated_by(format!("at-max:{since}"))
    })
}

/// Builds the warning that a metric is missing, or too sparse for scaling in after a surge.
pub fn no_data(case: &Decision<'_>) -> Option<Message> {
    let missing = case.demand.peak.as_ref().err()?;
    let old = |since: Timestamp| case.now.duration_since(since) >= METRICS_GRACE_PERIOD;
    let settled = case
        .service
        .primary_deployment()
        .and_then(|deployment| deployment.created_at)
        .is_none_or(old);
    let stuck = case.memory.scaling.surge.is_some_and(|surge| old(surge.at));
    if !settled || (missing.minutes > 0 && !stuck) {
        return None;
    }
    let what = missing.what;
    let has = if missing.minutes == 0 {
        "no".to_owned()
    } else {
        format!("only {} min of", missing.minutes)
    };
    Some(
        Message::warning(format!("{has} {what} data in 15 minutes; not made smaller"))
            .why(format!("CloudWatch has {has} {what} data of the service. Missing data is not zero load."))
            .next("Look whether it gets traffic and its tasks run, or lower its count by hand. It still grows by what is measured.")
            .deduplicated_by(format!("no-data:{what}")),
    )
}

pub fn daemon_service() -> Message {
    Message::warning("can't be scaled: it is a DAEMON service")
        .why("A DAEMON service runs one task on each instance and has no desired count.")
        .next(format!("Remove the tag {SCALE}."))
        .deduplicated_by("daemon")
}

pub fn scaling_suspended(flag: &str, why: &str) -> Message {
    Message::warning(format!("needs more tasks, and {flag} is set"))
        .why(format!(
            "{}. Application Auto Scaling scales the service, and somebody has suspended it.",
            capitalize_first(why)
        ))
        .next("Resume it there; nothing was changed.")
        .deduplicated_by(format!("suspended:{flag}"))
}

pub fn min_capacity_unchanged(scalable: &ScalableTarget, to: u32, why: &str) -> Message {
    Message::info(format!(
        "would set Auto Scaling's minimum from {} to {to}",
        scalable.min
    ))
    .why(format!(
        "{}. The tag {SCALE} says autoscaling=tell.",
        capitalize_first(why)
    ))
    .next("Nothing was changed.")
    .deduplicated_by("autoscaling-tell")
}

pub fn min_capacity_raised(scalable: &ScalableTarget, to: u32, why: &str) -> Message {
    Message::info(format!("Auto Scaling's minimum {} → {to} tasks — {why}", scalable.min))
        .why("Application Auto Scaling scales the service; its minimum is raised, and its desired count left to it.")
        .next("The minimum is put back once 15 minutes needed less.")
}

pub fn min_capacity_restored(scalable: &ScalableTarget, to: u32, reason: &str) -> Message {
    Message::info(format!(
        "Auto Scaling's minimum is {to} again (was {})",
        scalable.min
    ))
    .why(format!("{}.", capitalize_first(reason)))
    .next("Nothing to do.")
}

fn format_duration(since: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(since).as_mins();
    if minutes < 120 {
        format!("{minutes} min")
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

fn capitalize_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}
