//! What `scale` tells people.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::detail::Detail;
use lamplighter::model::{Load, ScalableTarget, Series, Service};
use lamplighter::notice::Message;
use lamplighter::operation::Seen;
use lamplighter::policy::SCALE;

use crate::Policy;
use crate::decide::Case;
use crate::demand::{Missing, Need, whole};

/// A service younger than this need not have been measured.
const YOUNG: SignedDuration = SignedDuration::from_mins(20);
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `37.2 req/s ÷ 10 per task = 4 (max 8)`, and what of it comes at first.
pub fn growth(case: &Case<'_>, to: u32, need: &Need) -> String {
    let whole = need.whole();
    let first = if to < whole && to < case.scale.max { format!(", {to} at first") } else { String::new() };
    format!("{} = {whole}{first} (max {})", need.from, case.scale.max)
}

pub fn floor_reason(case: &Case<'_>) -> String {
    match case.floor.window {
        Some(window) if window.min > case.scale.max => {
            format!("{} needs {}, and max is {}", window.text, window.min, case.scale.max)
        }
        Some(window) => format!("{} needs at least {}", window.text, window.min),
        None => format!("min {}", case.scale.min),
    }
}

pub fn stays(case: &Case<'_>, need: &Need) -> String {
    format!("stays at {}: {}", case.desired(), growth(case, case.desired(), need))
}

pub fn keeps(count: u32, missing: &Missing) -> String {
    format!("keeps {count} tasks: {} data of {} of the last 15 minutes is not enough", missing.what, missing.minutes)
}

pub fn needed(count: u32, peak: f64, floor: u32) -> String {
    format!("{count} tasks: the last 15 minutes needed up to {}, the floor is {floor}", whole(peak))
}

pub fn decline(case: &Case<'_>, wanted: u32) -> String {
    let peak = case.demand.peak.as_ref().map_or(wanted, |peak| whole(*peak));
    format!("the last 15 minutes needed at most {peak}, the floor is {}", case.floor.tasks)
}

/// Told at the first step of a surge, when it is over, and when bounds moved the count. What lies between is in
/// the journal.
pub fn scaled(case: &Case<'_>, to: u32, reason: &str) -> Option<Message> {
    let from = case.desired();
    let title = format!("{from} → {to} tasks — {reason}");
    match case.surge {
        Some(surge) if to <= surge.base => Some(
            Message::info(format!(
                "back to {to} tasks after {} — up to {}, {} task-minutes above {}",
                minutes(surge.since, case.now),
                surge.peak,
                surge.task_minutes(case.now),
                surge.base
            ))
            .why(capitalised(reason))
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

/// The load needs more than the tag allows.
pub fn at_maximum(case: &Case<'_>, need: &Need) -> Option<Message> {
    let max = case.scale.max;
    let since = case.surge.map_or(case.now, |surge| surge.since);
    (need.whole() > max).then(|| {
        Message::warning(format!("needs {} tasks and may have {max}", need.whole()))
            .why(format!("{} = {}; the tag {SCALE} says max={max}.", need.from, need.whole()))
            .next("Raise max= in the tag, or find out where the load comes from.")
            .once(format!("at-max:{since}"))
    })
}

/// A signal that should be there is not there at all.
pub fn no_data(case: &Case<'_>) -> Option<Message> {
    let missing = case.demand.peak.as_ref().err().filter(|missing| missing.minutes == 0)?;
    let since = case.service.primary().and_then(|deployment| deployment.created_at);
    if since.is_some_and(|since| case.now.duration_since(since) < YOUNG) {
        return None;
    }
    let what = missing.what;
    Some(
        Message::warning(format!("no {what} data for 15 minutes; not made smaller"))
            .why(format!("CloudWatch has no {what} values of the service. Missing data is not zero load."))
            .next("Look whether the service gets traffic and its tasks run; scaling out goes on with what is measured.")
            .once(format!("no-data:{what}")),
    )
}

pub fn daemon() -> Message {
    Message::warning("can't be scaled: it is a DAEMON service")
        .why("A DAEMON service runs one task on each instance and has no desired count.")
        .next(format!("Remove the tag {SCALE}."))
        .once("daemon")
}

pub fn stopped() -> Message {
    Message::info("has a desired count of 0; it is left alone")
        .why("Nobody but a person sets that, so it is not scaled until the count is at least 1.")
        .next("Set the desired count to 1 or more to have it scaled again.")
        .once("stopped")
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
    Message::info(format!("would set Auto Scaling's minimum from {} to {to}", scalable.min))
        .why(format!("{}. The tag {SCALE} says autoscaling=tell.", capitalised(why)))
        .next("Nothing was changed.")
        .once("autoscaling-tell")
}

pub fn raised(scalable: &ScalableTarget, to: u32, why: &str) -> Message {
    Message::info(format!("Auto Scaling's minimum {} → {to} tasks — {why}", scalable.min))
        .why("Application Auto Scaling scales the service; its minimum is raised, and its desired count left to it.")
        .next("The minimum is put back once 15 minutes needed less.")
        .once("autoscaling-raised")
}

pub fn restored(scalable: &ScalableTarget, to: u32) -> Message {
    Message::info(format!("Auto Scaling's minimum is {to} again (was {})", scalable.min))
        .why("The last 15 minutes needed no more.")
        .next("Nothing to do.")
        .once("autoscaling-restored")
}

/// A peak of a service that is not scaled: what was measured, and what would have been done.
pub fn peak(seen: Seen<'_, Policy>, service: &Service, load: &Load) -> Plan {
    let Detail::AlarmChange(change) = &seen.event.detail else {
        return Plan::nothing(format!("it has no {SCALE}"));
    };
    let (what, series) = if change.metrics.iter().any(|metric| metric.name == "MemoryUtilization") {
        ("memory", &load.memory)
    } else {
        ("CPU", &load.cpu)
    };
    let Some(newest) = series.values().next_back() else {
        return Plan::nothing(format!("{} is in ALARM, and there is no {what} data", change.name));
    };
    if change.muted {
        return Plan::nothing(format!("{} is muted", change.name));
    }
    let bound = seen.policy.cpu_peak;
    let running = service.running_count;
    let would = whole(f64::from(running) * newest / f64::from(bound)).max(service.running_count.unsigned_abs() + 1);
    Plan::tell(
        Message::warning(format!("{what} peak: {newest:.0} % on {running} tasks"))
            .why(format!("{what} of the last 15 minutes, in %: {}. {}", sparkline(series), change.reason))
            .next(format!(
                "Nothing is changed without {SCALE}. With {SCALE} = min={running} max={} it would have gone to {would} tasks.",
                would.saturating_mul(2)
            ))
            .once(format!("peak:{}", change.at)),
    )
}

/// The last 15 values as bars between the lowest and the highest: `41 ▁▂▇█ 93`.
fn sparkline(series: &Series) -> String {
    let values: Vec<f64> = series.values().rev().take(15).rev().copied().collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: &f64| {
        let height = if high > low { (value - low) / (high - low) * 7.0 } else { 0.0 };
        // Rounded to a place of the eight.
        BARS.iter().zip(0_u32..).find(|(_, n)| f64::from(*n) + 0.5 > height).map_or('█', |(bar, _)| *bar)
    };
    format!("{low:.0} {} {high:.0}", values.iter().map(bar).collect::<String>())
}

fn minutes(since: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(since).as_mins();
    if minutes < 120 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_between_the_lowest_and_the_highest() {
        let values = [40.0, 41.0, 66.0, 93.0];
        let series = (0..).zip(values).map(|(n, v)| (Timestamp::constant(n * 60, 0), v)).collect();
        assert_eq!(sparkline(&series), "40 ▁▁▄█ 93");
    }
}
