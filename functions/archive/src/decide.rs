//! Export decision for one log group. Pure: all inputs are arguments.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::{ExportTask, LogDay, LogGroup, pluralize};
use lamplighter::plan::{Action, ExportLogs, LogAction, SetRetention, Step, WriteManifest};
use lamplighter::policy::{ExportRetention, LogsPolicy};

use crate::{Observed, Policy, export_days, messages};

/// Delay before a failed export task is retried.
const RETRY_DELAY: SignedDuration = SignedDuration::from_hours(1);
/// Time for which a day may be due before a notification.
const GRACE_PERIOD: SignedDuration = SignedDuration::from_hours(24);
const STANDARD_CLASS: &str = "STANDARD";

/// Decides the plan for one log group.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(group) = &observed.group else {
        return Plan::nothing(
            "the log group does not exist any more; what was exported stays for its time",
        );
    };
    let mut plan = match context.policy.logs.export {
        Some(keep) => Decision {
            context,
            observed,
            group,
            keep,
            now,
        }
        .plan_export(),
        None => Plan::nothing("its logs are not exported"),
    };
    if let Some(days) = context
        .policy
        .logs
        .retain
        .filter(|days| group.retention_days != Some(*days))
    {
        let was = group.retention_days.map_or("for ever".to_owned(), |was| {
            format!("for {}", pluralize(was as usize, "day"))
        });
        let reason = format!("events are kept {was}, and the tag says {days}d");
        plan.reason = format!("{}; {reason}", plan.reason);
        let action = Action::Log(LogAction::SetRetention(SetRetention {
            group: group.arn.clone(),
            days,
        }));
        plan.steps.push(Step {
            action,
            reason,
            message: Some(messages::retention_changed(group.retention_days, days)),
        });
    }
    plan
}

/// Reports whether the group may start an export: it has no task, or its task failed long enough
/// ago.
pub fn may_start_export(
    context: TargetContext<'_, Policy>,
    task: Option<&ExportTask>,
    now: Timestamp,
) -> bool {
    let (Some(task), Some(exporting)) = (task, &context.state.logs.exporting) else {
        return task.is_none();
    };
    has_failed(task) && now.duration_since(exporting.at) >= RETRY_DELAY
}

fn has_failed(task: &ExportTask) -> bool {
    ["FAILED", "CANCELLED"].contains(&task.status.as_str())
}

struct Decision<'a> {
    context: TargetContext<'a, Policy>,
    observed: &'a Observed,
    group: &'a LogGroup,
    keep: ExportRetention,
    now: Timestamp,
}

impl Decision<'_> {
    fn plan_export(&self) -> Plan {
        if self.group.class != STANDARD_CLASS {
            return Plan::notify(messages::wrong_class(&self.group.class));
        }
        // The retention that the tag requests takes effect in this run.
        let retention = self
            .context
            .policy
            .logs
            .retain
            .or(self.group.retention_days);
        if let Some(days) = retention.filter(|days| *days < LogsPolicy::MIN_RETENTION_DAYS) {
            return Plan::notify(messages::retention_too_short(days));
        }
        let mut plan = match &self.observed.task {
            Some(task) if !may_start_export(self.context, Some(task), self.now) => {
                self.continue_export(task)
            }
            _ => self.start_export(),
        };
        plan.messages.extend(self.find_lost_days());
        plan.messages
            .push(match self.observed.day.filter(|day| self.is_late(*day)) {
                Some(day) => messages::export_late(day, &plan.reason),
                None => messages::export_on_schedule(),
            });
        plan
    }

    fn continue_export(&self, task: &ExportTask) -> Plan {
        let Some(day) = task.export_day() else {
            return Plan::nothing(format!("the task {} is somebody else's", task.id));
        };
        if has_failed(task) {
            return Plan::notify(messages::export_failed(day, task));
        }
        if task.status != "COMPLETED" {
            let since = self
                .context
                .state
                .logs
                .exporting
                .as_ref()
                .map_or(self.now, |exporting| exporting.at);
            let minutes = self.now.duration_since(since).as_mins();
            return Plan::nothing(format!(
                "the export of {day} is {} for {minutes} min",
                task.status
            ));
        }
        // The manifest goes where the task exported to, even if the tag has changed since.
        let (bucket, prefix) = (task.bucket.clone(), task.prefix.clone());
        let of = LogDay {
            group: self.group.arn.clone(),
            day,
            bucket,
            prefix,
        };
        let complete = WriteManifest {
            of,
            task: task.id.clone(),
        };
        Plan::single_step(
            Action::Log(LogAction::WriteManifest(complete)),
            format!("the export of {day} is complete"),
            None,
        )
    }

    fn start_export(&self) -> Plan {
        let Some(day) = self.observed.day else {
            let next = export_days::last_due_day(self.now)
                .tomorrow()
                .map_or(self.now, export_days::due_since);
            let done = self
                .observed
                .done
                .map_or("nothing is exported yet".to_owned(), |day| {
                    format!("complete up to {day}")
                });
            return Plan::nothing(format!(
                "{done}; the next day is due on {}",
                next.strftime("%F %H:%M UTC")
            ));
        };
        if let Some(other) = &self.observed.waits_for {
            return Plan::nothing(format!(
                "{day} is due and waits for its turn: AWS exports {other} now, one at a time"
            ));
        }
        let of = export_days::export_location(self.context.policy, self.keep, self.group, day);
        let to = day
            .tomorrow()
            .map_or(Timestamp::MAX, export_days::day_start);
        let export = ExportLogs {
            of,
            from: export_days::day_start(day),
            to,
        };
        let since = export_days::due_since(day).strftime("%F %H:%M UTC");
        Plan::single_step(
            Action::Log(LogAction::ExportLogs(export)),
            format!("{day} is due since {since}"),
            None,
        )
    }

    fn is_late(&self, day: Date) -> bool {
        self.now.duration_since(export_days::due_since(day)) >= GRACE_PERIOD
    }

    /// Reports days that were deleted before they were exported.
    fn find_lost_days(&self) -> Option<lamplighter::notify::Message> {
        let next = self.observed.done?.tomorrow().ok()?;
        let retention = self.group.retention_days?;
        let there = export_days::oldest_complete_day(retention, self.now);
        (next < there).then(|| messages::logs_lost(next, there, retention))
    }
}
