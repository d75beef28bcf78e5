//! What should happen to the logs of one group. Pure: everything it knows is in its arguments.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::model::{ExportTask, LogDay, LogGroup, counted};
use lamplighter::plan::{Action, Complete, Export, Retain, Step};
use lamplighter::policy::{Keep, LogsPolicy};

use crate::{Observed, Policy, due, words};

/// A task that failed is begun again after this.
const TRY_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// A day that has been due for longer is told of.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
const STANDARD: &str = "STANDARD";

/// Decides for one log group.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(group) = &observed.group else {
        return Plan::nothing(
            "the log group does not exist any more; what was exported stays for its time",
        );
    };
    let mut plan = match seen.policy.logs.export {
        Some(keep) => Case {
            seen,
            observed,
            group,
            keep,
            now,
        }
        .plan(),
        None => Plan::nothing("its logs are not exported"),
    };
    if let Some(days) = seen
        .policy
        .logs
        .retain
        .filter(|days| group.retention_days != Some(*days))
    {
        let was = group.retention_days.map_or("for ever".to_owned(), |was| {
            format!("for {}", counted(was as usize, "day"))
        });
        let reason = format!("events are kept {was}, and the tag says {days}d");
        plan.reason = format!("{}; {reason}", plan.reason);
        let action = Action::Retain(Retain {
            group: group.arn.clone(),
            days,
        });
        plan.steps.push(Step {
            action,
            reason,
            message: Some(words::retained(group.retention_days, days)),
        });
    }
    plan
}

/// No task of the group's own stands in the way of another.
pub fn may_begin(seen: Seen<'_, Policy>, task: Option<&ExportTask>, now: Timestamp) -> bool {
    let (Some(task), Some(exporting)) = (task, &seen.memory.exporting) else {
        return task.is_none();
    };
    has_failed(task) && now.duration_since(exporting.at) >= TRY_AGAIN
}

fn has_failed(task: &ExportTask) -> bool {
    ["FAILED", "CANCELLED"].contains(&task.status.as_str())
}

struct Case<'a> {
    seen: Seen<'a, Policy>,
    observed: &'a Observed,
    group: &'a LogGroup,
    keep: Keep,
    now: Timestamp,
}

impl Case<'_> {
    fn plan(&self) -> Plan {
        if self.group.class != STANDARD {
            return Plan::tell(words::wrong_class(&self.group.class));
        }
        // What the tag asks for comes into effect in this very run.
        let retention = self.seen.policy.logs.retain.or(self.group.retention_days);
        if let Some(days) = retention.filter(|days| *days < LogsPolicy::LEAST_RETENTION) {
            return Plan::tell(words::deleted_too_early(days));
        }
        let mut plan = match &self.observed.task {
            Some(task) if !may_begin(self.seen, Some(task), self.now) => self.go_on(task),
            _ => self.begin(),
        };
        plan.messages.extend(self.lost());
        plan.messages
            .push(match self.observed.day.filter(|day| self.is_late(*day)) {
                Some(day) => words::late(day, &plan.reason),
                None => words::in_time_again(),
            });
        plan
    }

    fn go_on(&self, task: &ExportTask) -> Plan {
        let Some(day) = task.day() else {
            return Plan::nothing(format!("the task {} is somebody else's", task.id));
        };
        if has_failed(task) {
            return Plan::tell(words::failed(day, task));
        }
        if task.status != "COMPLETED" {
            let since = self
                .seen
                .memory
                .exporting
                .as_ref()
                .map_or(self.now, |exporting| exporting.at);
            let minutes = self.now.duration_since(since).as_mins();
            return Plan::nothing(format!(
                "the export of {day} is {} for {minutes} min",
                task.status
            ));
        }
        // Where it was exported to, whatever the tag says by now.
        let (bucket, prefix) = (task.bucket.clone(), task.prefix.clone());
        let of = LogDay {
            group: self.group.arn.clone(),
            day,
            bucket,
            prefix,
        };
        let complete = Complete {
            of,
            task: task.id.clone(),
        };
        Plan::act(
            Action::Complete(complete),
            format!("the export of {day} is complete"),
            None,
        )
    }

    fn begin(&self) -> Plan {
        let Some(day) = self.observed.day else {
            let next = due::last(self.now).tomorrow().map_or(self.now, due::since);
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
        let of = due::place(self.seen.policy, self.keep, self.group, day);
        let to = day.tomorrow().map_or(Timestamp::MAX, due::beginning);
        let export = Export {
            of,
            from: due::beginning(day),
            to,
        };
        let since = due::since(day).strftime("%F %H:%M UTC");
        Plan::act(
            Action::Export(export),
            format!("{day} is due since {since}"),
            None,
        )
    }

    fn is_late(&self, day: Date) -> bool {
        self.now.duration_since(due::since(day)) >= PATIENCE
    }

    /// Days between what is complete and what can still be exported.
    fn lost(&self) -> Option<lamplighter::notify::Message> {
        let next = self.observed.done?.tomorrow().ok()?;
        let retention = self.group.retention_days?;
        let there = due::oldest_there(retention, self.now);
        (next < there).then(|| words::lost(next, there, retention))
    }
}
