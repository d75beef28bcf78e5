//! Copies of good snapshots in other regions and in the vault, rotated by the policy of the source.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::Plan;
use lamplighter::model::{CopyDestination, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, CopySnapshot, DeleteSnapshot, Step};
use lamplighter::policy::VERIFIED;

use crate::decision::Decision;
use crate::due_copies::{own_snapshots, snapshots_to_copy};
use crate::messages;
use crate::observed::Copies;
use crate::rotate::{MAX_DELETIONS_PER_RUN, rotate_snapshots};

/// Alias of the vault's KMS key, which the vault template creates.
const VAULT_KEY: &str = "alias/lamplighter-vault";
/// Alias of the AWS managed RDS key, which exists in every region.
const RDS_KEY: &str = "alias/aws/rds";

impl Decision<'_> {
    /// Adds the copy and deletion steps for all copy places to the plan, with their messages.
    pub fn plan_copies(&self, plan: &mut Plan) {
        let wants_vault = self.policy.copy.iter().any(CopyDestination::is_vault);
        if wants_vault && !self.context.policy.has_vault && !self.database.arn.is_cache() {
            plan.messages.push(messages::no_vault());
        }
        let own = self.database.arn.region();
        if self
            .policy
            .copy
            .iter()
            .any(|place| place.region() == Some(own))
        {
            plan.messages.push(messages::copy_in_own_region(own));
        }
        for (place, error) in &self.observed.unreadable {
            plan.messages.push(messages::unreadable_place(place, error));
        }
        for (place, copies) in &self.observed.copies {
            let steps = self.plan_place(place, copies);
            for step in &steps {
                plan.reason = format!("{}; {}", plan.reason, step.reason);
            }
            plan.steps.extend(steps);
            plan.messages.extend(self.check_copy_age(place, copies));
        }
    }

    /// Builds the copy and deletion steps for one place.
    fn plan_place(&self, place: &CopyDestination, copies: &Copies) -> Vec<Step> {
        let stack = &self.context.policy.stack;
        let snapshots = &self.observed.snapshots;
        let due = snapshots_to_copy(snapshots, &copies.snapshots, stack, &self.database.arn);
        let mut steps: Vec<Step> = due
            .iter()
            .take(copies.may_begin)
            .map(|snapshot| self.build_copy_step(snapshot, place))
            .collect();
        // Good copies are deleted only after the newest good snapshot has a good copy there.
        let is_settled = due.is_empty()
            && self
                .own_good_snapshots()
                .last()
                .is_some_and(|newest| has_good_copy(copies, newest));
        steps.extend(self.delete_expired_copies(place, copies, is_settled));
        steps
    }

    fn own_good_snapshots(&self) -> Vec<&Snapshot> {
        let stack = &self.context.policy.stack;
        own_snapshots(&self.observed.snapshots, stack, &self.database.arn)
    }

    fn build_copy_step(&self, snapshot: &Snapshot, place: &CopyDestination) -> Step {
        let tags: BTreeMap<String, String> = snapshot
            .tags
            .iter()
            .filter(|(key, _)| *key != VERIFIED && !key.starts_with("aws:"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let copy = CopySnapshot {
            snapshot: snapshot.arn.clone(),
            to: place.clone(),
            key: snapshot.encrypted.then(|| self.copy_key(place).to_owned()),
            tags,
        };
        Step {
            action: Action::Backup(BackupAction::CopySnapshot(copy)),
            reason: format!("{} has no copy in {place} yet", snapshot.identifier),
            message: None,
        }
    }

    /// Returns the KMS key that encrypts the copies at a place.
    fn copy_key(&self, place: &CopyDestination) -> &str {
        if place.is_vault() {
            VAULT_KEY
        } else {
            self.policy.copy_key.as_deref().unwrap_or(RDS_KEY)
        }
    }

    /// Builds the steps that delete copies the policy doesn't keep. Before the place has settled,
    /// deletes only unusable copies.
    fn delete_expired_copies(
        &self,
        place: &CopyDestination,
        copies: &Copies,
        is_settled: bool,
    ) -> Vec<Step> {
        // Nothing restores or copies from a copy, so none is in use.
        let in_use = BTreeSet::new();
        let decisions = rotate_snapshots(&copies.snapshots, self.rotation_rules(&in_use), self.now);
        decisions
            .into_iter()
            .filter(|(copy, _)| is_settled || !copy.is_restorable())
            .filter_map(|(copy, decision)| {
                let reason = decision.delete_reason()?;
                Some(Step {
                    action: Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
                        snapshot: copy.arn.clone(),
                    })),
                    reason: format!("{} in {place}: {reason}", copy.identifier),
                    message: None,
                })
            })
            .take(MAX_DELETIONS_PER_RUN)
            .collect()
    }

    /// Warns if the newest good copy is older than twice the allowed age of the recovery point.
    fn check_copy_age(&self, place: &CopyDestination, copies: &Copies) -> Option<Message> {
        let newest_copy = copies
            .snapshots
            .iter()
            .filter(|copy| copy.is_restorable())
            .filter_map(|copy| copy.taken_at)
            .max();
        let since = newest_copy.or_else(|| self.own_good_snapshots().first()?.taken_at)?;
        let age = self.now.duration_since(since);
        (age > self.policy.max_recovery_point_age() * 2).then(|| messages::copy_too_old(place, age))
    }
}

fn has_good_copy(copies: &Copies, snapshot: &Snapshot) -> bool {
    copies
        .snapshots
        .iter()
        .any(|copy| copy.identifier == snapshot.identifier && copy.is_restorable())
}
