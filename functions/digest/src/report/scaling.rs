//! The changes of task counts in the period.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::plan::{Action, ScalingAction};
use lamplighter::policy::{self, ScalePolicy, StackDefaults};

use crate::inputs::ReportInputs;
use crate::report::actions::list_completed_actions;
use crate::window::Window;

/// The changes of a service's task count.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingSummary {
    pub name: String,
    pub least: u32,
    pub most: u32,
    pub changes: usize,
    pub at_maximum: Option<TimeAtMaximum>,
    pub task_hours: f64,
}

/// The maximum from the service's tag, and how long the service was at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeAtMaximum {
    pub max: u32,
    pub duration: SignedDuration,
}

/// A change of a task count.
struct CountChange {
    at: Timestamp,
    from: u32,
    to: u32,
}

/// A time without a change.
struct CountSpan {
    count: u32,
    duration: SignedDuration,
}

pub fn summarize_scaling(
    inputs: &ReportInputs,
    window: &Window,
    now: Timestamp,
    defaults: &StackDefaults,
) -> Vec<ScalingSummary> {
    let end = window.to.min(now);
    let summaries = list_changes(inputs).into_iter().map(|(service, changes)| {
        let max = max_of_tag(inputs, service, defaults);
        summarize_service(service, &changes, max, window.from, end)
    });
    summaries.collect()
}

fn list_changes(inputs: &ReportInputs) -> BTreeMap<&Arn, Vec<CountChange>> {
    let mut changes: BTreeMap<&Arn, Vec<CountChange>> = BTreeMap::new();
    for (at, action) in list_completed_actions(&inputs.records) {
        if let Action::Scaling(ScalingAction::SetDesiredCount(scale)) = action {
            changes
                .entry(&scale.service)
                .or_default()
                .push(CountChange {
                    at,
                    from: scale.from,
                    to: scale.to,
                });
        }
    }
    changes
}

/// Returns the maximum from the scale tag of a service.
fn max_of_tag(inputs: &ReportInputs, service: &Arn, defaults: &StackDefaults) -> Option<u32> {
    let (tagged, _) = inputs
        .services
        .iter()
        .find(|(tagged, _)| tagged.arn == *service)?;
    let tag = tagged.tags.get(policy::SCALE)?;
    ScalePolicy::parse(tag, defaults)
        .ok()
        .map(|policy| policy.max)
}

fn summarize_service(
    service: &Arn,
    changes: &[CountChange],
    max: Option<u32>,
    from: Timestamp,
    to: Timestamp,
) -> ScalingSummary {
    let spans = split_into_spans(changes, from, to);
    ScalingSummary {
        name: service.display_name(),
        least: spans
            .iter()
            .map(|span| span.count)
            .min()
            .unwrap_or_default(),
        most: spans
            .iter()
            .map(|span| span.count)
            .max()
            .unwrap_or_default(),
        changes: changes.len(),
        at_maximum: max
            .map(|max| time_at_maximum(&spans, max))
            .filter(|time| time.duration.is_positive()),
        task_hours: spans
            .iter()
            .map(|span| f64::from(span.count) * span.duration.as_secs_f64() / 3_600.0)
            .sum(),
    }
}

/// Splits the period at its changes. Before the first change, its old count ran.
fn split_into_spans(changes: &[CountChange], from: Timestamp, to: Timestamp) -> Vec<CountSpan> {
    let first = changes.first().map_or(0, |change| change.from);
    let starts: Vec<(Timestamp, u32)> = std::iter::once((from, first))
        .chain(changes.iter().map(|change| (change.at, change.to)))
        .collect();
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([to]);
    let spans = starts
        .iter()
        .zip(ends)
        .map(|((start, count), end)| CountSpan {
            count: *count,
            duration: end.duration_since(*start),
        });
    spans.collect()
}

fn time_at_maximum(spans: &[CountSpan], max: u32) -> TimeAtMaximum {
    let durations = spans
        .iter()
        .filter(|span| span.count >= max)
        .map(|span| span.duration);
    TimeAtMaximum {
        max,
        duration: durations.fold(SignedDuration::ZERO, SignedDuration::saturating_add),
    }
}
