//! What `scale` tells people.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::ScalableTarget;
use lamplighter::notify::Message;
use lamplighter::policy::SCALE;

use crate::decide::Case;
use crate::demand::{Missing, Need, whole};

/// A service younger than this need not have been measured.
const YOUNG: SignedDuration = SignedDuration::from_mins(20);

/// `37.2 req/s ÷ 10 per task = 4 (max 8)`, and what of it comes at first.
pub fn growth(to: u32, max: u32, need: &Need) -> String {
    let whole = need.whole();
    let first = if to < whole && to < max {
        format!(", {to} at first")
    } else {
        String::new()
    };
    format!("{} = {whole}{first} (max {max})", need.from)
}

pub fn floor_reason(case: &Case<'_>) -> String {
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

pub fn stays(case: &Case<'_>, need: &Need) -> String {
    format!(
        "stays at {}: {}",
        case.desired(),
        growth(case.desired(), case.scale.max, need)
    )
}

pub fn keeps(count: u32, missing: &Missing) -> String {
    format!(
        "keeps {count} tasks: {} data of {} of the last 15 minutes is not enough",
        missing.what, missing.minutes
    )
}

pub fn needed(count: u32, peak: f64, floor: u32) -> String {
    format!(
        "{count} tasks: the last 15 minutes needed up to {}, the floor is {floor}",
        whole(peak)
    )
}

pub fn decline(case: &Case<'_>, wanted: u32) -> String {
    let peak = case
        .demand
        .peak
        .as_ref()
        .map_or(wanted, |peak| whole(*peak));
    format!(
        "the last 15 minutes needed at most {peak}, the floor is {}",
        case.floor.tasks
    )
}

/// Told at the first step of a surge, when it is over, and when bounds moved the count. What lies between is in
/// the journal.
pub fn scaled(case: &Case<'_>, to: u32, reason: &str) -> Option<Message> {
    let from = case.desired();
    let title = format!("{from} → {to} tasks — {reason}");
    match case.memory.surge {
        Some(surge) if to <= surge.base => Some(
            Message::info(format!(
                "back to {to} tasks after {} — up to {}, {} task-minutes above {}",
                minutes(surge.since, case.now),
                surge.peak,
                surge.task_minutes(case.now),
                surge.base
            ))
            .why(format!("{}.", capitalised(reason)))
            .next("Nothing to do."),
        ),
        None if to > from => Some(
            Message::info(title)
                .why(measured(case))
                .next("The count follows the load every minute, and goes back calmly once 15 minutes needed less."),
        ),
        None if from > case.scale.max => Some(Message::info(title).why(measured(case)).next("Nothing to do.")),
        Some(_) | None => None,
    }
}

fn measured(case: &Case<'_>) -> String {
    format!(
        "{} of {} tasks run. Its bounds are min {} and max {} (tag {SCALE}).",
        case.service.running_count,
        case.desired(),
        case.scale.min,
        case.scale.max
    )
}

/// The load needs more than the tag allows, or than Application Auto Scaling does.
pub fn at_maximum(case: &Case<'_>, max: u32, need: &Need) -> Option<Message> {
    let since = case
        .memory
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
    (need.whole() > max).then(|| {
        Message::warning(format!("needs {} tasks and may have {max}", need.whole()))
            .why(format!("{} = {}; {says}.", need.from, need.whole()))
            .next(format!(
                "Raise the maximum {where_to}, or find out where the load comes from."
            ))
            .once(format!("at-max:{since}"))
    })
}

/// A signal that should be there is not, or not often enough for a service that has grown to shrink again.
pub fn no_data(case: &Case<'_>) -> Option<Message> {
    let missing = case.demand.peak.as_ref().err()?;
    let old = |since: Timestamp| case.now.duration_since(since) >= YOUNG;
    let settled = case
        .service
        .primary()
        .and_then(|deployment| deployment.created_at)
        .is_none_or(old);
    let stuck = case.memory.surge.is_some_and(|surge| old(surge.at));
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
            .once(format!("no-data:{what}")),
    )
}

pub fn daemon() -> Message {
    Message::warning("can't be scaled: it is a DAEMON service")
        .why("A DAEMON service runs one task on each instance and has no desired count.")
        .next(format!("Remove the tag {SCALE}."))
        .once("daemon")
}

pub fn suspended(flag: &str, why: &str) -> Message {
    Message::warning(format!("needs more tasks, and {flag} is set"))
        .why(format!(
            "{}. Application Auto Scaling scales the service, and somebody has suspended it.",
            capitalised(why)
        ))
        .next("Resume it there; nothing was changed.")
        .once(format!("suspended:{flag}"))
}

pub fn would_raise(scalable: &ScalableTarget, to: u32, why: &str) -> Message {
    Message::info(format!(
        "would set Auto Scaling's minimum from {} to {to}",
        scalable.min
    ))
    .why(format!(
        "{}. The tag {SCALE} says autoscaling=tell.",
        capitalised(why)
    ))
    .next("Nothing was changed.")
    .once("autoscaling-tell")
}

pub fn raised(scalable: &ScalableTarget, to: u32, why: &str) -> Message {
    Message::info(format!("Auto Scaling's minimum {} → {to} tasks — {why}", scalable.min))
        .why("Application Auto Scaling scales the service; its minimum is raised, and its desired count left to it.")
        .next("The minimum is put back once 15 minutes needed less.")
}

pub fn restored(scalable: &ScalableTarget, to: u32, reason: &str) -> Message {
    Message::info(format!(
        "Auto Scaling's minimum is {to} again (was {})",
        scalable.min
    ))
    .why(format!("{}.", capitalised(reason)))
    .next("Nothing to do.")
}

fn minutes(since: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(since).as_mins();
    if minutes < 120 {
        format!("{minutes} min")
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}
