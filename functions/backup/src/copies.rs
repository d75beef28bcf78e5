//! Copies of good snapshots in other regions and in the vault, rotated by the policy of the source.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::{Arn, CopyDestination, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, CopySnapshot, DeleteSnapshot, Step};
use lamplighter::policy::VERIFIED;

use crate::decide::{Decision, MAX_DELETIONS_PER_RUN};
use crate::messages;
use crate::observation::Copies;
use crate::rotate::{RotationDecision, rotate_snapshots};

/// Maximum number of copies that run at one place at a time, over all databases.
pub const MAX_CONCURRENT_COPIES: usize = 5;
/// Maximum time that a drill uses its snapshot.
const MAX_DRILL_DURATION: SignedDuration = SignedDuration::from_hours(8);
/// Alias of the vault's KMS key, which the vault template creates.
const VAULT_KEY: &str = "alias/lamplighter-vault";
/// Alias of the AWS managed RDS key, which exists in every region.
const RDS_KEY: &str = "alias/aws/rds";

impl Decision<'_> {
    /// Returns the identifiers of snapshots that are shared, being copied or being restored, and
    /// must stay.
    pub fn snapshots_in_use(&self) -> BTreeSet<String> {
        let there = self
            .observed
            .copies
            .values()
            .flat_map(|copies| &copies.snapshots);
        let running = there.filter(|copy| !copy.is_restorable() && copy.status != "failed");
        let drill = self
            .context
            .state
            .backups
            .drill
            .as_ref()
            .filter(|(at, _)| self.now.duration_since(*at) < MAX_DRILL_DURATION);
        let restored = drill.map(|(_, snapshot)| snapshot.display_name());
        let copied = running.map(|copy| copy.identifier.clone());
        self.observed
            .shared
            .iter()
            .cloned()
            .chain(copied)
            .chain(restored)
            .collect()
    }

    /// Adds the copy and deletion steps for all copy places to the plan, with their messages.
    pub fn plan_copies(&self, plan: &mut Plan) {
        let (stack, database) = (&self.context.policy.stack, &self.database.arn);
        let here = own_snapshots(&self.observed.snapshots, stack, database);
        let asks = self.policy.copy.iter().any(CopyDestination::is_vault);
        if asks && !self.context.policy.has_vault && !self.database.arn.is_cache() {
            plan.messages.push(messages::no_vault());
        }
        for (place, error) in &self.observed.unreadable {
            plan.messages.push(messages::unreadable_place(place, error));
        }
        for (place, there) in &self.observed.copies {
            let due =
                snapshots_to_copy(&self.observed.snapshots, &there.snapshots, stack, database);
            let mut steps: Vec<Step> = due
                .iter()
                .take(there.may_begin)
                .map(|s| self.build_copy_step(s, place))
                .collect();
            // Good copies are deleted only after the newest good snapshot has a good copy there.
            let settled = due.is_empty()
                && here
                    .last()
                    .is_some_and(|newest| has_good_copy(there, newest));
            steps.extend(self.delete_expired_copies(there, place, settled));
            let reasons = steps.iter().map(|step| step.reason.as_str());
            plan.reason = std::iter::once(plan.reason.as_str())
                .chain(reasons)
                .collect::<Vec<_>>()
                .join("; ");
            plan.steps.extend(steps);
            plan.messages
                .extend(self.check_copy_age(there, &here, place));
        }
    }

    fn build_copy_step(&self, snapshot: &Snapshot, place: &CopyDestination) -> Step {
        let own: BTreeMap<String, String> = snapshot
            .tags
            .iter()
            .filter(|(k, _)| *k != VERIFIED && !k.starts_with("aws:"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let key = match (place.is_vault(), &self.policy.copy_key) {
            (true, _) => VAULT_KEY.to_owned(),
            (false, own) => own.clone().unwrap_or_else(|| RDS_KEY.to_owned()),
        };
        let key = snapshot.encrypted.then_some(key);
        let copy = CopySnapshot {
            snapshot: snapshot.arn.clone(),
            to: place.clone(),
            key,
            tags: own,
        };
        let reason = format!("{} is not in {place} yet", snapshot.identifier);
        Step {
            action: Action::Backup(BackupAction::CopySnapshot(copy)),
            reason,
            message: None,
        }
    }

    /// Builds the steps that delete copies the policy doesn't keep. Before the place has settled,
    /// deletes only unusable copies.
    fn delete_expired_copies(
        &self,
        there: &Copies,
        place: &CopyDestination,
        settled: bool,
    ) -> Vec<Step> {
        let nothing = BTreeSet::new();
        let rules = self.context.policy.rotation_rules(
            &self.database.arn,
            &self.database.resource_id,
            &nothing,
        );
        let verdicts = rotate_snapshots(&there.snapshots, rules, self.now);
        let going = verdicts
            .into_iter()
            .filter_map(|(copy, verdict)| match verdict {
                RotationDecision::Delete(reason) if settled || !copy.is_restorable() => {
                    Some(Step {
                        action: Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
                            snapshot: copy.arn.clone(),
                        })),
                        reason: format!("{} in {place}: {reason}", copy.identifier),
                        message: None,
                    })
                }
                _ => None,
            });
        going.take(MAX_DELETIONS_PER_RUN).collect()
    }

    /// Warns if the newest good copy is older than twice the allowed age of the recovery point.
    fn check_copy_age(
        &self,
        there: &Copies,
        here: &[&Snapshot],
        place: &CopyDestination,
    ) -> Option<Message> {
        let good = there
            .snapshots
            .iter()
            .filter(|copy| copy.is_restorable())
            .filter_map(|copy| copy.taken_at);
        let newest = good.max().or_else(|| here.first()?.taken_at)?;
        let age = self.now.duration_since(newest);
        (age > self.policy.max_recovery_point_age() * 2).then(|| messages::copy_too_old(place, age))
    }
}

/// Returns the good snapshots that are newer than all copies at a place, oldest first. For a place
/// without copies, returns only the newest snapshot.
pub fn snapshots_to_copy<'s>(
    here: &'s [Snapshot],
    there: &[Snapshot],
    stack: &str,
    database: &Arn,
) -> Vec<&'s Snapshot> {
    let copied = |copy: &&Snapshot| copy.status != "failed" && copy.is_taken_by(stack, database);
    let last = there
        .iter()
        .filter(copied)
        .map(|copy| copy.identifier.as_str())
        .max();
    let mut due = own_snapshots(here, stack, database);
    match last {
        Some(last) => due.retain(|snapshot| snapshot.identifier.as_str() > last),
        None => drop(due.drain(..due.len().saturating_sub(1))),
    }
    // A failed copy must be deleted before its snapshot is copied again.
    due.retain(|snapshot| {
        there
            .iter()
            .all(|copy| copy.identifier != snapshot.identifier)
    });
    due
}

/// Returns the good snapshots that this stack took, oldest first.
fn own_snapshots<'s>(snapshots: &'s [Snapshot], stack: &str, database: &Arn) -> Vec<&'s Snapshot> {
    let mut ours: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| s.is_taken_by(stack, database) && s.is_restorable())
        .collect();
    ours.sort_by_key(|snapshot| snapshot.taken_at);
    ours
}

fn has_good_copy(there: &Copies, snapshot: &Snapshot) -> bool {
    there
        .snapshots
        .iter()
        .any(|copy| copy.identifier == snapshot.identifier && copy.is_restorable())
}
