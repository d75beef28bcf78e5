//! Probes of the URLs that a release must answer on.
//!
//! Responses get lost, so a single probe proves little and several in a row decide. Each
//! reconciliation probes at most once and never waits in between.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Equal results in a row that decide the outcome; and probes after which an undecided one is
/// given up.
pub const REQUIRED_STREAK: u32 = 3;
const MAX_PROBES: u32 = 10;
/// Minimum time between two probes. Events come in bursts, and probes in one burst see the same
/// moment.
const MIN_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// The results of the probes until now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStreak {
    pub total: u32,
    pub passed: u32,
    /// The number of latest probes in a row in which all URLs answered as expected.
    pub successes: u32,
    /// The number of latest probes in a row in which at least one URL failed.
    pub failures: u32,
    /// The latest problem.
    pub problem: Option<String>,
    /// The time of the latest probe.
    pub last_at: Option<Timestamp>,
}

impl ProbeStreak {
    /// Returns the streak with one more probe; `problem` is `None` if all URLs answered as
    /// expected.
    #[must_use]
    pub fn with_result(&self, problem: Option<String>, at: Timestamp) -> Self {
        let is_success = problem.is_none();
        Self {
            total: self.total + 1,
            passed: self.passed + u32::from(is_success),
            successes: if is_success { self.successes + 1 } else { 0 },
            failures: if is_success { 0 } else { self.failures + 1 },
            problem: problem.or_else(|| self.problem.clone()),
            last_at: Some(at),
        }
    }

    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.successes >= REQUIRED_STREAK
    }

    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.failures >= REQUIRED_STREAK
    }

    /// Reports whether the probes ended without a clear result: some succeeded and some failed.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        self.total >= MAX_PROBES && !self.is_healthy() && !self.is_unhealthy()
    }

    /// Returns whether another probe is needed, and the last one is long enough ago.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let is_too_soon = self
            .last_at
            .is_some_and(|last| now.duration_since(last) < MIN_INTERVAL);
        !is_too_soon && !self.is_healthy() && !self.is_unhealthy() && !self.is_inconclusive()
    }
}
