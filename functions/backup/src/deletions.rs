//! Deletion of the snapshots that the policy doesn't keep. Pure.

use std::collections::BTreeSet;

use lamplighter::Plan;
use lamplighter::model::{Snapshot, pluralize};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, DeleteSnapshot, Step};

use crate::decision::Decision;
use crate::messages;
use crate::rotate::{MAX_DELETIONS_PER_RUN, RotationDecision, rotate_snapshots};

impl Decision<'_> {
    /// Deletes the snapshots that the policy doesn't keep. Callers require a good backup of the
    /// slot or a reached quota, so stopped backups delete nothing.
    pub fn delete_expired(&self, because: &str) -> Plan {
        self.delete_snapshots(because, |_| true)
    }

    /// Deletes only the snapshots that can't serve as a backup.
    pub fn delete_unusable(&self, because: &str) -> Plan {
        self.delete_snapshots(because, |snapshot| !snapshot.holds_data())
    }

    fn delete_snapshots(&self, because: &str, may_delete: fn(&Snapshot) -> bool) -> Plan {
        let decisions = self.rotate_oldest_first();
        let steps: Vec<Step> = decisions
            .iter()
            .filter(|(snapshot, _)| may_delete(snapshot))
            .filter_map(|(snapshot, decision)| self.build_delete_step(snapshot, decision))
            .take(MAX_DELETIONS_PER_RUN)
            .collect();
        let kept = self.describe_kept_backups(&decisions);
        let kept_count = pluralize(kept.len(), "good snapshot");
        if steps.is_empty() {
            return Plan::nothing(format!("{because}; {kept_count}, none to delete"));
        }
        Plan {
            reason: format!(
                "{because}; {} to delete; {kept_count} kept: {}",
                pluralize(steps.len(), "snapshot"),
                kept.join("; ")
            ),
            steps,
            ..Plan::nothing("")
        }
    }

    /// Warns while a shorter policy would delete more than one backup at a place, and says when that has ended.
    pub fn check_shorter_policy(&self) -> Option<Message> {
        let here = (
            "here".to_owned(),
            self.list_waiting(&self.observed.snapshots),
        );
        let copies = self.observed.copies.iter();
        let copies = copies.filter(|(place, _)| !place.is_vault());
        let there =
            copies.map(|(place, copies)| (place.to_string(), self.list_waiting(&copies.snapshots)));
        let places: Vec<(String, Vec<String>)> = std::iter::once(here)
            .chain(there)
            .filter(|(_, names)| !names.is_empty())
            .collect();
        let was_told = self.context.state.was_notified(messages::SHORTER_POLICY);
        if places.is_empty() {
            return was_told.then(|| messages::shorter_policy_ended(&self.policy.keep));
        }
        let is_many = places.iter().any(|(_, names)| names.len() > 1);
        (is_many || was_told).then(|| messages::shorter_policy(&self.policy.keep, &places))
    }

    /// Returns the names of the snapshots that only an earlier policy keeps.
    fn list_waiting(&self, snapshots: &[Snapshot]) -> Vec<String> {
        let in_use = BTreeSet::new();
        let decisions = rotate_snapshots(snapshots, self.rotation_rules(&in_use), self.now);
        let mut names: Vec<String> = decisions
            .into_iter()
            .filter(|(_, decision)| matches!(decision, RotationDecision::Wait(_)))
            .map(|(snapshot, _)| snapshot.identifier.clone())
            .collect();
        names.sort();
        names
    }

    /// Decides about each snapshot, oldest first, independent of the order in which AWS lists them.
    fn rotate_oldest_first(&self) -> Vec<(&Snapshot, RotationDecision)> {
        let in_use = self.snapshots_in_use();
        let rules = self.rotation_rules(&in_use);
        let mut decisions = rotate_snapshots(&self.observed.snapshots, rules, self.now);
        decisions.sort_by(|(a, _), (b, _)| {
            (a.taken_at, &a.identifier).cmp(&(b.taken_at, &b.identifier))
        });
        decisions
    }

    /// Builds the step that deletes a snapshot; `None` if it is kept or its sharing is unknown.
    pub fn build_delete_step(
        &self,
        snapshot: &Snapshot,
        decision: &RotationDecision,
    ) -> Option<Step> {
        let reason = decision.delete_reason()?;
        if !self.observed.sharing_checked.contains(&snapshot.arn) {
            return None;
        }
        Some(Step {
            action: Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
                snapshot: snapshot.arn.clone(),
            })),
            reason: format!("{}: {reason}", snapshot.identifier),
            message: None,
        })
    }

    /// Describes the good snapshots that this stack took and keeps, each with its reasons.
    fn describe_kept_backups(&self, decisions: &[(&Snapshot, RotationDecision)]) -> Vec<String> {
        decisions
            .iter()
            .filter(|(snapshot, _)| snapshot.holds_data() && self.is_own(snapshot))
            .filter_map(|(snapshot, decision)| {
                let reasons = decision.keep_reasons()?;
                Some(messages::describe_kept(snapshot, reasons))
            })
            .collect()
    }
}
