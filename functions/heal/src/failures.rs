//! The task failures that are evidence about the running revision of a service, and whether they
//! form a crash loop.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Service;

use crate::health::Failing;
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

/// Failures within [`CRASH_LOOP_WINDOW`] that make a crash loop, even if tasks run in between: ECS
/// throttles only tasks that never ran.
/// Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>
const CRASH_LOOP_FAILURES: usize = 3;
/// For a large service, a crash loop takes failures of at least one task in this many.
const LARGE_SERVICE_DIVISOR: usize = 10;
const CRASH_LOOP_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// A crash loop is ongoing while its last failure is younger than this.
const ONGOING_WINDOW: SignedDuration = SignedDuration::from_mins(3);
/// Failures within [`STOPPED_TASK_RETENTION`] that make a slow crash loop.
const SLOW_LOOP_FAILURES: usize = 5;
/// ECS lists a stopped task for about an hour.
const STOPPED_TASK_RETENTION: SignedDuration = SignedDuration::from_hours(1);
/// ECS waits up to 27 minutes between starts of tasks that never ran.
const THROTTLE_WINDOW: SignedDuration = SignedDuration::from_mins(30);

/// The failures of the running revision since the last healing step.
pub struct Failures<'a> {
    stops: Vec<&'a StoppedTask>,
    /// Time of the first failure of the revision, whether before or after the step.
    first_of_revision: Option<Timestamp>,
    /// The fewest failures that make a crash loop of a service of this size.
    large_service_minimum: usize,
    now: Timestamp,
}

impl<'a> Failures<'a> {
    /// Selects the failures of the running revision. After a `step`, only tasks that started since
    /// then show whether it helped.
    #[must_use]
    pub fn new(
        service: &Service,
        stops: &'a [StoppedTask],
        step: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let of_revision: Vec<&StoppedTask> = stops
            .iter()
            .filter(|stop| stop.is_failure() && stop.revision == service.task_definition)
            .collect();
        let first_of_revision = of_revision.iter().filter_map(|stop| stop.stopped_at).min();
        // A task that never ran has no start time; its stop is the next best.
        let since_step = of_revision
            .into_iter()
            .filter(|stop| is_since_step(stop.started_at.or(stop.stopped_at), step))
            .collect();
        Self {
            stops: since_step,
            first_of_revision,
            large_service_minimum: usize::try_from(service.desired_count)
                .unwrap_or_default()
                .div_ceil(LARGE_SERVICE_DIVISOR),
            now,
        }
    }

    /// Reports whether a task failed within the crash loop window.
    #[must_use]
    pub fn has_recent(&self) -> bool {
        self.count_within(CRASH_LOOP_WINDOW) > 0
    }

    /// Summarizes the failures if they make the service unhealthy: a crash loop, a slow crash loop,
    /// or failed tasks without a replacement.
    #[must_use]
    pub fn find_symptom(&self, service: &Service) -> Option<Failing> {
        // A crash loop is summarized over the shorter window even if it is a slow one as well: its
        // latest failures say most about the cause.
        if self.is_crash_loop() {
            Some(self.summarize(THROTTLE_WINDOW))
        } else if self.is_slow_crash_loop() {
            Some(self.summarize(STOPPED_TASK_RETENTION))
        } else if self.lacks_replacements(service) {
            Some(self.summarize(THROTTLE_WINDOW))
        } else {
            None
        }
    }

    /// Lists the failures within a window. A task that is still stopping has no time yet, so it
    /// counts as recent.
    fn list_within(&self, window: SignedDuration) -> Vec<&'a StoppedTask> {
        self.stops
            .iter()
            .copied()
            .filter(|stop| {
                stop.stopped_at
                    .is_none_or(|at| self.now.duration_since(at) < window)
            })
            .collect()
    }

    fn count_within(&self, window: SignedDuration) -> usize {
        self.list_within(window).len()
    }

    /// Reports a crash loop: several failures in a few minutes, the last of them just now.
    fn is_crash_loop(&self) -> bool {
        self.count_within(CRASH_LOOP_WINDOW) >= CRASH_LOOP_FAILURES.max(self.large_service_minimum)
            && self.count_within(ONGOING_WINDOW) > 0
            && self.has_recurred_within(CRASH_LOOP_WINDOW)
    }

    /// Reports a slow crash loop: tasks that run for some minutes and then fail, again and again.
    fn is_slow_crash_loop(&self) -> bool {
        self.count_within(STOPPED_TASK_RETENTION)
            >= SLOW_LOOP_FAILURES.max(self.large_service_minimum)
            && self.has_recurred_within(STOPPED_TASK_RETENTION)
            && self.is_next_failure_expected()
    }

    /// Reports whether a replacement failed too: a task that started after the first failure. A
    /// single burst of failures, of which ECS recovers by itself, is no crash loop.
    fn has_recurred_within(&self, window: SignedDuration) -> bool {
        let failures = self.list_within(window);
        let first = failures.iter().filter_map(|stop| stop.stopped_at).min();
        // A task that never ran was started as a replacement.
        failures.iter().any(|stop| {
            stop.started_at
                .is_none_or(|started| first.is_some_and(|first| first < started))
        })
    }

    /// Reports whether the next failure of a slow loop is not overdue. No fixed window fits loops
    /// of every speed, so the loop counts as ongoing for twice the mean time between its failures.
    fn is_next_failure_expected(&self) -> bool {
        let times: Vec<Timestamp> = self
            .list_within(STOPPED_TASK_RETENTION)
            .into_iter()
            .filter_map(|stop| stop.stopped_at)
            .collect();
        let first = times.iter().min().copied().unwrap_or(self.now);
        let last = times.iter().max().copied().unwrap_or(self.now);
        let gaps = i32::try_from(times.len())
            .unwrap_or(i32::MAX)
            .saturating_sub(1)
            .max(1);
        self.now.duration_since(last) < last.duration_since(first) * 2 / gaps
    }

    /// Reports whether tasks are missing because of failures, although too few failed for a loop.
    fn lacks_replacements(&self, service: &Service) -> bool {
        // ECS throttles the starts of tasks that never ran, so one such failure says enough.
        let never_ran = self
            .list_within(THROTTLE_WINDOW)
            .iter()
            .any(|stop| stop.started_at.is_none());
        // Pending tasks replace the failed ones, so they count as present.
        let is_unreplaced = self.has_recent()
            && service.running_count + service.pending_count < service.desired_count;
        service.count_missing_tasks() > 0 && (never_ran || is_unreplaced)
    }

    fn summarize(&self, within: SignedDuration) -> Failing {
        let failures = self.list_within(within);
        let mut counts: BTreeMap<StopCause, usize> = BTreeMap::new();
        for stop in &failures {
            *counts.entry(stop.cause).or_default() += 1;
        }
        // On a tie the more specific cause wins, which `StopCause` lists first.
        let (cause, count) = counts
            .into_iter()
            .rev()
            .max_by_key(|(_, count)| *count)
            .unwrap_or((StopCause::Unknown, 0));
        let newest = failures
            .iter()
            .filter(|stop| stop.cause == cause)
            .max_by_key(|stop| stop.stopped_at);
        Failing {
            cause,
            count,
            total: failures.len(),
            within,
            container: newest.and_then(|stop| stop.container.clone()),
            exit_code: newest.and_then(|stop| stop.exit_code),
            reason: newest.map(|stop| stop.reason.clone()).unwrap_or_default(),
            is_retriable: newest.is_none_or(|stop| stop.is_retriable),
            advice: newest.map_or("", |stop| stop.advice),
            first_failure_at: self.first_of_revision,
            last_failure_at: failures.iter().filter_map(|stop| stop.stopped_at).max(),
        }
    }
}

/// Reports whether a task that started at `at` is evidence about the last healing step: there was
/// no step, the task started since, or its start time is unknown.
#[must_use]
pub fn is_since_step(at: Option<Timestamp>, step: Option<Timestamp>) -> bool {
    match (at, step) {
        (Some(at), Some(step)) => at >= step,
        (None, _) | (_, None) => true,
    }
}
