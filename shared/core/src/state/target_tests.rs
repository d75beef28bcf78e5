//! The target state: what is kept, and for how long.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::model::Digest;

#[test]
fn people_are_notified_once_a_day() {
    let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    let mut state = TargetState::default();
    assert!(state.should_notify(Some("invalid-tag"), now));
    assert!(!state.should_notify(Some("invalid-tag"), now + SignedDuration::from_hours(23)));
    assert!(state.should_notify(Some("invalid-tag"), now + SignedDuration::from_hours(24)));
    assert!(state.should_notify(None, now) && state.should_notify(None, now));
}

#[test]
fn the_last_rollout_and_the_last_hour_are_never_dropped() {
    let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    let mut state = TargetState::default();
    let last = Attempt {
        digest: Some(Digest::new("sha256:ab")),
        ..Attempt::at(now - SignedDuration::from_hours(9))
    };
    state.releases.attempts.push(last.clone());
    state
        .releases
        .attempts
        .extend((0..60).map(|n| Attempt::at(now - SignedDuration::from_mins(120 - n))));
    state
        .releases
        .attempts
        .extend((0..60).map(|_| Attempt::at(now)));
    state.prune_attempts(now);
    assert_eq!(state.releases.attempts.len(), 61);
    assert_eq!(state.last_rollout(), Some(&last));
}

#[test]
fn a_state_of_an_earlier_version_still_reads() {
    assert_eq!(
        serde_json::from_str::<TargetState>("{}").unwrap(),
        TargetState::default()
    );
}
