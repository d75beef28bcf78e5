//! The releases of a service, and their results.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, EnvironmentCause};
use crate::state::{ReleaseState, TargetState};

/// The releases that the state of a service remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHistory {
    /// The newest first.
    pub releases: Vec<ReleaseEntry>,
    /// The quarantined image digests, and why.
    pub quarantined: BTreeMap<Digest, String>,
}

/// One release of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEntry {
    pub at: Timestamp,
    pub tag: String,
    pub digest: Digest,
    /// The revision of a verified release, by family and number.
    pub revision: Option<String>,
    pub result: ReleaseResult,
}

/// The result of a release, as the target state knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseResult {
    /// The release failed; its image is quarantined for this reason.
    Quarantined(String),
    /// The release failed because of its environment, and is deployed again later.
    NotBlamed(EnvironmentCause),
    Verified,
    InProgress,
    NotVerified,
}

impl ReleaseHistory {
    /// Lists the releases of a service from its attempts and its verified revisions.
    #[must_use]
    pub fn of_state(target: &TargetState) -> Self {
        let state = &target.releases;
        let attempts = state.attempts.iter().filter_map(|attempt| {
            let digest = attempt.digest.clone()?;
            let result = if attempt.finished {
                ReleaseResult::of_release(state, &digest, attempt.at)
            } else if target.awaits_rollout(&digest) {
                ReleaseResult::InProgress
            } else {
                // AWS refused it: nothing was released.
                return None;
            };
            Some(ReleaseEntry {
                at: attempt.at,
                tag: attempt.tag.clone().unwrap_or_default(),
                revision: find_revision(state, &digest),
                result,
                digest,
            })
        });
        let mut releases: Vec<ReleaseEntry> = attempts.collect();
        // Attempts are forgotten earlier than verified revisions, which are rollback targets.
        let older = state.verified.iter().filter(|verified| {
            let mut attempts = state.attempts.iter();
            attempts.all(|attempt| attempt.digest.as_ref() != Some(&verified.digest))
        });
        releases.extend(older.map(|verified| ReleaseEntry {
            at: verified.at,
            tag: verified.tag.clone(),
            digest: verified.digest.clone(),
            revision: find_revision(state, &verified.digest),
            result: ReleaseResult::Verified,
        }));
        releases.sort_by_key(|release| std::cmp::Reverse(release.at));
        Self {
            releases,
            quarantined: state.quarantined.clone(),
        }
    }
}

impl ReleaseResult {
    /// Returns the result of the release of an image that began at a time.
    #[must_use]
    pub fn of_release(state: &ReleaseState, digest: &Digest, at: Timestamp) -> Self {
        // A quarantined image, or one that is tried again, stays recorded as such until it is verified.
        let active = state.active_rollout.as_ref();
        if active.is_some_and(|active| active.digest == *digest) {
            return Self::InProgress;
        }
        if let Some(reason) = state.quarantined.get(digest) {
            return Self::Quarantined(reason.clone());
        }
        if let Some(not_blamed) = state.not_blamed.get(digest) {
            return Self::NotBlamed(not_blamed.cause);
        }
        let mut verified = state.verified.iter();
        if verified.any(|known| known.digest == *digest && known.at >= at) {
            Self::Verified
        } else {
            Self::NotVerified
        }
    }

    /// Describes the result as a phrase: `verified`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Quarantined(reason) => format!("quarantined: {reason}"),
            Self::NotBlamed(cause) => format!("deployed again later: {}", cause.describe()),
            Self::Verified => "verified".to_owned(),
            Self::InProgress => "in progress".to_owned(),
            Self::NotVerified => "not verified".to_owned(),
        }
    }
}

fn find_revision(state: &ReleaseState, digest: &Digest) -> Option<String> {
    let verified = state.verified.iter().rev();
    let mut verified = verified.filter(|verified| verified.digest == *digest);
    let revision = verified.next()?.revision.rsplit('/').next()?;
    Some(revision.to_owned())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use rstest::rstest;

    use super::*;
    use crate::state::{ActiveRollout, Attempt, ProbeStreak, Verified};

    fn digest(letter: &str) -> Digest {
        Digest::new(format!("sha256:{}", letter.repeat(64)))
    }

    fn minute(n: i64) -> Timestamp {
        let first: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        first + SignedDuration::from_mins(n)
    }

    fn released(letter: &str, at: i64) -> Attempt {
        Attempt {
            digest: Some(digest(letter)),
            tag: Some(format!("RC_{letter}")),
            ..Attempt::at(minute(at))
        }
    }

    fn verified(letter: &str, at: i64) -> Verified {
        Verified {
            digest: digest(letter),
            tag: format!("RC_{letter}"),
            revision: format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{at}"),
            base: String::new(),
            at: minute(at),
        }
    }

    #[test]
    fn the_newest_release_comes_first_and_forgotten_attempts_are_listed() {
        let releases = ReleaseState {
            attempts: vec![
                released("b", 10),
                released("c", 20),
                Attempt::at(minute(25)),
            ],
            verified: vec![verified("a", 1), verified("b", 12)],
            quarantined: [(digest("c"), "2 tasks stopped".to_owned())].into(),
            ..ReleaseState::default()
        };
        let state = TargetState {
            releases,
            ..TargetState::default()
        };
        let history = ReleaseHistory::of_state(&state);
        let listed: Vec<(&str, &ReleaseResult, Option<&str>)> = history
            .releases
            .iter()
            .map(|release| {
                (
                    release.tag.as_str(),
                    &release.result,
                    release.revision.as_deref(),
                )
            })
            .collect();
        let rejected = ReleaseResult::Quarantined("2 tasks stopped".to_owned());
        assert_eq!(
            listed,
            [
                ("RC_c", &rejected, None),
                ("RC_b", &ReleaseResult::Verified, Some("web:12")),
                ("RC_a", &ReleaseResult::Verified, Some("web:1")),
            ]
        );
    }

    /// An intent that AWS refused is no release, and none that failed.
    #[test]
    fn a_release_that_aws_refused_is_not_listed() {
        let mut state = TargetState::default();
        state.releases.attempts = vec![Attempt {
            finished: false,
            ..released("b", 10)
        }];
        assert_eq!(ReleaseHistory::of_state(&state), ReleaseHistory::default());
    }

    /// An image that was verified before is not verified again until its new release is.
    #[rstest]
    #[case::verified_before(5, None, None, ReleaseResult::NotVerified)]
    #[case::verified_since(15, None, None, ReleaseResult::Verified)]
    #[case::in_progress(5, Some("b"), None, ReleaseResult::InProgress)]
    #[case::in_progress_again(5, Some("b"), Some("b"), ReleaseResult::InProgress)]
    #[case::rejected(5, None, Some("b"), ReleaseResult::Quarantined(String::new()))]
    #[case::another_in_progress(5, Some("c"), None, ReleaseResult::NotVerified)]
    fn a_release_has_a_result_of_its_own(
        #[case] verified_at: i64,
        #[case] active: Option<&str>,
        #[case] quarantined: Option<&str>,
        #[case] expected: ReleaseResult,
    ) {
        let active = active.map(|letter| ActiveRollout {
            digest: digest(letter),
            tag: String::new(),
            base: String::new(),
            previous: None,
            built_on: String::new(),
            template: None,
            at: minute(10),
            deployment: None,
            probe_streak: ProbeStreak::default(),
            progress: None,
        });
        let state = ReleaseState {
            active_rollout: active,
            verified: vec![verified("b", verified_at)],
            quarantined: quarantined
                .map(|letter| (digest(letter), String::new()))
                .into_iter()
                .collect(),
            ..ReleaseState::default()
        };
        let result = ReleaseResult::of_release(&state, &digest("b"), minute(10));
        assert_eq!(result, expected);
    }
}
