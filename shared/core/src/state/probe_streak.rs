//! ProbeStreak at the addresses that a release must answer on. One says little, since answers are lost; several in a row settle
//! it, and nothing is waited for in between: each visit looks once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// ProbeStreak in a row that settle it, one way or the other, and looks after which it is given up.
pub const IN_A_ROW: u32 = 3;
const MOST: u32 = 10;
/// From one look to the next, at least: events come in bursts, and what they see is one and the same moment.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// What they have found until now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStreak {
    pub all: u32,
    pub passed: u32,
    /// Of the last ones in a row, in which all addresses answered as they should.
    pub good: u32,
    /// Of the last ones in a row, in which one did not.
    pub bad: u32,
    /// What was wrong last.
    pub problem: Option<String>,
    /// When the last one was.
    pub last: Option<Timestamp>,
}

impl ProbeStreak {
    /// The same with one more.
    #[must_use]
    pub fn with_result(&self, problem: Option<String>, at: Timestamp) -> Self {
        let well = problem.is_none();
        Self {
            all: self.all + 1,
            passed: self.passed + u32::from(well),
            good: if well { self.good + 1 } else { 0 },
            bad: if well { 0 } else { self.bad + 1 },
            problem: problem.or_else(|| self.problem.clone()),
            last: Some(at),
        }
    }

    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.good >= IN_A_ROW
    }

    #[must_use]
    pub fn is_refuted(&self) -> bool {
        self.bad >= IN_A_ROW
    }

    /// It answers now and then.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        self.all >= MOST && !self.is_confirmed() && !self.is_refuted()
    }

    /// Returns whether another probe is needed, and the last one is long enough ago.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let is_too_soon = self
            .last
            .is_some_and(|last| now.duration_since(last) < APART);
        !is_too_soon && !self.is_confirmed() && !self.is_refuted() && !self.is_unclear()
    }
}
