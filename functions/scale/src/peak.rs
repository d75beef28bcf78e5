//! Report of a load peak on a service that is not scaled: the measurements, and the count that
//! `scale` would have set.

use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::{Load, Series, Service, pluralize};
use lamplighter::notify::Message;
use lamplighter::policy::SCALE;

use crate::Policy;
use crate::demand::round_up_tasks;

/// Newest minutes whose highest value is reported, because an event may arrive late.
const RECENT: usize = 5;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Reports a peak of CPU or memory. Ignores other alarms, and alarms that fire on low utilisation.
pub fn report_peak(context: TargetContext<'_, Policy>, service: &Service, load: &Load) -> Plan {
    let Detail::AlarmChange(change) = &context.event.detail else {
        return Plan::nothing(format!("it has no {SCALE}"));
    };
    let Some(what) = alarm_subject(change) else {
        return Plan::nothing(format!(
            "{} says nothing about CPU or memory, and it has no {SCALE}",
            change.name
        ));
    };
    let (series, busiest) = if what == "CPU" {
        (&load.cpu, &load.busiest_cpu)
    } else {
        (&load.memory, &load.busiest_memory)
    };
    let recent = series.iter().rev().take(RECENT);
    let Some((minute, highest)) = recent.max_by(|a, b| a.1.total_cmp(b.1)) else {
        return Plan::nothing(format!(
            "{} is in ALARM, and there is no {what} data",
            change.name
        ));
    };
    let bound = change
        .threshold
        .unwrap_or_else(|| f64::from(context.policy.cpu_peak));
    // The event has no comparison operator, but its reason names the comparison: `… were less than
    // the threshold (63.0)`.
    let says = |words: &str| change.reason.to_lowercase().contains(words);
    if says("less than the threshold") || (*highest < bound && !says("greater than")) {
        return Plan::nothing(format!(
            "{} is in ALARM, and {what} is at {highest:.0} %: no peak",
            change.name
        ));
    }
    if change.muted {
        return Plan::nothing(format!("{} is muted", change.name));
    }
    let running = service.running_count.unsigned_abs().max(1);
    let would = round_up_tasks(f64::from(running) * highest / bound).max(running + 1);
    // Only Container Insights has metrics of single tasks.
    let top = busiest.get(minute).map_or(String::new(), |top| {
        format!("; the busiest task is at {top:.0} %")
    });
    Plan::notify(
        Message::warning(format!("{what} peak: {highest:.0} % on {}", pluralize(service.running_count.unsigned_abs() as usize, "task")))
            .why(format!("{what} of the last 15 minutes, in %: {}{top}. {}", draw_sparkline(series), change.reason))
            .next(format!(
                "Nothing is changed without {SCALE}. With {SCALE} = min={running} max={} it would have gone to {would} tasks.",
                would.saturating_mul(2)
            ))
            // Repeated peaks within an hour share one key, so an oscillating load is one
            // notification.
            .deduplicated_by(format!("peak:{what}:{}", minute.strftime("%F %H"))),
    )
}

/// Returns the metric that an alarm watches: `CPU` or `memory` of a service.
fn alarm_subject(change: &AlarmChange) -> Option<&'static str> {
    let measures = |name: &str| {
        change
            .metrics
            .iter()
            .any(|m| m.namespace == "AWS/ECS" && m.name == name)
    };
    let is_named = |kind: &str| {
        std::iter::once(&change.name)
            .chain(&change.because_of)
            .any(|name| name.ends_with(kind))
    };
    if measures("CPUUtilization") || is_named("/cpu-peak") {
        return Some("CPU");
    }
    (measures("MemoryUtilization") || is_named("/memory-peak")).then_some("memory")
}

/// Draws the last 15 values as bars between the lowest and the highest: `41 ▁▂▇█ 93`.
fn draw_sparkline(series: &Series) -> String {
    let values: Vec<f64> = series.values().rev().take(15).rev().copied().collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: &f64| {
        let height = if high > low {
            (value - low) / (high - low) * 7.0
        } else {
            0.0
        };
        // Rounds the height to one of the eight bars.
        BARS.iter()
            .zip(0_u32..)
            .find(|(_, n)| f64::from(*n) + 0.5 > height)
            .map_or('█', |(bar, _)| *bar)
    };
    format!(
        "{low:.0} {} {high:.0}",
        values.iter().map(bar).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn bars_stand_between_the_lowest_and_the_highest() {
        let values = [40.0, 41.0, 66.0, 93.0];
        let series = (0..)
            .zip(values)
            .map(|(n, v)| (Timestamp::constant(n * 60, 0), v))
            .collect();
        assert_eq!(draw_sparkline(&series), "40 ▁▁▄█ 93");
    }
}
