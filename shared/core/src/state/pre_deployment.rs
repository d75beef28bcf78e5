//! The tasks that ran before releases, such as database migrations.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::Digest;
use crate::plan::RunPreDeploymentTask;
use crate::state::retry::retry_time;

/// The maximum number of runs that are kept. One that has no result is always kept.
const RUNS_KEPT: usize = 20;
/// How long after its start ECS may not list a task yet.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// How long ECS lists a stopped task at least, with a margin: about an hour. Its client token lives as long.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(50);
/// How long after the request to stop it a task may still be listed as running.
const STOPS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The last run of a pre-deployment task for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreDeploymentRun {
    /// The tag of the image.
    pub tag: String,
    /// The family of the task definition.
    pub family: String,
    /// The client token and `startedBy` of the task.
    pub token: String,
    /// The containers that run the image.
    pub containers: Vec<String>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The time at which the run was decided.
    pub at: Timestamp,
    /// The commit that the image was built from, if its manifest names one.
    #[serde(default)]
    pub commit: Option<String>,
    /// The time at which the image was pushed, if it is known.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
    /// The time since which snapshots count as taken before it.
    pub snapshots_since: Timestamp,
    /// The time at which AWS was last asked to start the task.
    pub asked_at: Timestamp,
    /// AWS refused the first call for now, and no other one was made.
    #[serde(default)]
    pub is_refused: bool,
    /// AWS is known to have started the task.
    #[serde(default)]
    pub is_confirmed: bool,
    /// The time at which ECS last listed the task.
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
    /// The time at which Lamplighter stopped it because it ran for too long.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// A person rejected the image while the task ran.
    #[serde(default)]
    pub is_rejected: bool,
    /// How the task failed, until its release is rejected: `exited with code 1`. ECS forgets it after an hour.
    #[serde(default)]
    pub failure: Option<String>,
    /// `None` while it runs.
    pub result: Option<PreDeploymentResult>,
}

/// How a pre-deployment task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreDeploymentResult {
    /// Its containers exited with code 0.
    Passed,
    /// It ran, and did not pass.
    Failed,
    /// None of its containers ran, so that it is started again.
    NotStarted {
        /// The stop reason of ECS.
        reason: String,
        at: Timestamp,
    },
}

impl PreDeploymentResult {
    /// Returns the result of a task whose start got no answer, and that ECS does not list.
    #[must_use]
    pub fn unanswered(at: Timestamp) -> Self {
        Self::NotStarted {
            reason: "its start got no answer, and ECS lists no task".to_owned(),
            at,
        }
    }
}

impl PreDeploymentRun {
    /// Returns the run that an action starts.
    #[must_use]
    pub fn from_action(run: &RunPreDeploymentTask, at: Timestamp) -> Self {
        Self {
            tag: run.tag.clone(),
            family: run.family.clone(),
            token: run.token.clone(),
            containers: run.images.keys().cloned().collect(),
            attempt: run.attempt,
            at,
            commit: run.commit.clone(),
            pushed_at: run.pushed_at,
            snapshots_since: run.snapshots_since,
            asked_at: at,
            is_refused: false,
            is_confirmed: false,
            seen_at: None,
            stopped_at: None,
            is_rejected: false,
            failure: None,
            result: None,
        }
    }

    /// Reports whether ECS should list the task by now, if it was started.
    #[must_use]
    pub fn should_be_listed(&self, now: Timestamp) -> bool {
        now.duration_since(self.asked_at) >= LISTED_WITHIN
    }

    /// Reports whether ECS may have forgotten the task, if it was started and has stopped. Until then, a list without it is
    /// only not up to date.
    #[must_use]
    pub fn may_be_forgotten(&self, now: Timestamp) -> bool {
        !self.is_refused && now.duration_since(self.seen_at.unwrap_or(self.at)) >= FORGOTTEN_AFTER
    }

    /// Returns why the task did not start, and the time from which it is started again; `None` unless it did not start.
    #[must_use]
    pub fn find_retry(&self) -> Option<(&str, Timestamp)> {
        match &self.result {
            Some(PreDeploymentResult::NotStarted { reason, at }) => {
                Some((reason, retry_time(*at, self.attempt)))
            }
            Some(PreDeploymentResult::Passed | PreDeploymentResult::Failed) | None => None,
        }
    }

    /// Reports whether a task that was stopped should be listed as such by now.
    #[must_use]
    pub fn should_have_stopped(&self, now: Timestamp) -> bool {
        self.stopped_at
            .is_some_and(|at| now.duration_since(at) >= STOPS_WITHIN)
    }

    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.result == Some(PreDeploymentResult::Passed)
    }
}

/// Drops the oldest runs with a result beyond [`RUNS_KEPT`].
pub(super) fn prune(runs: &mut BTreeMap<Digest, PreDeploymentRun>) {
    while runs.len() > RUNS_KEPT {
        let ended = runs.iter().filter(|(_, run)| run.result.is_some());
        let Some(oldest) = ended.min_by_key(|(_, run)| run.at) else {
            return;
        };
        let oldest = oldest.0.clone();
        runs.remove(&oldest);
    }
}

#[cfg(test)]
impl PreDeploymentRun {
    /// Returns a run of `shop-migrate` that AWS has started at a time.
    pub(crate) fn started_at(at: Timestamp) -> Self {
        Self {
            tag: "RC_1.4.2".to_owned(),
            family: "shop-migrate".to_owned(),
            token: "t".to_owned(),
            containers: vec!["migrate".to_owned()],
            attempt: 1,
            at,
            commit: None,
            pushed_at: None,
            snapshots_since: at,
            asked_at: at,
            is_refused: false,
            is_confirmed: true,
            seen_at: None,
            stopped_at: None,
            is_rejected: false,
            failure: None,
            result: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(hour: i64, result: Option<PreDeploymentResult>) -> PreDeploymentRun {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        PreDeploymentRun {
            result,
            ..PreDeploymentRun::started_at(at)
        }
    }

    #[test]
    fn the_oldest_runs_are_dropped_but_never_one_without_a_result() {
        let mut runs: BTreeMap<Digest, PreDeploymentRun> = (0..30)
            .map(|hour| {
                let result = (hour != 3).then_some(PreDeploymentResult::Passed);
                (Digest::new(format!("sha256:{hour}")), run(hour, result))
            })
            .collect();
        prune(&mut runs);
        let mut hours: Vec<i64> = runs.values().map(|run| run.at.as_second() / 3600).collect();
        hours.sort_unstable();
        let expected: Vec<i64> = std::iter::once(3).chain(11..30).collect();
        assert_eq!(hours, expected);
    }

    #[test]
    fn a_task_that_did_not_start_is_retried_with_growing_pauses() {
        let at = Timestamp::UNIX_EPOCH;
        let minutes: Vec<i64> = (1..=9)
            .map(|attempt| {
                let reason = String::new();
                let failed = PreDeploymentRun {
                    attempt,
                    ..run(0, Some(PreDeploymentResult::NotStarted { reason, at }))
                };
                let (_, retry_at) = failed.find_retry().unwrap();
                retry_at.duration_since(at).as_mins()
            })
            .collect();
        assert_eq!(minutes, [5, 10, 20, 40, 80, 160, 240, 240, 240]);
        assert_eq!(run(0, None).find_retry(), None);
    }
}
