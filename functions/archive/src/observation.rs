//! Inputs of a decision: log groups and running tasks, prefetched at once, and the export task of
//! each group.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, ExportTask, LogGroup};
use lamplighter::policy::ExportRetention;
use serde::Serialize;

use crate::decide::may_start_export;
use crate::{Policy, export_days};

/// Maximum number of days that one run checks for completeness. The next run continues.
const MAX_DAYS_PER_RUN: usize = 31;

/// Prefetched data of all log groups of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub at: Timestamp,
    pub groups: BTreeMap<Arn, LogGroup>,
    pub running: Vec<ExportTask>,
    /// Log group that may start an export in this run.
    pub given: RefCell<Option<Arn>>,
}

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// Time of the observation.
    #[serde(skip)]
    pub at: Timestamp,
    /// `None` if the log group no longer exists.
    pub group: Option<LogGroup>,
    /// Export task of this group that Lamplighter started.
    pub task: Option<ExportTask>,
    /// Last complete day.
    pub done: Option<Date>,
    /// Next day to export, if one is due.
    pub day: Option<Date>,
    /// Log group of the other export that this one waits for.
    pub waits_for: Option<String>,
}

impl Prefetched {
    pub(crate) async fn read_all<C: Reads>(
        arns: &[Arn],
        at: Timestamp,
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let groups = cloud
            .describe_log_groups(arns)
            .await?
            .into_iter()
            .map(|group| (group.arn.clone(), group))
            .collect();
        Ok(Self {
            at,
            groups,
            running: cloud.running_export_tasks().await?,
            given: RefCell::default(),
        })
    }

    pub(crate) async fn observe_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        let mut observed = Observed {
            at: self.at,
            done: context.state.logs.exported,
            ..Observed::default()
        };
        let Some(group) = self.groups.get(arn) else {
            return Ok(observed);
        };
        observed.group = Some(group.clone());
        observed.task = self.find_task(context, cloud).await?;
        let Some(keep) = context.policy.logs.export else {
            return Ok(observed);
        };
        observed.day = self
            .find_due_day(context, keep, group, &mut observed.done, cloud)
            .await?;
        if observed.day.is_some() && may_start_export(context, observed.task.as_ref(), self.at) {
            observed.waits_for = self.claim_export(arn);
        }
        Ok(observed)
    }

    /// Returns the group's export task: a running one, even if its start was not recorded, or the
    /// recorded one.
    async fn find_task<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Option<ExportTask>, AwsError> {
        let (name, bucket) = (context.target.arn.display_name(), &context.policy.bucket);
        let is_own = |task: &&ExportTask| {
            task.log_group == name && task.bucket == *bucket && task.export_day().is_some()
        };
        if let Some(running) = self.running.iter().find(is_own) {
            return Ok(Some(running.clone()));
        }
        match context
            .state
            .logs
            .exporting
            .as_ref()
            .and_then(|exporting| exporting.task.as_ref())
        {
            Some(id) => cloud.find_export_task(id).await,
            None => Ok(None),
        }
    }

    /// Returns the first day that is due and not complete. Advances `done` over complete days.
    async fn find_due_day<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        keep: ExportRetention,
        group: &LogGroup,
        done: &mut Option<Date>,
        cloud: &C,
    ) -> Result<Option<Date>, AwsError> {
        for _ in 0..MAX_DAYS_PER_RUN {
            let Some(day) = export_days::first_due_day(context.policy, keep, group, *done, self.at)
            else {
                return Ok(None);
            };
            // If the target state was lost, the manifests in the bucket show which days are
            // complete.
            let is_known = context.state.logs.exporting.is_some();
            if is_known
                || !cloud
                    .is_export_complete(&export_days::export_location(
                        context.policy,
                        keep,
                        group,
                        day,
                    ))
                    .await?
            {
                return Ok(Some(day));
            }
            *done = Some(day);
        }
        Ok(None)
    }

    /// Claims the one export of this run for a group. Returns the log group to wait for if another
    /// one has it.
    fn claim_export(&self, arn: &Arn) -> Option<String> {
        let other = self.running.first().map(|task| task.log_group.clone());
        let given = self
            .given
            .borrow()
            .clone()
            .filter(|given| given != arn)
            .map(|given| given.display_name());
        let waits_for = other.or(given);
        if waits_for.is_none() {
            *self.given.borrow_mut() = Some(arn.clone());
        }
        waits_for
    }
}
