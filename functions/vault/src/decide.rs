//! Decides which copies have expired. Pure.
//!
//! Whoever owns the source account can put copies here and choose their tags, so the least age depends on none: it counts from
//! the time at which AWS made the copy, and databases are told apart by AWS's resource ID. Beyond the least age, newer copies displace
//! older ones, whoever put them here.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::tag_keys::EXPIRED;
use lamplighter::model::{DatabaseKind, Snapshot};
use lamplighter::policy::Retention;
use lamplighter::rotation::reasons_of_tiers;

/// Time between the notice that a copy has expired and its deletion, in which people can correct the policy.
pub const WAITS_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Time after which a copy that AWS gave up, or does not finish, makes room for the next attempt.
const FAILED_FOR: SignedDuration = SignedDuration::from_hours(1);
const STUCK_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What the vault keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub keep: Retention,
    /// No good copy is deleted before.
    pub least_age: SignedDuration,
}

/// What happens to a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Keep(String),
    /// The policy keeps it again: its mark goes.
    Unmark(String),
    /// The policy doesn't keep it: it is marked, and waits.
    Mark,
    Wait,
    Delete(String),
}

/// Takes no copy as newer than AWS made it. The time of the data is a tag of the source account for clusters.
pub fn bound_times(copies: &mut [Snapshot]) {
    for copy in copies {
        copy.taken_at = match (copy.taken_at, copy.made_at) {
            (Some(taken_at), Some(made_at)) => Some(taken_at.min(made_at)),
            (taken_at, _) => taken_at,
        };
    }
}

/// Decides about every copy, in the given order. Their times are bounded before.
#[must_use]
pub fn decide<'c>(
    copies: &'c [Snapshot],
    rules: &Rules,
    now: Timestamp,
) -> Vec<(&'c Snapshot, Verdict)> {
    let kept = list_kept(copies, rules);
    copies
        .iter()
        .map(|copy| {
            let reasons = kept.get(copy.arn.as_str());
            (copy, judge(copy, reasons.map(Vec::as_slice), rules, now))
        })
        .collect()
}

/// Returns the reasons of the policy to keep good copies, by their ARNs.
fn list_kept<'c>(copies: &'c [Snapshot], rules: &Rules) -> BTreeMap<&'c str, Vec<String>> {
    let mut databases: BTreeMap<(DatabaseKind, &str), Vec<&Snapshot>> = BTreeMap::new();
    for copy in copies.iter().filter(|copy| copy.is_restorable()) {
        databases.entry(find_database(copy)).or_default().push(copy);
    }
    let mut kept = BTreeMap::new();
    for mut good in databases.into_values() {
        good.sort_by(|a, b| (b.taken_at, &b.identifier).cmp(&(a.taken_at, &a.identifier)));
        let reasons = reasons_of_tiers(&good, &rules.keep, &TimeZone::UTC);
        for (n, (copy, mut reasons)) in good.into_iter().zip(reasons).enumerate() {
            if n == 0 {
                reasons.push("newest copy".to_owned());
            }
            kept.insert(copy.arn.as_str(), reasons);
        }
    }
    kept
}

/// Returns what tells the database of a copy from others.
fn find_database(copy: &Snapshot) -> (DatabaseKind, &str) {
    let id = if copy.resource_id.is_empty() {
        &copy.database
    } else {
        &copy.resource_id
    };
    (copy.kind, id)
}

/// `reasons`: those of the policy to keep it; `None` for a copy that isn't good.
fn judge(copy: &Snapshot, reasons: Option<&[String]>, rules: &Rules, now: Timestamp) -> Verdict {
    let Some(reasons) = reasons else {
        return judge_unusable(copy, now);
    };
    if copy.is_held() {
        return keep(copy, "held by lamplighter:hold");
    }
    if !reasons.is_empty() {
        return keep(copy, &reasons.join(", "));
    }
    let age = copy.made_at.map(|at| now.duration_since(at));
    match age {
        Some(age) if age >= rules.least_age => expire(copy, rules, now),
        Some(_) => keep(copy, "younger than the least age"),
        None => keep(copy, "of unknown age"),
    }
}

/// A copy that AWS gave up or never finishes holds no data, so no hold keeps it from being made again.
fn judge_unusable(copy: &Snapshot, now: Timestamp) -> Verdict {
    let age = copy.request_time().or(copy.made_at);
    let age = age.map(|at| now.duration_since(at)).unwrap_or_default();
    let patience = match copy.status.as_str() {
        "failed" => FAILED_FOR,
        "creating" | "copying" => STUCK_FOR,
        _ => return keep(copy, &copy.status),
    };
    if age >= patience {
        Verdict::Delete(format!("{} for {} h", copy.status, age.as_hours()))
    } else {
        keep(copy, &copy.status)
    }
}

fn keep(copy: &Snapshot, reason: &str) -> Verdict {
    if copy.tags.contains_key(EXPIRED) {
        Verdict::Unmark(reason.to_owned())
    } else {
        Verdict::Keep(reason.to_owned())
    }
}

fn expire(copy: &Snapshot, rules: &Rules, now: Timestamp) -> Verdict {
    let since: Option<Timestamp> = copy.tags.get(EXPIRED).and_then(|at| at.parse().ok());
    match since.filter(|since| *since <= now) {
        None => Verdict::Mark,
        Some(since) if now.duration_since(since) < WAITS_FOR => Verdict::Wait,
        Some(_) => Verdict::Delete(format!("newer copies fill {}", rules.keep)),
    }
}
