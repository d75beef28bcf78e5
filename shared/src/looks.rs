//! Looks at the addresses that a release must answer on. One says little, since answers are lost; several in a row settle
//! it, and nothing is waited for in between: each visit looks once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;

/// Looks in a row that settle it, one way or the other, and looks after which it is given up.
pub const IN_A_ROW: u32 = 3;
const MOST: u32 = 10;
/// From one look to the next, at least: events come in bursts, and what they see is one and the same moment.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// What they have found until now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
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

impl Looks {
    /// The same with one more.
    #[must_use]
    pub fn and(&self, problem: Option<String>, at: Timestamp) -> Self {
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

    /// One more look at all addresses, if one is needed.
    pub async fn again<C: Cloud>(
        &self,
        urls: &[String],
        expect: Option<&str>,
        now: Timestamp,
        cloud: &C,
    ) -> Self {
        let is_too_soon = self
            .last
            .is_some_and(|last| now.duration_since(last) < APART);
        if is_too_soon || self.is_confirmed() || self.is_refuted() || self.is_unclear() {
            return self.clone();
        }
        let mut problem = None;
        for url in urls {
            let answer = cloud.answer(url, expect).await;
            problem = problem.or(answer.problem.map(|problem| format!("{url}: {problem}")));
        }
        self.and(problem, now)
    }
}
