//! Which snapshots stay and which go. Pure.
//!
//! The newest of each hour, day, week and month stays, for as many of them as the policy says; hours and days
//! without a snapshot do not count. While a tier is not full, the oldest snapshot stays too. That is what restic's
//! `forget` does: <https://restic.readthedocs.io/en/stable/060_forget.html>. Above it stands what is never deleted.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use lamplighter::model::{Arn, Snapshot};
use lamplighter::policy::Retention;

/// One that is still being made after this long never will be.
const STUCK: SignedDuration = SignedDuration::from_hours(24);

/// The longest that a rollout waits for a snapshot.
const WAITED_FOR: SignedDuration = SignedDuration::from_hours(12);

/// What becomes of one snapshot, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Keep(Vec<String>),
    Delete(String),
}

/// Whose snapshots, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub stack: &'a str,
    pub database: &'a Arn,
    /// Of the database as it is now; snapshots of one that had its name before stay.
    pub resource_id: &'a str,
    pub keep: &'a Retention,
    pub zone: &'a TimeZone,
    /// Identifiers of those that are shared, copied or restored from now.
    pub in_use: &'a BTreeSet<String>,
}

/// One tier while snapshots are walked, the newest first.
struct Tier {
    unit: &'static str,
    left: u32,
    last: Option<String>,
    name: fn(&Zoned) -> String,
}

/// The verdict on each snapshot, in the order in which they came.
#[must_use]
pub fn rotate<'s>(
    snapshots: &'s [Snapshot],
    rules: Rules<'_>,
    now: Timestamp,
) -> Vec<(&'s Snapshot, Verdict)> {
    let mut good: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| {
            s.is_ours(rules.stack, rules.database) && s.is_of(rules.resource_id) && s.is_good()
        })
        .collect();
    good.sort_by(|a, b| (b.taken_at, &b.identifier).cmp(&(a.taken_at, &a.identifier)));
    let newest = good.first().map(|snapshot| &snapshot.identifier);
    let proven = good
        .iter()
        .find(|snapshot| snapshot.is_verified())
        .map(|snapshot| &snapshot.identifier);
    let kept = tiers(&good, rules);
    let verdict = |snapshot: &'s Snapshot| {
        let Some(place) = good.iter().position(|good| std::ptr::eq(*good, snapshot)) else {
            return not_good(snapshot, rules, now);
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
            .is_some_and(|at| now.duration_since(at) < WAITED_FOR);
        also(
            fresh && snapshot.identifier.contains("-before-"),
            "a rollout may wait for it",
        );
        also(
            *rules.keep == Retention::default(),
            "the policy names no tier",
        );
        if reasons.is_empty() {
            return Verdict::Delete(format!("newer ones fill keep={}", rules.keep));
        }
        Verdict::Keep(reasons)
    };
    snapshots
        .iter()
        .map(|snapshot| (snapshot, verdict(snapshot)))
        .collect()
}

/// Why the tiers keep each good snapshot, the newest first.
fn tiers(good: &[&Snapshot], rules: Rules<'_>) -> Vec<Vec<String>> {
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
                .filter_map(|tier| tier.keeps(&at, oldest))
                .collect(),
        );
    }
    kept
}

impl Tier {
    fn keeps(&mut self, at: &Zoned, oldest: bool) -> Option<String> {
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

fn not_good(snapshot: &Snapshot, rules: Rules<'_>, now: Timestamp) -> Verdict {
    let keep = |reason: &str| Verdict::Keep(vec![reason.to_owned()]);
    if !snapshot.is_ours(rules.stack, rules.database) {
        return keep("not ours");
    }
    if snapshot.is_held() {
        return keep("held by a person");
    }
    if !snapshot.is_of(rules.resource_id) {
        return keep("of an earlier database of this name");
    }
    let age = snapshot.taken_at.map(|at| now.duration_since(at));
    match snapshot.status.as_str() {
        "failed" => Verdict::Delete("it failed".to_owned()),
        "creating" => match age.filter(|age| *age >= STUCK) {
            Some(age) => Verdict::Delete(format!("still creating after {} h", age.as_hours())),
            None => keep("being made"),
        },
        status => keep(status),
    }
}
