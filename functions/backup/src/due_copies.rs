//! Snapshots that are due to be copied to another region or to the vault. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Snapshot;

use crate::rotate::{RotationRules, rotate_snapshots};

/// Bounds of the time between a copy that failed and the next attempt.
const MIN_RETRY: SignedDuration = SignedDuration::from_hours(1);
const MAX_RETRY: SignedDuration = SignedDuration::from_hours(24);

/// Returns the good snapshots without a copy at a place, oldest first: those since the first copy there that the policy
/// keeps. For a place without copies, returns only the newest snapshot.
pub fn snapshots_to_copy<'s>(
    here: &'s [Snapshot],
    copies: &[Snapshot],
    rules: RotationRules<'_>,
    now: Timestamp,
) -> Vec<&'s Snapshot> {
    let mut due = own_snapshots(here, rules);
    match copies.iter().filter_map(|copy| copy.taken_at).min() {
        Some(first) => due.retain(|snapshot| snapshot.taken_at >= Some(first)),
        None => drop(due.drain(..due.len().saturating_sub(1))),
    }
    // A failed copy must be deleted before its snapshot is copied again.
    due.retain(|snapshot| find_copy(copies, snapshot).is_none());
    let mut expected: Vec<Snapshot> = due.iter().map(|snapshot| expect_copy(snapshot)).collect();
    let others = copies.iter().filter(|copy| copy.status != "failed");
    expected.extend(others.map(expect_copy));
    let decisions = rotate_snapshots(&expected, rules, now);
    // The first of both lists are the same.
    let mut decisions = decisions.iter();
    due.retain(|_| {
        let decision = decisions.next();
        decision.is_some_and(|(_, decision)| decision.keep_reasons().is_some())
    });
    due
}

/// Returns the good snapshots that this stack took of the current database, oldest first.
fn own_snapshots<'s>(snapshots: &'s [Snapshot], rules: RotationRules<'_>) -> Vec<&'s Snapshot> {
    let mut own: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| s.is_taken_by(rules.stack, rules.database) && s.is_restorable())
        .collect();
    own.sort_by_key(|snapshot| (snapshot.taken_at, &snapshot.identifier));
    own
}

/// Reports whether the newest good snapshot has a good copy. Without it, no good copy is deleted.
pub fn has_newest(here: &[Snapshot], copies: &[Snapshot], rules: RotationRules<'_>) -> bool {
    let own = own_snapshots(here, rules);
    let copy = own.last().and_then(|newest| find_copy(copies, newest));
    copy.is_some_and(Snapshot::is_restorable)
}

/// Returns the copy of a snapshot, in whatever status.
fn find_copy<'c>(copies: &'c [Snapshot], snapshot: &Snapshot) -> Option<&'c Snapshot> {
    let name = snapshot.copy_name();
    copies.iter().find(|copy| copy.identifier == name)
}

/// Returns when a failed copy is deleted and made again: the longer it has failed, the later.
pub fn next_attempt(failed: &Snapshot) -> Option<Timestamp> {
    let requested = failed.requested_at()?;
    let since = requested.duration_since(failed.taken_at?);
    Some(requested + since.clamp(MIN_RETRY, MAX_RETRY))
}

/// Returns a snapshot as its good copy will be.
fn expect_copy(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        status: "available".to_owned(),
        tags: snapshot.copy_tags(Timestamp::UNIX_EPOCH),
        ..snapshot.clone()
    }
}
