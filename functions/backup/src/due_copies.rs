//! Snapshots that are due to be copied to another region or to the vault. Pure.

use lamplighter::model::{Arn, Snapshot};

/// Returns the good snapshots that are newer than all copies at a place, oldest first. For a place
/// without copies, returns only the newest snapshot.
pub fn snapshots_to_copy<'s>(
    here: &'s [Snapshot],
    there: &[Snapshot],
    stack: &str,
    database: &Arn,
) -> Vec<&'s Snapshot> {
    let last_copied = there
        .iter()
        .filter(|copy| copy.status != "failed" && copy.is_taken_by(stack, database))
        .map(|copy| copy.identifier.as_str())
        .max();
    let mut due = own_snapshots(here, stack, database);
    match last_copied {
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
pub fn own_snapshots<'s>(
    snapshots: &'s [Snapshot],
    stack: &str,
    database: &Arn,
) -> Vec<&'s Snapshot> {
    let mut own: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|s| s.is_taken_by(stack, database) && s.is_restorable())
        .collect();
    own.sort_by_key(|snapshot| snapshot.taken_at);
    own
}
