//! Copies in other regions and in the vault: of what is good here, rotated there by the same rules. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::{Arn, Place, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, Copy, Expire, Step};
use lamplighter::policy::VERIFIED;

use crate::decide::{Case, MOST_AT_ONCE};
use crate::rotate::{Verdict, rotate};
use crate::survey::Copies;
use crate::words;

/// Copies that one place makes at a time, of all databases together.
pub const IN_FLIGHT: usize = 5;
/// How long a drill may hold its snapshot.
const DRILL: SignedDuration = SignedDuration::from_hours(8);
/// The key of the vault, which its template makes.
const VAULT_KEY: &str = "alias/lamplighter-vault";
/// The key that RDS has in every region.
const OWN_KEY: &str = "alias/aws/rds";

impl Case<'_> {
    /// Identifiers that must stay here: shared ones, and those that are being copied or restored.
    pub fn in_use(&self) -> BTreeSet<String> {
        let there = self
            .observed
            .copies
            .values()
            .flat_map(|copies| &copies.snapshots);
        let running = there.filter(|copy| !copy.is_good() && copy.status != "failed");
        let drill = self
            .seen
            .memory
            .drill
            .as_ref()
            .filter(|(at, _)| self.now.duration_since(*at) < DRILL);
        let restored = drill.map(|(_, snapshot)| snapshot.name());
        let copied = running.map(|copy| copy.identifier.clone());
        self.observed
            .shared
            .iter()
            .cloned()
            .chain(copied)
            .chain(restored)
            .collect()
    }

    /// Adds what is to be done at other places.
    pub fn copy(&self, plan: &mut Plan) {
        let (stack, database) = (&self.seen.policy.stack, &self.database.arn);
        let here = ours(&self.observed.snapshots, stack, database);
        let asks = self.policy.copy.iter().any(Place::is_vault);
        if asks && !self.seen.policy.has_vault && !self.database.arn.is_cache() {
            plan.messages.push(words::no_vault());
        }
        for (place, error) in &self.observed.unreadable {
            plan.messages.push(words::unreadable_place(place, error));
        }
        for (place, there) in &self.observed.copies {
            let due = due(&self.observed.snapshots, &there.snapshots, stack, database);
            let mut steps: Vec<Step> = due
                .iter()
                .take(there.may_begin)
                .map(|s| self.step(s, place))
                .collect();
            // Nothing good goes there before the newest that is good here is good there too.
            let settled = due.is_empty()
                && here
                    .last()
                    .is_some_and(|newest| is_good_there(there, newest));
            steps.extend(self.expired(there, place, settled));
            let reasons = steps.iter().map(|step| step.reason.as_str());
            plan.reason = std::iter::once(plan.reason.as_str())
                .chain(reasons)
                .collect::<Vec<_>>()
                .join("; ");
            plan.steps.extend(steps);
            plan.messages.extend(self.late(there, &here, place));
        }
    }

    fn step(&self, snapshot: &Snapshot, place: &Place) -> Step {
        let own: BTreeMap<String, String> = snapshot
            .tags
            .iter()
            .filter(|(k, _)| *k != VERIFIED && !k.starts_with("aws:"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let key = match (place.is_vault(), &self.policy.copy_key) {
            (true, _) => VAULT_KEY.to_owned(),
            (false, own) => own.clone().unwrap_or_else(|| OWN_KEY.to_owned()),
        };
        let key = snapshot.encrypted.then_some(key);
        let copy = Copy {
            snapshot: snapshot.arn.clone(),
            to: place.clone(),
            key,
            tags: own,
        };
        let reason = format!("{} is not in {place} yet", snapshot.identifier);
        Step {
            action: Action::Copy(copy),
            reason,
            message: None,
        }
    }

    /// What goes there: what the policy does not keep, and before it has settled only what is no backup at all.
    fn expired(&self, there: &Copies, place: &Place, settled: bool) -> Vec<Step> {
        let nothing = BTreeSet::new();
        let rules =
            self.seen
                .policy
                .rules(&self.database.arn, &self.database.resource_id, &nothing);
        let verdicts = rotate(&there.snapshots, rules, self.now);
        let going = verdicts
            .into_iter()
            .filter_map(|(copy, verdict)| match verdict {
                Verdict::Delete(reason) if settled || !copy.is_good() => Some(Step {
                    action: Action::Expire(Expire {
                        snapshot: copy.arn.clone(),
                    }),
                    reason: format!("{} in {place}: {reason}", copy.identifier),
                    message: None,
                }),
                _ => None,
            });
        going.take(MOST_AT_ONCE).collect()
    }

    /// The newest good copy is too old: twice of what is allowed here.
    fn late(&self, there: &Copies, here: &[&Snapshot], place: &Place) -> Option<Message> {
        let good = there
            .snapshots
            .iter()
            .filter(|copy| copy.is_good())
            .filter_map(|copy| copy.taken_at);
        let newest = good.max().or_else(|| here.first()?.taken_at)?;
        let age = self.now.duration_since(newest);
        (age > self.policy.recovery_point() * 2).then(|| words::copy_is_old(place, age))
    }
}

/// What is good here and newer than all that is there, the oldest first; of a region that has nothing yet, the
/// newest alone.
pub fn due<'s>(
    here: &'s [Snapshot],
    there: &[Snapshot],
    stack: &str,
    database: &Arn,
) -> Vec<&'s Snapshot> {
    let copied = |copy: &&Snapshot| copy.status != "failed" && copy.is_ours(stack, database);
    let last = there
        .iter()
        .filter(copied)
        .map(|copy| copy.identifier.as_str())
        .max();
    let mut due = ours(here, stack, database);
    match last {
        Some(last) => due.retain(|snapshot| snapshot.identifier.as_str() > last),
        None => drop(due.drain(..due.len().saturating_sub(1))),
    }
    // A copy that failed has to go first.
    due.retain(|snapshot| {
        there
            .iter()
            .all(|copy| copy.identifier != snapshot.identifier)
    });
    due
}

/// Those that this stack took and that are good, the oldest first.
fn ours<'s>(snapshots: &'s [Snapshot], stack: &str, database: &Arn) -> Vec<&'s Snapshot> {
    let mut ours: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| s.is_ours(stack, database) && s.is_good())
        .collect();
    ours.sort_by_key(|snapshot| snapshot.taken_at);
    ours
}

fn is_good_there(there: &Copies, snapshot: &Snapshot) -> bool {
    there
        .snapshots
        .iter()
        .any(|copy| copy.identifier == snapshot.identifier && copy.is_good())
}
