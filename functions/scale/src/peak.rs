//! Report of a load peak on a service that is not scaled: the measurements, and the count that
//! `scale` would have set.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::{Load, Series, Service, pluralize};
use lamplighter::notify::{Message, draw_sparkline};
use lamplighter::policy::SCALE;

use crate::history::round_up_tasks;
use crate::metric::Metric;
use crate::policy::Policy;

/// Newest minutes whose highest value is reported, because an event may arrive late.
const RECENT: usize = 5;

/// Reports a peak of CPU or memory. Ignores other alarms, and alarms that fire on low utilization.
pub fn report_peak(context: TargetContext<'_, Policy>, service: &Service, load: &Load) -> Plan {
    let Detail::AlarmChange(change) = &context.event.detail else {
        return Plan::nothing(format!("the service has no tag {SCALE}"));
    };
    let Some(utilization) = Utilization::from_alarm(change, load) else {
        return Plan::nothing(format!(
            "alarm {} does not measure CPU or memory, and the service has no tag {SCALE}",
            change.name
        ));
    };
    let metric = utilization.metric.name();
    let Some((minute, percent)) = utilization.recent_peak() else {
        return Plan::nothing(format!(
            "alarm {} is in ALARM, but there is no {metric} data",
            change.name
        ));
    };
    let threshold = change
        .threshold
        .unwrap_or_else(|| f64::from(context.policy.cpu_peak));
    if is_low_alarm(change, percent, threshold) {
        return Plan::nothing(format!(
            "alarm {} is in ALARM, but {metric} at {percent:.0} % is no peak",
            change.name
        ));
    }
    if change.muted {
        return Plan::nothing(format!("alarm {} is muted", change.name));
    }
    let running = service.running_count.unsigned_abs().max(1);
    let wanted = round_up_tasks(f64::from(running) * percent / threshold).max(running + 1);
    Plan::notify(
        Message::warning(format!(
            "{metric} peak {percent:.0} % on {} - no tag {SCALE}",
            pluralize(service.running_count.unsigned_abs() as usize, "task")
        ))
        .action("Lamplighter leaves the service unchanged.")
        .why(format!(
            "{} {}",
            end_sentence(&change.reason),
            utilization.describe(minute)
        ))
        .next(format!(
            "To have it scaled, add the tag {SCALE} = min={running} max={}. It would now run {wanted} tasks.",
            wanted.saturating_mul(2)
        ))
        // Repeated peaks within an hour share one key, so an oscillating load is one notification.
        .deduplicated_by(format!("peak:{metric}:{}", minute.strftime("%F %H"))),
    )
}

/// The utilization that an alarm is about.
struct Utilization<'a> {
    metric: Metric,
    average: &'a Series,
    /// Utilization of the busiest task; only Container Insights has it.
    busiest: &'a Series,
}

impl<'a> Utilization<'a> {
    /// Returns the utilization that an alarm measures; `None` for an alarm on something else.
    fn from_alarm(change: &AlarmChange, load: &'a Load) -> Option<Self> {
        let cpu = Self {
            metric: Metric::Cpu,
            average: &load.cpu,
            busiest: &load.busiest_cpu,
        };
        let memory = Self {
            metric: Metric::Memory,
            average: &load.memory,
            busiest: &load.busiest_memory,
        };
        if measures(change, "CPUUtilization", Metric::Cpu) {
            return Some(cpu);
        }
        measures(change, "MemoryUtilization", Metric::Memory).then_some(memory)
    }

    /// Returns the highest of the newest values, with its minute.
    fn recent_peak(&self) -> Option<(Timestamp, f64)> {
        let recent = self.average.iter().rev().take(RECENT);
        recent
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(minute, percent)| (*minute, *percent))
    }

    /// Describes the values of the last 15 minutes, and the busiest task at the peak.
    fn describe(&self, peak: Timestamp) -> String {
        let busiest = self.busiest.get(&peak).map_or(String::new(), |percent| {
            format!("; the busiest task is at {percent:.0} %")
        });
        format!(
            "{} of the last 15 minutes, in %: {}{busiest}.",
            self.metric.name(),
            describe_course(self.average)
        )
    }
}

/// Reports whether an alarm, or one that triggered it, measures a utilization of a service: by its
/// metric, or by the name that `enroll` gives its alarms.
fn measures(change: &AlarmChange, aws_name: &str, metric: Metric) -> bool {
    let has_metric = change
        .metrics
        .iter()
        .any(|measured| measured.namespace == "AWS/ECS" && measured.name == aws_name);
    let mut names = std::iter::once(&change.name).chain(&change.because_of);
    has_metric || names.any(|name| Metric::of_alarm(name) == Some(metric))
}

/// Reports whether an alarm fires on low utilization, as those of target tracking that scale in.
///
/// The event has no comparison operator, but CloudWatch's reason names the comparison: `… were less
/// than the threshold (63.0)`. An alarm on the maximum fires although the average is below.
fn is_low_alarm(change: &AlarmChange, percent: f64, threshold: f64) -> bool {
    let reason = change.reason.to_lowercase();
    reason.contains("less than the threshold")
        || (percent < threshold && !reason.contains("greater than"))
}

fn end_sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// Draws the last 15 values between the lowest and the highest: `41 ▁▂▇█ 93`.
fn describe_course(series: &Series) -> String {
    let values: Vec<f64> = series.values().rev().take(15).rev().copied().collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{low:.0} {} {high:.0}", draw_sparkline(&values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_stands_between_the_lowest_and_the_highest() {
        let values = [40.0, 41.0, 66.0, 93.0];
        let series = (0..)
            .zip(values)
            .map(|(n, v)| (Timestamp::constant(n * 60, 0), v))
            .collect();
        assert_eq!(describe_course(&series), "40 ▁▁▄█ 93");
    }
}
