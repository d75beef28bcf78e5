//! Backup decision for one database. Pure: all inputs are arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{
    Arn, Database, SNAPSHOT_READY_STATUSES, Snapshot, build_snapshot_name, build_snapshot_tags,
    pluralize,
};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, CreateSnapshot, DeleteSnapshot, Step};
use lamplighter::policy::BackupPolicy;
use sha2::{Digest as _, Sha256};

use crate::observation::Observed;
use crate::rotate::{RotationDecision, rotate_snapshots};
use crate::{Policy, messages};

/// Maximum number of snapshots of one database deleted in one run. The next run continues.
pub const MAX_DELETIONS_PER_RUN: usize = 10;

/// Maximum number of backups of one cache that ElastiCache takes within 24 hours.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups.html>
const MAX_CACHE_SNAPSHOTS_PER_DAY: i32 = 20;

/// Decides the plan for one database.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(database) = &observed.database else {
        return Plan::nothing("the database does not exist any more; its snapshots stay");
    };
    if let Some(cluster) = &database.cluster {
        return Plan::notify(messages::cluster_member(cluster));
    }
    let policy = &context.policy.backup;
    let slot = policy.due_slot(now);
    let case = Decision {
        context,
        database,
        policy,
        observed,
        slot,
        now,
    };
    let mut plan = case.plan_backup();
    if observed.speaks && observed.quota.is_nearly_reached() {
        plan.messages
            .push(messages::quota_usage(database, observed.quota));
    }
    case.plan_copies(&mut plan);
    let waits = plan.messages.iter().any(|message| {
        message
            .key
            .as_ref()
            .is_some_and(|key| key.starts_with(messages::OVERDUE_KEY))
    });
    plan.messages.extend(case.check_recovery_point(waits));
    plan.messages.extend(job_failure(context));
    if database.arn.is_cache() {
        plan.messages
            .extend((!policy.copy.is_empty()).then(messages::cache_copies_unsupported));
        let a_day = SignedDuration::from_hours(24);
        plan.messages.extend(
            (policy.slot_interval() * MAX_CACHE_SNAPSHOTS_PER_DAY < a_day)
                .then(messages::too_many_cache_snapshots),
        );
    }
    plan
}

/// Builds the notification about a failed AWS Backup job. Lamplighter only reports these jobs.
fn job_failure(context: TargetContext<'_, Policy>) -> Option<Message> {
    match &context.event.detail {
        Detail::BackupJob(job) if job.has_failed() => Some(messages::job_failed(job)),
        _ => None,
    }
}

/// Returns the name of a database's snapshot for a slot, in UTC:
/// `lamplighter-orders-20261121-0300`.
#[must_use]
pub fn name_for_slot(database: &Arn, slot: Timestamp) -> String {
    build_snapshot_name(database, &slot.strftime("%Y%m%d-%H%M").to_string())
}

/// Inputs of the decision for one database.
pub struct Decision<'a> {
    pub context: TargetContext<'a, Policy>,
    pub database: &'a Database,
    pub policy: &'a BackupPolicy,
    pub observed: &'a Observed,
    /// Start of the current slot.
    slot: Timestamp,
    pub now: Timestamp,
}

impl Decision<'_> {
    fn plan_backup(&self) -> Plan {
        let identifier = self.snapshot_identifier();
        let of_slot = self
            .observed
            .snapshots
            .iter()
            .find(|snapshot| snapshot.identifier == identifier);
        match of_slot {
            Some(snapshot) if snapshot.is_restorable() => {
                self.delete_expired(&format!("{identifier} is there"))
            }
            Some(snapshot) if snapshot.status == "failed" => {
                self.delete_unusable(&format!("{identifier} failed"))
            }
            Some(snapshot) => Plan::nothing(format!("{identifier} is {}", snapshot.status)),
            None => self.create_snapshot(identifier),
        }
    }

    /// Returns the snapshot name for the slot. Adds a hash if an earlier database of the same name
    /// already used it.
    fn snapshot_identifier(&self) -> String {
        let (name, id) = (
            name_for_slot(&self.database.arn, self.slot),
            &self.database.resource_id,
        );
        let is_taken = self
            .observed
            .snapshots
            .iter()
            .any(|s| s.identifier == name && !s.matches_resource_id(id));
        if !is_taken {
            return name;
        }
        let hash = Sha256::digest(id)
            .iter()
            .take(2)
            .fold(0_u16, |hash, byte| (hash << 8) | u16::from(*byte));
        format!("{name}-{hash:04x}")
    }

    fn create_snapshot(&self, identifier: String) -> Plan {
        let waits = |reason: String| {
            let mut plan = Plan::nothing(reason.clone());
            plan.messages.extend(
                self.is_overdue()
                    .then(|| messages::backup_overdue(&reason, self.slot, self.now)),
            );
            plan
        };
        if !SNAPSHOT_READY_STATUSES.contains(&self.database.status.as_str()) {
            return waits(format!(
                "{identifier} waits: the database is {}",
                self.database.status
            ));
        }
        if self.observed.quota.is_reached() {
            let plan = self.delete_expired("the quota of manual snapshots is reached");
            if !plan.is_empty() {
                return plan;
            }
            return Plan::nothing(format!(
                "{identifier} waits: the quota of manual snapshots is reached, and none may go"
            ));
        }
        let slot = self.slot.strftime("%FT%H:%MZ").to_string();
        let tags = build_snapshot_tags(
            self.database,
            &self.context.policy.stack,
            &slot,
            &self.policy.keep.to_string(),
        );
        let backup = CreateSnapshot {
            database: self.database.arn.clone(),
            identifier,
            tags,
        };
        let reason = format!("due since {}", self.slot.strftime("%F %H:%M UTC"));
        let message = self
            .is_overdue()
            .then(|| messages::backup_late(self.slot, self.now));
        Plan::single_step(
            Action::Backup(BackupAction::CreateSnapshot(backup)),
            reason,
            message,
        )
    }

    /// Deletes the snapshots that the policy doesn't keep. Callers require a good backup of the
    /// slot or a reached quota, so stopped backups delete nothing.
    fn delete_expired(&self, because: &str) -> Plan {
        self.delete_snapshots(because, |_| true)
    }

    /// Deletes only the snapshots that can't serve as a backup.
    fn delete_unusable(&self, because: &str) -> Plan {
        self.delete_snapshots(because, |snapshot| !snapshot.is_restorable())
    }

    fn delete_snapshots(&self, because: &str, may_go: impl Fn(&Snapshot) -> bool) -> Plan {
        let in_use = self.snapshots_in_use();
        let rules = self.context.policy.rotation_rules(
            &self.database.arn,
            &self.database.resource_id,
            &in_use,
        );
        let mut verdicts = rotate_snapshots(&self.observed.snapshots, rules, self.now);
        // Oldest first, independent of the order in which AWS lists them.
        verdicts.sort_by(|(a, _), (b, _)| {
            (a.taken_at, &a.identifier).cmp(&(b.taken_at, &b.identifier))
        });
        let going = verdicts
            .iter()
            .filter_map(|(snapshot, verdict)| match verdict {
                RotationDecision::Delete(reason)
                    if may_go(snapshot) && self.observed.asked.contains(&snapshot.identifier) =>
                {
                    Some((*snapshot, reason))
                }
                _ => None,
            });
        let step = |(snapshot, reason): (&Snapshot, &String)| Step {
            action: Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
                snapshot: snapshot.arn.clone(),
            })),
            reason: format!("{}: {reason}", snapshot.identifier),
            message: None,
        };
        let steps: Vec<Step> = going.take(MAX_DELETIONS_PER_RUN).map(step).collect();
        let kept = verdicts.iter().filter(|(s, v)| {
            s.is_restorable()
                && matches!(v, RotationDecision::Keep(_))
                && s.is_taken_by(rules.stack, rules.database)
        });
        let kept: Vec<String> = kept
            .map(|(snapshot, verdict)| messages::describe_kept(snapshot, verdict))
            .collect();
        let stay = pluralize(kept.len(), "good snapshot");
        if steps.is_empty() {
            return Plan::nothing(format!("{because}; {stay} in all, and none is to go"));
        }
        let reason = format!(
            "{because}; {} go; {stay} stay: {}",
            steps.len(),
            kept.join("; ")
        );
        Plan {
            steps,
            ..Plan::nothing(reason)
        }
    }

    /// Reports whether the backup is overdue by at least half of the allowed slack.
    fn is_overdue(&self) -> bool {
        let allowed = self.policy.max_recovery_point_age();
        let spare = allowed - self.policy.slot_interval();
        let most = if spare.is_positive() { spare } else { allowed };
        self.now.duration_since(self.slot) >= most / 2
    }

    /// Reports whether a snapshot is being created, or the first one is about to be requested.
    fn is_in_progress(&self) -> bool {
        let allowed = self.policy.max_recovery_point_age();
        let mut ours = self
            .observed
            .snapshots
            .iter()
            .filter(|s| s.is_taken_by(&self.context.policy.stack, &self.database.arn));
        let being_made = |snapshot: &Snapshot| {
            let asked = snapshot.taken_at.unwrap_or(self.slot);
            snapshot.status == "creating" && self.now.duration_since(asked) < allowed
        };
        let tried = self
            .context
            .state
            .notified
            .keys()
            .any(|key| key.starts_with("failed:take a snapshot"));
        let is_first = ours.clone().next().is_none()
            && !tried
            && SNAPSHOT_READY_STATUSES.contains(&self.database.status.as_str());
        is_first || ours.any(being_made)
    }

    /// Reports whether the recovery point's age has used up half of the allowed slack, whatever
    /// delays the next snapshot.
    fn nears_limit(&self, age: SignedDuration) -> bool {
        let allowed = self.policy.max_recovery_point_age();
        let spare = allowed - self.policy.slot_interval();
        age > if spare.is_positive() {
            allowed - spare / 2
        } else {
            allowed / 2
        }
    }

    /// Builds the notification about the recovery point: too old, soon too old, or good. AWS emits
    /// no event for a missing backup, so Lamplighter checks the age.
    fn check_recovery_point(&self, waits: bool) -> Option<Message> {
        let allowed = self.policy.max_recovery_point_age();
        let age = self
            .observed
            .recovery_point()
            .map(|at| self.now.duration_since(at));
        let is_old = age.map_or_else(|| self.is_overdue(), |age: SignedDuration| age > allowed);
        if is_old && self.is_in_progress() {
            return None;
        }
        match age {
            _ if is_old => Some(messages::recovery_point_too_old(age, allowed)),
            Some(age) if self.nears_limit(age) && !waits => {
                Some(messages::recovery_point_aging(age, allowed))
            }
            age => age.map(messages::recovery_point_ok),
        }
    }
}
