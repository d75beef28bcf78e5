//! Back-off of what failed because of its environment.

use jiff::{SignedDuration, Timestamp};

/// The time until the first retry, and the longest one. Each failure doubles it.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(5);
const LAST_RETRY: SignedDuration = SignedDuration::from_hours(4);
/// Doublings after which [`LAST_RETRY`] is reached.
const MAX_DOUBLINGS: u32 = 6;

/// Returns the time of the next attempt after so many failures, the last of which was at `failed_at`.
pub(super) fn retry_time(failed_at: Timestamp, failures: u32) -> Timestamp {
    let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
    let wait = FIRST_RETRY * 2_i32.pow(doublings);
    failed_at + wait.min(LAST_RETRY)
}
