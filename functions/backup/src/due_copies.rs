//! Snapshots that are due to be copied to another region or to the vault. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{CopyDestination, Snapshot};
use lamplighter::state::CopyPlace;

use crate::rotate::{RotationRules, rotate_snapshots};

/// Bounds of the time between a copy that failed and the next attempt.
const MIN_RETRY: SignedDuration = SignedDuration::from_hours(1);
const MAX_RETRY: SignedDuration = SignedDuration::from_hours(24);
/// Maximum time between a copy that failed and the first attempt with newer data.
const MAX_WAIT_OF_NEWER: SignedDuration = SignedDuration::from_hours(6);

/// Age up to which an older snapshot is copied to the vault afterwards. It is shorter than the least age of copies there
/// (`LeastAgeDays` in `infra/vault.yaml`), so that none is copied, rotated and copied again.
const VAULT_CATCHES_UP: SignedDuration = SignedDuration::from_hours(72);

/// Returns the good snapshots without a copy at a place, newest first: those since the first copy there that the policy
/// keeps. For a place without copies, returns only the newest snapshot.
pub fn snapshots_to_copy<'s>(
    here: &'s [Snapshot],
    copies: &[Snapshot],
    place: &CopyDestination,
    rules: RotationRules<'_>,
    now: Timestamp,
) -> Vec<&'s Snapshot> {
    let mut due = own_snapshots(here, rules);
    if place.is_vault() {
        // What is newer than every copy always; an older one must not follow a copy that the vault has rotated already.
        let newest_there = copies.iter().filter_map(|copy| copy.taken_at).max();
        due.retain(|snapshot| {
            let age = snapshot.taken_at.map(|at| now.duration_since(at));
            snapshot.taken_at > newest_there || age.is_some_and(|age| age < VAULT_CATCHES_UP)
        });
    }
    match copies.iter().filter_map(|copy| copy.taken_at).min() {
        Some(first) => due.retain(|snapshot| snapshot.taken_at >= Some(first)),
        None => due.truncate(1),
    }
    // A failed copy must be deleted before its snapshot is copied again.
    due.retain(|snapshot| find_copy(copies, snapshot).is_none());
    let mut expected: Vec<Snapshot> = due.iter().map(|snapshot| expect_copy(snapshot)).collect();
    let others = copies.iter().filter(|copy| !has_failed(copy));
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

/// Returns the good snapshots that this stack took of the current database, newest first.
fn own_snapshots<'s>(snapshots: &'s [Snapshot], rules: RotationRules<'_>) -> Vec<&'s Snapshot> {
    let mut own: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| s.is_taken_by(rules.stack, rules.database) && s.is_restorable())
        .collect();
    own.sort_by(|a, b| (b.taken_at, &b.identifier).cmp(&(a.taken_at, &a.identifier)));
    own
}

/// Returns the time of the oldest good snapshot that this stack took of the current database.
pub fn first_backup(snapshots: &[Snapshot], rules: RotationRules<'_>) -> Option<Timestamp> {
    own_snapshots(snapshots, rules).last()?.taken_at
}

/// Reports whether the newest good snapshot has a good copy. Without it, no good copy is deleted.
pub fn has_newest(here: &[Snapshot], copies: &[Snapshot], rules: RotationRules<'_>) -> bool {
    let own = own_snapshots(here, rules);
    let copy = own.first().and_then(|newest| find_copy(copies, newest));
    copy.is_some_and(Snapshot::is_restorable)
}

/// Returns the copy of a snapshot, in whatever status.
fn find_copy<'c>(copies: &'c [Snapshot], snapshot: &Snapshot) -> Option<&'c Snapshot> {
    let name = snapshot.copy_name();
    copies.iter().find(|copy| copy.identifier == name)
}

/// Reports whether AWS began a copy and gave it up.
pub fn has_failed(copy: &Snapshot) -> bool {
    copy.status == "failed"
}

/// Reports whether AWS is making a copy.
pub fn is_running(copy: &Snapshot) -> bool {
    !copy.is_restorable() && !has_failed(copy)
}

/// Returns when a failed copy is deleted and made again: the longer the copies at its place have failed, the later.
pub fn next_attempt(failed: &Snapshot, failing_since: Timestamp) -> Option<Timestamp> {
    let requested = failed.request_time()?;
    let lasting = requested.duration_since(failing_since);
    Some(requested + lasting.clamp(MIN_RETRY, MAX_RETRY))
}

/// Returns since when copies at a place have failed; `None` if they don't.
pub fn find_failing_since(copies: &[Snapshot], known: Option<&CopyPlace>) -> Option<Timestamp> {
    let known = known.and_then(|place| place.failing_since);
    let failed = copies.iter().filter(|copy| has_failed(copy));
    known.or_else(|| failed.filter_map(Snapshot::request_time).min())
}

/// Reports whether a copy must not be deleted yet: AWS is making it, or the next attempt is later.
pub fn must_wait(copy: &Snapshot, failing_since: Option<Timestamp>, now: Timestamp) -> bool {
    let next = failing_since.and_then(|since| next_attempt(copy, since));
    is_running(copy) || (has_failed(copy) && next.is_some_and(|next| now < next))
}

/// Returns how many copies may begin at a place where they fail: one, when the last attempt is long enough ago. A failed
/// copy waits for its own next attempt, so what may begin has newer data, or was deleted to be made again.
pub fn limit_of_failing_place(
    copies: &[Snapshot],
    failing_since: Timestamp,
    now: Timestamp,
) -> usize {
    if copies.iter().any(is_running) {
        return 0;
    }
    // If the copy of newer data is good, the place works, and only one of the copies fails.
    let newest = copies.iter().max_by_key(|copy| copy.taken_at);
    let next = newest
        .filter(|newest| has_failed(newest))
        .and_then(|newest| next_attempt(newest, failing_since));
    let soon = newest.and_then(Snapshot::request_time);
    let soon = soon.map(|requested| requested + MAX_WAIT_OF_NEWER);
    usize::from(next.is_none_or(|next| now >= next || soon.is_some_and(|soon| now >= soon)))
}

/// Returns a snapshot as its good copy will be.
fn expect_copy(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        status: "available".to_owned(),
        tags: snapshot.copy_tags(Timestamp::UNIX_EPOCH),
        ..snapshot.clone()
    }
}
