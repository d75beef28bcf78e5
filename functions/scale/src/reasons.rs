//! Reasons of a plan, as text for the journal and the messages. Nothing is decided by them.

use lamplighter::model::pluralize;

use crate::decision::{Decision, KeepReason};
use crate::demand::{MissingData, Need, NeedSource};
use crate::history::round_up_tasks;
use crate::observed::{HISTORY, SCALE_IN_WINDOW};

/// Describes the need behind a count: `37.2 req/s at 10 per task (max 8)`. States how many tasks
/// are needed if the count is another one.
pub fn describe_need(decision: &Decision<'_>, need: &Need, count: u32, max: u32) -> String {
    let needed = need.required_tasks();
    let needed = if needed == count {
        String::new()
    } else {
        format!(", {needed} needed")
    };
    let headroom = match (decision.scale.headroom, &need.source) {
        (0, _) | (_, NeedSource::Queue { .. }) => String::new(),
        (percent, _) => format!(" with headroom={percent}"),
    };
    format!(
        "{}{headroom}{needed} (max {max})",
        describe_source(decision, need)
    )
}

/// Describes the measurement behind a need: `37.2 req/s at 10 per task`, `CPU 92 % at target 80 %`.
///
/// States how many tasks shared a utilization if the desired count is another one, as just after
/// scaling out.
pub fn describe_source(decision: &Decision<'_>, need: &Need) -> String {
    match &need.source {
        NeedSource::Requests {
            per_second,
            rising_to: None,
            per_task,
        } => format!("{per_second:.1} req/s at {per_task} per task"),
        NeedSource::Requests {
            per_second,
            rising_to: Some(expected),
            per_task,
        } => format!("{per_second:.1} req/s, rising to {expected:.1}, at {per_task} per task"),
        NeedSource::Queue { waiting, latency } => {
            let queue = decision.demand.queue.as_ref();
            let rate = queue.and_then(|queue| queue.performance.rate);
            let rate = rate.map_or(String::new(), |rate| {
                format!(", {rate:.1} a minute per task")
            });
            format!("{waiting:.0} messages wait{rate}, latency={latency}s")
        }
        NeedSource::Utilization {
            metric,
            percent,
            tasks,
            target,
        } => {
            let count = f64::from(decision.desired_count());
            let shared = if (tasks - count).abs() < 0.5 {
                String::new()
            } else {
                format!(" across {tasks:.0}")
            };
            format!(
                "{} {percent:.0} %{shared} at target {target} %",
                metric.name()
            )
        }
    }
}

/// Describes the minimum number of tasks, and where it comes from.
pub fn describe_min_tasks(decision: &Decision<'_>) -> String {
    let min = decision.bounds.min;
    let window = decision.bounds.min_window;
    match window.and_then(|window| Some((&window.text, window.min?))) {
        Some((text, asked)) if asked > min => {
            format!("schedule {text} min={asked}, limited to max={min}")
        }
        Some((text, asked)) => format!("schedule {text} min={asked}"),
        None => format!("min={min}"),
    }
}

/// Describes the maximum number of tasks, and where it comes from.
pub fn describe_max_tasks(decision: &Decision<'_>) -> String {
    let max = decision.bounds.max;
    match decision.bounds.max_window {
        Some(window) => format!("schedule {} max={max}", window.text),
        None => format!("max={max}"),
    }
}

/// Describes why a count stays although the load needs more.
pub fn describe_unchanged(decision: &Decision<'_>, need: &Need) -> String {
    let count = decision.desired_count();
    format!(
        "stays at {}: {}",
        describe_tasks(count),
        describe_need(decision, need, count, decision.bounds.max)
    )
}

/// Describes why a count is not lowered.
pub fn describe_kept(reason: &KeepReason, count: u32, min: u32) -> String {
    let why = match reason {
        KeepReason::RecentDeployment => {
            format!(
                "a deployment started less than {} min ago",
                HISTORY.as_mins()
            )
        }
        KeepReason::MissingData(MissingData { metric, minutes }) => format!(
            "{} data for only {minutes} of the last {} minutes",
            metric.name(),
            HISTORY.as_mins()
        ),
        KeepReason::SetByOthers { since } => {
            format!("somebody else set it, noticed at {since}")
        }
        KeepReason::MissingTasks { running, percent } => {
            format!("only {running} of them run, and are used to {percent:.0} %")
        }
        KeepReason::Peak(peak) => format!(
            "the last {} minutes needed up to {}, the minimum is {min}",
            SCALE_IN_WINDOW.as_mins(),
            round_up_tasks(*peak)
        ),
    };
    format!("stays at {}: {why}", describe_tasks(count))
}

/// Describes why a service is stopped in a window.
pub fn describe_stop(decision: &Decision<'_>) -> String {
    let window = decision.bounds.stop_window.map_or(String::new(), |window| {
        format!("schedule {} min=0, ", window.text)
    });
    format!(
        "{window}no request in the last {} minutes",
        HISTORY.as_mins()
    )
}

/// Describes why a count is lowered.
pub fn describe_scale_in(decision: &Decision<'_>, wanted: u32) -> String {
    let peak = decision
        .demand
        .peak
        .as_ref()
        .map_or(wanted, |peak| round_up_tasks(*peak));
    format!(
        "the last {} minutes needed at most {}, the minimum is {}",
        SCALE_IN_WINDOW.as_mins(),
        describe_tasks(peak),
        decision.bounds.min
    )
}

/// Formats a number of tasks: `1 task`, `2 tasks`.
pub fn describe_tasks(count: u32) -> String {
    pluralize(count as usize, "task")
}
