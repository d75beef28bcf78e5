//! What a decision needs to know: log groups and running tasks, read at once, and what a group's own task has come to.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::model::{Arn, ExportTask, LogGroup};
use lamplighter::policy::Keep;
use lamplighter::ports::cloud::Cloud;
use serde::Serialize;

use crate::decide::may_begin;
use crate::{Policy, due};

/// Days that one look finds complete at most; the rest is found by the next.
const LOOKED_BACK: usize = 31;

/// What log groups of a run have in common.
#[derive(Debug, Default)]
pub struct Survey {
    pub at: Timestamp,
    pub groups: BTreeMap<Arn, LogGroup>,
    pub running: Vec<ExportTask>,
    /// The group that may begin an export in this run.
    pub given: RefCell<Option<Arn>>,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// When it was looked at.
    #[serde(skip)]
    pub at: Timestamp,
    /// `None` where the group is gone.
    pub group: Option<LogGroup>,
    /// The group's own task, as far as it was begun here.
    pub task: Option<ExportTask>,
    /// The last day that is complete.
    pub done: Option<Date>,
    /// The day that is to be exported next, if one is due.
    pub day: Option<Date>,
    /// What another export is of, for which this one waits.
    pub waits_for: Option<String>,
}

impl Survey {
    pub(crate) async fn read<C: Cloud>(
        arns: &[Arn],
        at: Timestamp,
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let groups = cloud
            .log_groups(arns)
            .await?
            .into_iter()
            .map(|group| (group.arn.clone(), group))
            .collect();
        Ok(Self {
            at,
            groups,
            running: cloud.running_exports().await?,
            given: RefCell::default(),
        })
    }

    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let mut observed = Observed {
            at: self.at,
            done: seen.memory.exported,
            ..Observed::default()
        };
        let Some(group) = self.groups.get(arn) else {
            return Ok(observed);
        };
        observed.group = Some(group.clone());
        observed.task = self.task(seen, cloud).await?;
        let Some(keep) = seen.policy.logs.export else {
            return Ok(observed);
        };
        observed.day = self
            .day(seen, keep, group, &mut observed.done, cloud)
            .await?;
        if observed.day.is_some() && may_begin(seen, observed.task.as_ref(), self.at) {
            observed.waits_for = self.turn(arn);
        }
        Ok(observed)
    }

    /// The group's own task: the one that is remembered, or that runs without anybody having heard of it.
    async fn task<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Option<ExportTask>, AwsError> {
        let (name, bucket) = (seen.target.arn.name(), &seen.policy.bucket);
        let is_own = |task: &&ExportTask| {
            task.log_group == name && task.bucket == *bucket && task.day().is_some()
        };
        if let Some(running) = self.running.iter().find(is_own) {
            return Ok(Some(running.clone()));
        }
        match seen
            .memory
            .exporting
            .as_ref()
            .and_then(|exporting| exporting.task.as_ref())
        {
            Some(id) => cloud.export(id).await,
            None => Ok(None),
        }
    }

    /// The first day that is due and not complete.
    async fn day<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        keep: Keep,
        group: &LogGroup,
        done: &mut Option<Date>,
        cloud: &C,
    ) -> Result<Option<Date>, AwsError> {
        for _ in 0..LOOKED_BACK {
            let Some(day) = due::first(seen.policy, keep, group, *done, self.at) else {
                return Ok(None);
            };
            // A memory that was lost is found again in the bucket.
            let is_known = seen.memory.exporting.is_some();
            if is_known
                || !cloud
                    .is_complete(&due::place(seen.policy, keep, group, day))
                    .await?
            {
                return Ok(Some(day));
            }
            *done = Some(day);
        }
        Ok(None)
    }

    /// What a group has to wait for, if it is not its turn.
    fn turn(&self, arn: &Arn) -> Option<String> {
        let other = self.running.first().map(|task| task.log_group.clone());
        let given = self
            .given
            .borrow()
            .clone()
            .filter(|given| given != arn)
            .map(|given| given.name());
        let waits_for = other.or(given);
        if waits_for.is_none() {
            *self.given.borrow_mut() = Some(arn.clone());
        }
        waits_for
    }
}
