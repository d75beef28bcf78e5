//! Copies of good snapshots in other regions and in the vault. In other regions, they are rotated by the policy of the source.
//! Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::model::{CopyDestination, DatabaseKind, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, CopySnapshot, Step};

use crate::decision::Decision;
use crate::due_copies::{
    find_failing_since, first_backup, has_failed, must_wait, next_attempt, snapshots_to_copy,
};
use crate::messages;
use crate::observed::Copies;
use crate::rotate::{MAX_DELETIONS_PER_RUN, RotationDecision, rotate_snapshots};

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
        for (place, error) in &self.observed.unknown_sharing {
            plan.messages.push(messages::unknown_sharing(place, error));
        }
        for (place, copies) in &self.observed.copies {
            let steps = self.plan_place(place, copies);
            for step in &steps {
                plan.reason = format!("{}; {}", plan.reason, step.reason);
            }
            plan.steps.extend(steps);
            plan.messages
                .extend(self.check_failed_copies(place, copies));
            plan.messages.extend(self.check_copy_age(place, copies));
        }
        for place in self.context.state.backups.list_dropped_places() {
            plan.messages.push(messages::copies_left(place));
        }
    }

    /// Builds the copy and deletion steps for one place.
    fn plan_place(&self, place: &CopyDestination, copies: &Copies) -> Vec<Step> {
        let in_use = BTreeSet::new();
        let rules = self.rotation_rules(&in_use);
        let snapshots = &self.observed.snapshots;
        let due = snapshots_to_copy(snapshots, &copies.snapshots, place, rules, self.now);
        let mut steps: Vec<Step> = due
            .iter()
            .take(copies.may_begin)
            .map(|snapshot| self.build_copy_step(snapshot, place))
            .collect();
        steps.extend(self.delete_expired_copies(place, copies));
        steps
    }

    fn build_copy_step(&self, snapshot: &Snapshot, place: &CopyDestination) -> Step {
        let copy = CopySnapshot {
            snapshot: snapshot.arn.clone(),
            identifier: snapshot.copy_name(),
            to: place.clone(),
            key: snapshot.encrypted.then(|| self.copy_key(place).to_owned()),
            option_group: self
                .policy
                .copy_option_group
                .clone()
                .filter(|_| snapshot.kind == DatabaseKind::Instance),
            tags: snapshot.copy_tags(self.now),
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

    /// Builds the steps that delete copies the policy doesn't keep. Before the newest good snapshot has its copy, deletes
    /// only unusable copies. What is in the vault is the vault's to delete.
    fn delete_expired_copies(&self, place: &CopyDestination, copies: &Copies) -> Vec<Step> {
        if place.is_vault() {
            return Vec::new();
        }
        let failing_since = self.find_failing_since(place, copies);
        // Nothing copies from a copy, so only sharing keeps one.
        let rules = self.rotation_rules(&self.observed.shared);
        let decisions = rotate_snapshots(&copies.snapshots, rules, self.now);
        decisions
            .iter()
            .filter(|(copy, _)| copies.has_newest || !copy.is_restorable())
            .filter(|(copy, _)| !must_wait(copy, failing_since, self.now))
            .filter_map(|(copy, decision)| self.build_copy_deletion(place, copy, decision))
            .take(MAX_DELETIONS_PER_RUN)
            .collect()
    }

    /// Builds the step that deletes a copy; `None` if it is kept or its sharing is unknown.
    fn build_copy_deletion(
        &self,
        place: &CopyDestination,
        copy: &Snapshot,
        decision: &RotationDecision,
    ) -> Option<Step> {
        let mut step = self.build_delete_step(copy, decision)?;
        step.reason = format!("in {place}: {}", step.reason);
        Some(step)
    }

    fn find_failing_since(&self, place: &CopyDestination, copies: &Copies) -> Option<Timestamp> {
        let known = self.context.state.backups.places.get(place);
        find_failing_since(&copies.snapshots, known)
    }

    /// Warns while copies fail, and says when all are good again.
    fn check_failed_copies(&self, place: &CopyDestination, copies: &Copies) -> Option<Message> {
        let Some(since) = self.find_failing_since(place, copies) else {
            return copies.is_complete.then(|| messages::copies_succeed(place));
        };
        let failed = copies.snapshots.iter().filter(|copy| has_failed(copy));
        let newest = failed.max_by_key(|copy| copy.taken_at);
        let again = newest.map(|copy| (copy, next_attempt(copy, since)));
        Some(messages::copy_failed(place, again))
    }

    /// Warns if the newest good copy is older than two slots: then one slot lacks its copy.
    fn check_copy_age(&self, place: &CopyDestination, copies: &Copies) -> Option<Message> {
        let newest_copy = copies
            .snapshots
            .iter()
            .filter(|copy| copy.is_restorable())
            .filter_map(|copy| copy.taken_at)
            .max();
        let in_use = BTreeSet::new();
        let first = first_backup(&self.observed.snapshots, self.rotation_rules(&in_use))?;
        let known = self.context.state.backups.places.get(place);
        let since = newest_copy.or_else(|| Some(known?.since.max(first)))?;
        let age = self.now.duration_since(since);
        let is_late = age > self.policy.slot_interval() * 2 && !copies.has_newest;
        // The notification about the failed copy already says why.
        let is_told = self.find_failing_since(place, copies).is_some();
        (is_late && !is_told).then(|| messages::copy_too_old(place, age))
    }
}
