//! Rotation: decides which snapshots to keep and which to delete. Pure.
//!
//! A tier keeps the newest snapshot of each hour, day, week or month, for as many periods as the
//! policy says. Periods without a snapshot don't count. While a tier is not full, it also keeps the
//! oldest snapshot. restic's `forget` works the same way:
//! <https://restic.readthedocs.io/en/stable/060_forget.html>. Some snapshots are never deleted,
//! whatever the tiers say.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use lamplighter::model::{Arn, Snapshot};
use lamplighter::policy::Retention;

/// Age from which a snapshot in state `creating` is considered stuck.
const STUCK_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Maximum time that a rollout waits for a snapshot.
const MAX_ROLLOUT_WAIT: SignedDuration = SignedDuration::from_hours(12);

/// Decision about one snapshot, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationDecision {
    Keep(Vec<String>),
    Delete(String),
}

/// Owner of the snapshots and the rules for rotating them.
#[derive(Debug, Clone, Copy)]
pub struct RotationRules<'a> {
    pub stack: &'a str,
    pub database: &'a Arn,
    /// Resource ID of the current database. Snapshots of an earlier database of the same name are
    /// kept.
    pub resource_id: &'a str,
    pub keep: &'a Retention,
    pub zone: &'a TimeZone,
    /// Identifiers of snapshots that are shared, being copied or being restored.
    pub in_use: &'a BTreeSet<String>,
}

/// State of one tier while walking the snapshots, newest first.
struct Tier {
    unit: &'static str,
    left: u32,
    last: Option<String>,
    name: fn(&Zoned) -> String,
}

/// Decides for each snapshot whether to keep it, in the given order.
#[must_use]
pub fn rotate_snapshots<'s>(
    snapshots: &'s [Snapshot],
    rules: RotationRules<'_>,
    now: Timestamp,
) -> Vec<(&'s Snapshot, RotationDecision)> {
    let mut good: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| {
            s.is_taken_by(rules.stack, rules.database)
                && s.matches_resource_id(rules.resource_id)
                && s.is_restorable()
        })
        .collect();
    good.sort_by(|a, b| (b.taken_at, &b.identifier).cmp(&(a.taken_at, &a.identifier)));
    let newest = good.first().map(|snapshot| &snapshot.identifier);
    let proven = good
        .iter()
        .find(|snapshot| snapshot.is_verified())
        .map(|snapshot| &snapshot.identifier);
    let kept = keep_reasons(&good, rules);
    let verdict = |snapshot: &'s Snapshot| {
        let Some(place) = good.iter().position(|good| std::ptr::eq(*good, snapshot)) else {
            return decide_unusable(snapshot, rules, now);
        };
        let mut reasons = kept.get(place).cloned().unwrap_or_default();
        let mut also = |holds: bool, reason: &str| {
            if holds {
                reasons.push(reason.to_owned());
            }
        };
        also(newest == Some(&snapshot.identifier), "the newest good one");
        also(
            proven == Some(&snapshot.identifier),
            "the newest that was restored and checked",
        );
        also(snapshot.is_held(), "held by a person");
        also(
            rules.in_use.contains(&snapshot.identifier),
            "shared or in use",
        );
        let fresh = snapshot
            .taken_at
            .is_some_and(|at| now.duration_since(at) < MAX_ROLLOUT_WAIT);
        also(
            fresh && snapshot.identifier.contains("-before-"),
            "a rollout may wait for it",
        );
        also(
            *rules.keep == Retention::default(),
            "the policy names no tier",
        );
        if reasons.is_empty() {
            return RotationDecision::Delete(format!("newer ones fill keep={}", rules.keep));
        }
        RotationDecision::Keep(reasons)
    };
    snapshots
        .iter()
        .map(|snapshot| (snapshot, verdict(snapshot)))
        .collect()
}

/// Returns the tiers' reasons to keep each good snapshot, newest first.
fn keep_reasons(good: &[&Snapshot], rules: RotationRules<'_>) -> Vec<Vec<String>> {
    let keep = rules.keep;
    let mut tiers = [
        Tier {
            unit: "hour",
            left: keep.hours,
            last: None,
            name: |at| at.strftime("%F %H:00 %:z").to_string(),
        },
        Tier {
            unit: "day",
            left: keep.days,
            last: None,
            name: |at| at.strftime("%F").to_string(),
        },
        Tier {
            unit: "week",
            left: keep.weeks,
            last: None,
            name: |at| at.strftime("%G-W%V").to_string(),
        },
        Tier {
            unit: "month",
            left: keep.months,
            last: None,
            name: |at| at.strftime("%Y-%m").to_string(),
        },
    ];
    let mut kept = Vec::new();
    for (place, snapshot) in good.iter().enumerate() {
        let at = snapshot
            .taken_at
            .unwrap_or_default()
            .to_zoned(rules.zone.clone());
        let oldest = place + 1 == good.len();
        kept.push(
            tiers
                .iter_mut()
                .filter_map(|tier| tier.claim_period(&at, oldest))
                .collect(),
        );
    }
    kept
}

impl Tier {
    fn claim_period(&mut self, at: &Zoned, oldest: bool) -> Option<String> {
        let bucket = (self.name)(at);
        let is_new = self.last.as_ref() != Some(&bucket);
        if self.left == 0 || !(is_new || oldest) {
            return None;
        }
        self.left -= 1;
        let reason = if is_new {
            format!("{} {bucket}", self.unit)
        } else {
            format!("the oldest, {}s are not full", self.unit)
        };
        self.last = Some(bucket);
        Some(reason)
    }
}

fn decide_unusable(
    snapshot: &Snapshot,
    rules: RotationRules<'_>,
    now: Timestamp,
) -> RotationDecision {
    let keep = |reason: &str| RotationDecision::Keep(vec![reason.to_owned()]);
    if !snapshot.is_taken_by(rules.stack, rules.database) {
        return keep("not ours");
    }
    if snapshot.is_held() {
        return keep("held by a person");
    }
    if !snapshot.matches_resource_id(rules.resource_id) {
        return keep("of an earlier database of this name");
    }
    let age = snapshot.taken_at.map(|at| now.duration_since(at));
    match snapshot.status.as_str() {
        "failed" => RotationDecision::Delete("it failed".to_owned()),
        "creating" => match age.filter(|age| *age >= STUCK_AFTER) {
            Some(age) => {
                RotationDecision::Delete(format!("still creating after {} h", age.as_hours()))
            }
            None => keep("being made"),
        },
        status => keep(status),
    }
}
