//! Export decision for one log group. Pure: all inputs are arguments.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::{ExportTask, LogDay, LogGroup, pluralize};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, ExportLogs, LogAction, SetRetention, Step, WriteManifest};
use lamplighter::policy::{ExportRetention, LogsPolicy};

use crate::export_days;
use crate::messages;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::retry::{has_failed, may_start_export};

/// Time for which a day may be due before a notification.
const GRACE_PERIOD: SignedDuration = SignedDuration::from_hours(24);
/// The only class of log groups that CloudWatch Logs exports.
const STANDARD_CLASS: &str = "STANDARD";

/// Decides the plan for one log group.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(group) = &observed.group else {
        return Plan::nothing(
            "the log group no longer exists; its exports are kept as long as set",
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
        None => Plan::nothing("the logs are not to be exported"),
    };
    if let Some(step) = build_retention_step(context.policy, group) {
        plan.reason = format!("{}; {}", plan.reason, step.reason);
        plan.steps.push(step);
    }
    plan
}

/// Builds the step that sets the retention of the tag; `None` if the group already has it.
fn build_retention_step(policy: &Policy, group: &LogGroup) -> Option<Step> {
    let days = policy.logs.retain?;
    let current = group.retention_days;
    if current == Some(days) {
        return None;
    }
    let kept = current.map_or("kept forever".to_owned(), |current| {
        format!("kept for {}", pluralize(current as usize, "day"))
    });
    Some(Step {
        action: Action::Log(LogAction::SetRetention(SetRetention {
            group: group.arn.clone(),
            days,
        })),
        reason: format!("events are {kept}, and the tag says {days}d"),
        message: Some(messages::retention_changed(current, days)),
    })
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
            Some(_) | None => self.start_export(),
        };
        plan.messages.extend(self.find_lost_days());
        let late_day = self.observed.day.filter(|day| self.is_late(*day));
        plan.messages.push(match late_day {
            Some(day) => messages::export_late(day, &plan.reason),
            None => messages::export_on_schedule(),
        });
        plan
    }

    fn continue_export(&self, task: &ExportTask) -> Plan {
        let Some(day) = task.export_day() else {
            return Plan::nothing(format!("Lamplighter did not start the task {}", task.id));
        };
        if has_failed(task) {
            return Plan::notify(messages::export_failed(day, task));
        }
        if task.status != "COMPLETED" {
            let exporting = self.context.state.logs.exporting.as_ref();
            let since = exporting.map_or(self.now, |exporting| exporting.at);
            return Plan::nothing(format!(
                "the export of {day} has been {} for {} min",
                task.status,
                self.now.duration_since(since).as_mins()
            ));
        }
        let manifest = WriteManifest {
            // The manifest goes where the task exported to, even if the tag has changed since.
            of: LogDay {
                group: self.group.arn.clone(),
                day,
                bucket: task.bucket.clone(),
                prefix: task.prefix.clone(),
            },
            task: task.id.clone(),
        };
        Plan::single_step(
            Action::Log(LogAction::WriteManifest(manifest)),
            format!("the export of {day} is complete"),
            None,
        )
    }

    fn start_export(&self) -> Plan {
        let Some(day) = self.observed.day else {
            return Plan::nothing(self.describe_next_day());
        };
        if let Some(other) = &self.observed.waits_for {
            return Plan::nothing(format!(
                "{day} is due and waits: AWS runs one export at a time, now of {other}"
            ));
        }
        let export = ExportLogs {
            of: export_days::export_location(self.context.policy, self.keep, self.group, day),
            from: export_days::day_start(day),
            to: day
                .tomorrow()
                .map_or(Timestamp::MAX, export_days::day_start),
        };
        let since = export_days::due_since(day).strftime("%F %H:%M UTC");
        Plan::single_step(
            Action::Log(LogAction::ExportLogs(export)),
            format!("{day} is due since {since}"),
            None,
        )
    }

    /// Describes the last complete day, and when the next one is due.
    fn describe_next_day(&self) -> String {
        let next = export_days::last_due_day(self.now)
            .tomorrow()
            .map_or(self.now, export_days::due_since);
        let done = self
            .observed
            .done
            .map_or("nothing is exported yet".to_owned(), |day| {
                format!("complete up to {day}")
            });
        format!(
            "{done}; the next day is due on {}",
            next.strftime("%F %H:%M UTC")
        )
    }

    fn is_late(&self, day: Date) -> bool {
        self.now.duration_since(export_days::due_since(day)) >= GRACE_PERIOD
    }

    /// Reports days that were deleted before they were exported.
    fn find_lost_days(&self) -> Option<Message> {
        let next = self.observed.done?.tomorrow().ok()?;
        let retention = self.group.retention_days?;
        let oldest = export_days::oldest_complete_day(retention, self.now);
        (next < oldest).then(|| messages::logs_lost(next, oldest, retention))
    }
}
