//! Backup decision for one database. Pure: all inputs are arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::build_snapshot_tags;
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, CreateSnapshot};

use crate::decision::Decision;
use crate::messages;
use crate::observed::Observed;
use crate::policy::Policy;

/// Maximum number of backups of one cache that ElastiCache takes within 24 hours.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups.html>
const MAX_CACHE_SNAPSHOTS_PER_DAY: u64 = 20;
const SECONDS_PER_MINUTE: i64 = 60;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Decides the plan for one database.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(database) = &observed.database else {
        return Plan::nothing("the database no longer exists; its snapshots are kept");
    };
    if let Some(cluster) = &database.cluster {
        return Plan::notify(messages::cluster_member(cluster));
    }
    let policy = &context.policy.backup;
    let decision = Decision {
        context,
        database,
        policy,
        observed,
        slot: find_slot(context, now),
        now,
    };
    let mut plan = decision.plan_backup();
    plan.messages.extend(decision.check_quota());
    decision.plan_copies(&mut plan);
    plan.messages.extend(decision.check_shorter_policy());
    plan.messages.extend(decision.check_recovery_point());
    plan.messages.extend(decision.check_backup_job());
    plan.messages.extend(decision.check_cache_limits());
    plan
}

/// Returns the slot of the backup that is due: the scheduled one, or that of a later request.
fn find_slot(context: TargetContext<'_, Policy>, now: Timestamp) -> Timestamp {
    let scheduled = context.policy.backup.due_slot(now);
    match context.state.requests.backup {
        // Slots are whole minutes.
        Some(at) => {
            scheduled.max(at - SignedDuration::from_secs(at.as_second() % SECONDS_PER_MINUTE))
        }
        None => scheduled,
    }
}

impl Decision<'_> {
    fn plan_backup(&self) -> Plan {
        let identifier = self.snapshot_identifier();
        match self.slot_snapshot() {
            Some(snapshot) if snapshot.holds_data() => {
                self.delete_expired(&format!("{identifier} is available"))
            }
            Some(snapshot) if snapshot.status == "failed" => {
                self.delete_unusable(&format!("{identifier} failed"))
            }
            Some(snapshot) => Plan::nothing(format!("{identifier} is {}", snapshot.status)),
            None => self.create_snapshot(identifier),
        }
    }

    fn create_snapshot(&self, identifier: String) -> Plan {
        if !self.is_ready() {
            return self.wait_for_status(&identifier);
        }
        if self.observed.quota.is_reached() {
            let plan = self.delete_expired("the quota of manual snapshots is reached");
            if !plan.is_empty() {
                return plan;
            }
            return Plan::nothing(format!(
                "{identifier} waits: the quota of manual snapshots is reached, and the policy \
                 keeps them all"
            ));
        }
        let create = CreateSnapshot {
            database: self.database.arn.clone(),
            node: self.database.snapshot_node.clone(),
            identifier,
            tags: build_snapshot_tags(
                self.database,
                &self.context.policy.stack,
                &self.slot_tag(),
                &self.policy.keep.to_string(),
            ),
        };
        let message = self
            .is_overdue()
            .then(|| messages::backup_late(self.slot, self.now));
        Plan::single_step(
            Action::Backup(BackupAction::CreateSnapshot(create)),
            format!("due since {}", self.slot.strftime("%F %H:%M UTC")),
            message,
        )
    }

    /// Returns the plan for a database in whose status AWS takes no snapshot.
    fn wait_for_status(&self, identifier: &str) -> Plan {
        let status = &self.database.status;
        let mut plan = Plan::nothing(format!("{identifier} waits: the database is {status}"));
        plan.messages.extend(
            self.is_held_up()
                .then(|| messages::backup_overdue(status, self.slot, self.now)),
        );
        plan
    }

    /// Builds the notification about the quota of manual snapshots. One database of a run sends it
    /// for all.
    fn check_quota(&self) -> Option<Message> {
        let quota = self.observed.quota;
        (self.observed.reports_quota && quota.is_nearly_reached())
            .then(|| messages::quota_usage(self.database, quota))
    }

    /// Builds the notification about a failed AWS Backup job. Lamplighter only reports these jobs.
    fn check_backup_job(&self) -> Option<Message> {
        let Detail::BackupJob(job) = &self.context.event.detail else {
            return None;
        };
        job.has_failed().then(|| messages::job_failed(job))
    }

    /// Builds the notifications about tag settings that ElastiCache doesn't support.
    fn check_cache_limits(&self) -> Vec<Message> {
        if !self.database.arn.is_cache() {
            return Vec::new();
        }
        let mut found = Vec::new();
        if !self.policy.copy.is_empty() {
            found.push(messages::cache_copies_unsupported());
        }
        let interval = self.policy.slot_interval().as_secs().unsigned_abs().max(1);
        let per_day = DAY.as_secs().unsigned_abs().div_ceil(interval);
        if per_day > MAX_CACHE_SNAPSHOTS_PER_DAY {
            found.push(messages::too_many_cache_snapshots(
                per_day,
                MAX_CACHE_SNAPSHOTS_PER_DAY,
            ));
        }
        found
    }
}
