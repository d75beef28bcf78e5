//! Messages about measures that don't tell how many tasks are needed.

use lamplighter::model::pluralize;
use lamplighter::notify::Message;
use lamplighter::policy::SCALE;
use lamplighter::state::{LoadLevel, TargetState, Utilization};

use crate::decision::Decision;
use crate::demand::Excess;
use crate::metric::Metric;
use crate::texts::desired_count_command;

/// Reports the utilizations that added tasks did not lower, and the ends of these.
pub fn report_unresponsive(decision: &Decision<'_>) -> Vec<Message> {
    let of = |metric| {
        let mut found = decision.demand.unresponsive.iter();
        let excess = found.find(|excess| excess.known.metric == metric);
        let was_told = decision.state.was_notified(key(metric));
        match excess {
            Some(excess) if was_told || excess.percent > f64::from(excess.target) => {
                Some(unresponsive_message(decision, excess).fires_until_resolved(key(metric)))
            }
            None if was_told => Some(end_message(metric)),
            Some(_) | None => None,
        }
    };
    let metrics = [Utilization::Cpu, Utilization::Memory];
    metrics.into_iter().filter_map(of).collect()
}

/// Returns the ends of all such incidents, for a service that is no longer scaled.
pub fn end_all(state: &TargetState) -> Vec<Message> {
    let metrics = [Utilization::Cpu, Utilization::Memory].into_iter();
    let told = metrics.filter(|metric| state.was_notified(key(*metric)));
    told.map(end_message).collect()
}

/// Says once that other targets share the requests of the target group.
pub fn report_share(decision: &Decision<'_>) -> Option<Message> {
    let share = decision.demand.share;
    (share < 1.0 && decision.scale.rps.is_some()).then(|| {
        Message::info(format!(
            "{:.0} % of the requests counted - target group shared",
            share * 100.0
        ))
        .action("Lamplighter counts the share of the requests that the tasks of the service get.")
        .why("More targets are registered in the target group than the service has tasks, as of a second service.")
        .next("If that is not wanted, give each service a target group of its own, and remove targets that no service owns.")
        .deduplicated_by("shared-target-group")
    })
}

const fn key(metric: Utilization) -> &'static str {
    match metric {
        Utilization::Cpu => "cpu-unresponsive",
        Utilization::Memory => "memory-unresponsive",
    }
}

const fn find_name(metric: Utilization) -> &'static str {
    match metric {
        Utilization::Cpu => Metric::Cpu.name(),
        Utilization::Memory => Metric::Memory.name(),
    }
}

fn unresponsive_message(decision: &Decision<'_>, excess: &Excess) -> Message {
    let known = &excess.known;
    let name = find_name(known.metric);
    let percent = |level: &LoadLevel| level.utilization(known.metric).unwrap_or_default();
    let load = match (known.before.requests, known.after.requests) {
        (Some(before), Some(after)) => {
            format!("{:.1} and {:.1} req/s", before / 60.0, after / 60.0)
        }
        _ => format!(
            "{:.0} % and {:.0} % CPU",
            known.before.cpu.unwrap_or_default(),
            known.after.cpu.unwrap_or_default()
        ),
    };
    let why = format!(
        "{} had {:.0} % {name}, {} had {:.0} %, with {load}.",
        pluralize(known.before.tasks as usize, "task"),
        percent(&known.before),
        known.after.tasks,
        percent(&known.after)
    );
    let title = format!(
        "{name} {:.0} % at target {} % - more tasks don't lower it",
        excess.percent, excess.target
    );
    Message::warning(title)
        .action(format!(
            "Lamplighter adds no tasks because of {name}. Other measures count as before."
        ))
        .why(match excess.rise {
            Some(rise) if known.metric == Utilization::Memory => {
                format!("{why} {}", describe_leak(rise, excess.percent))
            }
            Some(_) | None => why,
        })
        .next(advise(decision, known.metric))
}

/// Says that memory rises although the load doesn't, and when it ends.
fn describe_leak(rise: f64, percent: f64) -> String {
    format!(
        "It looks like a leak: memory rises by {rise:.1} % a minute, and is used up in {:.0} min.",
        ((100.0 - percent) / rise).max(0.0)
    )
}

fn advise(decision: &Decision<'_>, metric: Utilization) -> String {
    match metric {
        Utilization::Memory => format!(
            "Give each task more memory in its task definition, find what keeps it, or remove memory= from the tag {SCALE}."
        ),
        Utilization::Cpu => format!(
            "Find what keeps the tasks busy, or what made requests more expensive. If load is waiting, add tasks by hand: {}",
            desired_count_command(&decision.service.arn, decision.bounds.max)
        ),
    }
}

fn end_message(metric: Utilization) -> Message {
    let name = find_name(metric);
    Message::info(format!("{name} counts for scaling again"))
        .why(format!(
            "The {name} fell, CPU rose, the load grew, another revision runs, or the tag {SCALE} no longer follows it."
        ))
        .next("Nothing to do.")
        .resolves(key(metric))
}
