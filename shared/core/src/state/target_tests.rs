//! The target state: what is kept, and for how long.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::model::Digest;

#[test]
fn people_are_told_once_a_day() {
    let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    let mut memory = TargetState::default();
    assert!(memory.should_notify(Some("bad-tag"), now));
    assert!(!memory.should_notify(Some("bad-tag"), now + SignedDuration::from_hours(23)));
    assert!(memory.should_notify(Some("bad-tag"), now + SignedDuration::from_hours(24)));
    assert!(memory.should_notify(None, now) && memory.should_notify(None, now));
}

#[test]
fn the_last_rollout_and_the_last_hour_are_never_forgotten() {
    let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    let mut memory = TargetState::default();
    let last = Attempt {
        digest: Some(Digest::new("sha256:ab")),
        ..Attempt::at(now - SignedDuration::from_hours(9))
    };
    memory.releases.attempts.push(last.clone());
    memory
        .releases
        .attempts
        .extend((0..60).map(|n| Attempt::at(now - SignedDuration::from_mins(120 - n))));
    memory
        .releases
        .attempts
        .extend((0..60).map(|_| Attempt::at(now)));
    memory.prune_attempts(now);
    assert_eq!(memory.releases.attempts.len(), 61);
    assert_eq!(memory.last_rollout(), Some(&last));
}

#[test]
fn a_memory_of_an_earlier_version_still_reads() {
    assert_eq!(
        serde_json::from_str::<TargetState>("{}").unwrap(),
        TargetState::default()
    );
}
