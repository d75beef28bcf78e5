//! Rotation: decides which snapshots to keep and which to delete. Pure.
//!
//! A snapshot is kept if a tier of the policy keeps it. Some snapshots are never deleted, whatever
//! the tiers say: the newest good one, the newest verified one, those in use or held, those a rollout
//! may wait for, and those that this stack did not take of the current database. What a shorter policy no longer keeps stays
//! for a day.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::policy::Retention;
use lamplighter::rotation::reasons_of_tiers;
use lamplighter::state::PolicyUse;

/// Age from which a snapshot in state `creating` is considered stuck.
const STUCK_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Time for which a policy goes on keeping snapshots after another one replaced it.
const SHORTENED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Maximum number of snapshots of one database deleted in one run. The next run continues.
pub const MAX_DELETIONS_PER_RUN: usize = 10;

/// Reason to keep a snapshot that an operator tagged.
const HELD: &str = "held by lamplighter:hold";

/// Maximum time that a rollout waits for a snapshot.
const MAX_ROLLOUT_WAIT: SignedDuration = SignedDuration::from_hours(12);

/// Decision about one snapshot, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationDecision {
    Keep(Vec<String>),
    /// Kept for now: the policy was shortened less than a day ago.
    Wait(Vec<String>),
    Delete(String),
}

/// Owner of the snapshots and the rules for rotating them.
#[derive(Debug, Clone, Copy)]
pub struct RotationRules<'a> {
    pub stack: &'a str,
    /// The current database. Snapshots of an earlier one of the same name are kept.
    pub database: &'a Database,
    pub keep: &'a Retention,
    /// The policies of the last days, oldest first.
    pub policies: &'a [PolicyUse],
    pub zone: &'a TimeZone,
    /// Snapshots that are shared, being copied or being restored.
    pub in_use: &'a BTreeSet<Arn>,
}

impl RotationDecision {
    /// Returns the reasons to keep the snapshot; `None` if it is to be deleted.
    #[must_use]
    pub fn keep_reasons(&self) -> Option<&[String]> {
        match self {
            Self::Keep(reasons) | Self::Wait(reasons) => Some(reasons),
            Self::Delete(_) => None,
        }
    }

    /// Returns the reason to delete the snapshot; `None` if it is kept.
    #[must_use]
    pub fn delete_reason(&self) -> Option<&str> {
        match self {
            Self::Keep(_) | Self::Wait(_) => None,
            Self::Delete(reason) => Some(reason),
        }
    }

    fn keep(reason: &str) -> Self {
        Self::Keep(vec![reason.to_owned()])
    }
}

/// Decides for each snapshot whether to keep it, in the given order.
#[must_use]
pub fn rotate_snapshots<'s>(
    snapshots: &'s [Snapshot],
    rules: RotationRules<'_>,
    now: Timestamp,
) -> Vec<(&'s Snapshot, RotationDecision)> {
    let good = good_snapshots(snapshots, rules);
    let tier_reasons = reasons_of_tiers(&good, rules.keep, rules.zone);
    let longer_reasons = reasons_of_longer_policies(&good, rules, now);
    snapshots
        .iter()
        .map(|snapshot| {
            let place = good.iter().position(|good| std::ptr::eq(*good, snapshot));
            let decision = match place {
                Some(place) => {
                    let mut reasons = tier_reasons.get(place).cloned().unwrap_or_default();
                    reasons.extend(other_keep_reasons(snapshot, &good, rules, now));
                    let longer = longer_reasons.get(place).cloned().unwrap_or_default();
                    decide_good(reasons, longer, rules)
                }
                None => decide_unusable(snapshot, rules, now),
            };
            (snapshot, decision)
        })
        .collect()
}

/// Returns the complete snapshots that the stack took of the current database, newest first.
fn good_snapshots<'s>(snapshots: &'s [Snapshot], rules: RotationRules<'_>) -> Vec<&'s Snapshot> {
    let mut good: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| s.is_taken_by(rules.stack, rules.database) && s.holds_data())
        .collect();
    good.sort_by(|a, b| (b.taken_at, &b.identifier).cmp(&(a.taken_at, &a.identifier)));
    good
}

fn decide_good(
    reasons: Vec<String>,
    longer: Vec<String>,
    rules: RotationRules<'_>,
) -> RotationDecision {
    if !reasons.is_empty() {
        RotationDecision::Keep(reasons)
    } else if !longer.is_empty() {
        RotationDecision::Wait(longer)
    } else {
        RotationDecision::Delete(format!("newer snapshots fill keep={}", rules.keep))
    }
}

/// Returns the reasons to keep good snapshots that policies had until a day ago: what one slip in a tag would delete waits that long.
///
fn reasons_of_longer_policies(
    good: &[&Snapshot],
    rules: RotationRules<'_>,
    now: Timestamp,
) -> Vec<Vec<String>> {
    let mut reasons = vec![Vec::new(); good.len()];
    for policy in list_recent_policies(rules.policies, now) {
        let kept = reasons_of_tiers(good, &policy, rules.zone);
        for (reasons, kept) in reasons.iter_mut().zip(kept) {
            if !kept.is_empty() {
                reasons.push(format!("keep={policy} until a day ago"));
            }
        }
    }
    reasons
}

/// Returns the policies that were in force within the last day. One is until another one is noticed.
fn list_recent_policies(policies: &[PolicyUse], now: Timestamp) -> Vec<Retention> {
    let ends = policies.iter().skip(1).map(|next| Some(next.since));
    let ends = ends.chain([None]);
    let recent = policies
        .iter()
        .zip(ends)
        .filter(|(_, end)| end.is_none_or(|end| now.duration_since(end) < SHORTENED_FOR));
    recent
        .filter_map(|(policy, _)| policy.keep.parse().ok())
        .collect()
}

/// Returns the reasons beside the tiers to keep a good snapshot. `good` is sorted newest first.
fn other_keep_reasons(
    snapshot: &Snapshot,
    good: &[&Snapshot],
    rules: RotationRules<'_>,
    now: Timestamp,
) -> Vec<String> {
    let newest = good.first().map(|newest| &newest.identifier);
    let newest_verified = good
        .iter()
        .find(|good| good.is_verified())
        .map(|verified| &verified.identifier);
    let is_recent = snapshot
        .taken_at
        .is_some_and(|at| now.duration_since(at) < MAX_ROLLOUT_WAIT);
    let reasons = [
        (newest == Some(&snapshot.identifier), "newest good snapshot"),
        (
            newest_verified == Some(&snapshot.identifier),
            "newest verified snapshot",
        ),
        (snapshot.is_held(), HELD),
        (
            rules.in_use.contains(&snapshot.arn) || !snapshot.is_restorable(),
            "shared, being copied or being restored",
        ),
        (
            is_recent && snapshot.is_before_rollout(),
            "a rollout may wait for it",
        ),
        (
            *rules.keep == Retention::default(),
            "the policy names no tier",
        ),
    ];
    reasons
        .into_iter()
        .filter(|(applies, _)| *applies)
        .map(|(_, reason)| reason.to_owned())
        .collect()
}

fn decide_unusable(
    snapshot: &Snapshot,
    rules: RotationRules<'_>,
    now: Timestamp,
) -> RotationDecision {
    if !snapshot.is_taken_by(rules.stack, rules.database) {
        return RotationDecision::keep("not taken by this stack of this database");
    }
    let age = snapshot.request_time().map(|at| now.duration_since(at));
    match snapshot.status.as_str() {
        "failed" => RotationDecision::Delete("failed".to_owned()),
        status @ ("creating" | "copying") => match age.filter(|age| *age >= STUCK_AFTER) {
            Some(age) => {
                RotationDecision::Delete(format!("still {status} after {} h", age.as_hours()))
            }
            None => RotationDecision::keep("being created"),
        },
        _ if snapshot.is_held() => RotationDecision::keep(HELD),
        status => RotationDecision::keep(status),
    }
}
