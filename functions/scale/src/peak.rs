//! What is told of a peak of a service that is not scaled: what was measured, and what would have been done.

use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::{Load, Series, Service, counted};
use lamplighter::notify::Message;
use lamplighter::policy::SCALE;

use crate::Policy;
use crate::demand::whole;

/// Minutes of which the highest is told: an event may come late.
const RECENT: usize = 5;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Tells a peak of CPU or memory. Other alarms, and those that ring when little is used, are none.
pub fn told(seen: Seen<'_, Policy>, service: &Service, load: &Load) -> Plan {
    let Detail::AlarmChange(change) = &seen.event.detail else {
        return Plan::nothing(format!("it has no {SCALE}"));
    };
    let Some(what) = subject(change) else {
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
        .unwrap_or_else(|| f64::from(seen.policy.cpu_peak));
    // The event names no operator, but the reason does: `… were less than the threshold (63.0)`.
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
    let would = whole(f64::from(running) * highest / bound).max(running + 1);
    // Which one it is only Container Insights knows.
    let top = busiest.get(minute).map_or(String::new(), |top| {
        format!("; the busiest task is at {top:.0} %")
    });
    Plan::tell(
        Message::warning(format!("{what} peak: {highest:.0} % on {}", counted(service.running_count.unsigned_abs() as usize, "task")))
            .why(format!("{what} of the last 15 minutes, in %: {}{top}. {}", sparkline(series), change.reason))
            .next(format!(
                "Nothing is changed without {SCALE}. With {SCALE} = min={running} max={} it would have gone to {would} tasks.",
                would.saturating_mul(2)
            ))
            // One that goes up and down is one incident for an hour.
            .once(format!("peak:{what}:{}", minute.strftime("%F %H"))),
    )
}

/// What an alarm is about: `CPU` or `memory` of a service.
fn subject(change: &AlarmChange) -> Option<&'static str> {
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

/// The last 15 values as bars between the lowest and the highest: `41 ▁▂▇█ 93`.
fn sparkline(series: &Series) -> String {
    let values: Vec<f64> = series.values().rev().take(15).rev().copied().collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: &f64| {
        let height = if high > low {
            (value - low) / (high - low) * 7.0
        } else {
            0.0
        };
        // Rounded to a place of the eight.
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
        assert_eq!(sparkline(&series), "40 ▁▁▄█ 93");
    }
}
