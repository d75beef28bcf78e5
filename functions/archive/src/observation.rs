//! Reads of `archive`: log groups and running tasks, prefetched at once, and the export task of each
//! group.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, ExportTask, LogGroup};
use lamplighter::policy::ExportRetention;

use crate::export_days;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::reads::Reads;
use crate::retry::may_start_export;

/// Maximum number of days that one run checks for completeness. The next run continues.
const MAX_DAYS_PER_RUN: usize = 31;

/// Prefetched data of all log groups of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub at: Timestamp,
    pub groups: BTreeMap<Arn, LogGroup>,
    pub running: Vec<ExportTask>,
    /// Log group that may start an export in this run.
    pub claimed_by: RefCell<Option<Arn>>,
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
            claimed_by: RefCell::default(),
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
        let name = context.target.arn.display_name();
        let bucket = &context.policy.bucket;
        let running = self.running.iter().find(|task| {
            task.log_group == name && task.bucket == *bucket && task.export_day().is_some()
        });
        if let Some(running) = running {
            return Ok(Some(running.clone()));
        }
        let exporting = context.state.logs.exporting.as_ref();
        match exporting.and_then(|exporting| exporting.task.as_ref()) {
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
            let location = export_days::export_location(context.policy, keep, group, day);
            // If the target state was lost, the manifests in the bucket show which days are
            // complete.
            let is_known = context.state.logs.exporting.is_some();
            if is_known || !cloud.is_export_complete(&location).await? {
                return Ok(Some(day));
            }
            *done = Some(day);
        }
        Ok(None)
    }

    /// Claims the one export of this run for a group. Returns the log group to wait for if another
    /// one has it.
    fn claim_export(&self, arn: &Arn) -> Option<String> {
        let running = self.running.first().map(|task| task.log_group.clone());
        let claimed_by = self.claimed_by.borrow().clone();
        let claimed = claimed_by
            .filter(|other| other != arn)
            .map(|other| other.display_name());
        let waits_for = running.or(claimed);
        if waits_for.is_none() {
            *self.claimed_by.borrow_mut() = Some(arn.clone());
        }
        waits_for
    }
}
