//! What is remembered of releases: what is followed, what was good, what is not rolled out again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Memory;
use crate::model::Digest;
use crate::plan::{GoBack, Judge, Rollout, Verdict};

/// By what the ledger knows that a rollout is to be followed.
const FOLLOWED_BY: &str = "rollout";
/// Revisions that are remembered as good.
const VERIFIED_KEPT: usize = 10;

/// A rollout that AWS took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision that ran before.
    pub base: String,
    pub at: Timestamp,
    /// What looks at its addresses have found since it is completed.
    #[serde(default)]
    pub looks: Looks,
}

/// Looks at the addresses that a release must answer on.
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
}

/// A revision that a rollout ended well with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub digest: Digest,
    pub tag: String,
    /// Its ARN.
    pub revision: String,
    pub at: Timestamp,
}

impl Memory {
    pub(super) fn follow(&mut self, rollout: &Rollout, at: Timestamp) {
        let (digest, tag, base) = (rollout.digest.clone(), rollout.tag.clone(), rollout.base.clone());
        self.following = Some(Following { digest, tag, base, at, looks: Looks::default() });
        self.watch(FOLLOWED_BY, true);
    }

    pub(super) fn judged(&mut self, judge: &Judge, at: Timestamp) {
        match &judge.verdict {
            Verdict::Passed { revision } => {
                self.quarantined.remove(&judge.digest);
                self.verified.retain(|verified| verified.digest != judge.digest);
                let (digest, tag, revision) = (judge.digest.clone(), judge.tag.clone(), revision.clone());
                self.verified.push(Verified { digest, tag, revision, at });
                self.verified.drain(..self.verified.len().saturating_sub(VERIFIED_KEPT));
            }
            Verdict::Failed { reason } => self.quarantine(&judge.digest, reason),
            Verdict::Superseded => {}
        }
        self.stop_following(&judge.digest);
    }

    pub(super) fn gone_back(&mut self, back: &GoBack) {
        self.quarantine(&back.digest, &back.reason);
        self.stop_following(&back.digest);
    }

    fn quarantine(&mut self, digest: &Digest, reason: &str) {
        self.quarantined.insert(digest.clone(), reason.to_owned());
        self.verified.retain(|verified| verified.digest != *digest);
    }

    fn stop_following(&mut self, digest: &Digest) {
        self.following.take_if(|following| following.digest == *digest);
    }
}
