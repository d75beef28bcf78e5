//! The state of releases: the active rollout, verified revisions and quarantined digests.

use crate::notify::Message;
use crate::plan::{HeldImage, HoldKind, RestartTasks, RunPreDeploymentTask};
use crate::state::attempt::Attempt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::model::{Arn, Digest, EnvironmentCause, StrategySettings};
use crate::state::pre_deployment::{self, PreDeploymentResult, PreDeploymentRun};
use crate::state::probe_streak::ProbeStreak;
use crate::state::retry::retry_time;

/// The state of releases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReleaseState {
    /// Rollouts and restarts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The rollout that is tracked until its result is known.
    pub active_rollout: Option<ActiveRollout>,
    /// The rollback or restart that has not completed.
    pub active_rollback: Option<ActiveRollback>,
    /// The strategy that the last rollback did without, until it is restored.
    pub strategy_to_restore: Option<StrategySettings>,
    /// The time at which it was restored.
    pub strategy_restored_at: Option<Timestamp>,
    /// The deployment that waits for a verdict of its lifecycle hook.
    pub pending_verdict: Option<PendingVerdict>,
    /// The revisions of verified rollouts, oldest first.
    pub verified: Vec<Verified>,
    /// The quarantined image digests, and why.
    pub quarantined: BTreeMap<Digest, String>,
    /// The image digests whose last release failed because of its environment. They are tried again.
    pub not_blamed: BTreeMap<Digest, NotBlamed>,
    /// The tasks that ran before releases, by the digest of the image.
    pub pre_deployment: BTreeMap<Digest, PreDeploymentRun>,
    /// Images that were pushed before are no candidates, unless approved: a release was rejected since.
    pub candidates_after: Option<Timestamp>,
    /// The digest that Lamplighter last made the service run, by a rollout or a rollback. `None` if it is unknown.
    pub current: Option<Digest>,
    /// The ARN of a template's revision whose settings the service lost by a rollback. The next rollout is built on it.
    pub unapplied_template: Option<String>,
    /// The images of revisions that Lamplighter did not register, as they were written there.
    pub template_images: Vec<String>,
    /// The image that was last announced as held, and by what. `None` once something is rolled out.
    pub announced_hold: Option<(HoldKind, HeldImage)>,
    /// The revision that ran stably before the first release. It is the first rollback target.
    pub adopted: Option<AdoptedRevision>,
    /// The image that the tasks run before the first release, while their revision names no digest.
    pub unpinned: Option<UnpinnedImage>,
    /// The services whose first rollout is in progress, and since when. Used in the state of all targets.
    pub adoption_slots: BTreeMap<Arn, Timestamp>,
    /// A restart that no sweep would discover again. Kept until the restart has completed.
    pub pending_restart: Option<PendingRestart>,
}

/// A rollout that AWS accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRollout {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision that ran before.
    pub base: String,
    /// The released digest that ran before, if Lamplighter released one.
    #[serde(default)]
    pub previous: Option<Digest>,
    /// The ARN of the revision that the new one was built on.
    #[serde(default)]
    pub built_on: String,
    /// The ARN of the template's revision whose settings no verified revision has yet, if it is built on one.
    #[serde(default)]
    pub template: Option<String>,
    pub at: Timestamp,
    /// The identifier of the CodeDeploy deployment, if CodeDeploy deploys the service and its
    /// answer arrived.
    #[serde(default)]
    pub deployment: Option<String>,
    /// The results of probes since the rollout completed.
    #[serde(default)]
    pub probe_streak: ProbeStreak,
    /// How far the tasks were replaced when that last changed.
    #[serde(default)]
    pub progress: Option<RolloutProgress>,
}

/// How far a rollout has replaced the tasks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutProgress {
    /// The largest number of tasks that ran the new revision.
    pub most_new: i32,
    /// The smallest number of tasks that ran another revision.
    pub fewest_old: i32,
    /// The time at which one of them last changed.
    pub at: Timestamp,
}

/// A release that failed because of its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBlamed {
    pub cause: EnvironmentCause,
    /// The time of the last failure.
    pub at: Timestamp,
    /// The number of failures.
    pub attempts: u32,
}

/// A revision that ran stably before Lamplighter released anything to its service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedRevision {
    /// The version for messages: the tag of its image, or its digest.
    pub version: String,
    /// The ARN of the revision.
    pub revision: String,
    /// The digest that the revision names, if Lamplighter registered it for that.
    #[serde(default)]
    pub digest: Option<Digest>,
}

/// The image of a revision that names no digest, as the tasks of its service run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpinnedImage {
    /// The ARN of the revision.
    pub revision: String,
    /// The ECS deployment that started the tasks: another one of the same revision may run another image.
    #[serde(default)]
    pub deployment: String,
    /// The digest that every task runs: of a manifest, or of an index.
    pub digest: Digest,
    /// The digest of the tag that the service tracks, if the tasks run its image.
    #[serde(default)]
    pub image: Option<Digest>,
}

/// A deployment whose hook waits for a verdict, and the results so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingVerdict {
    /// The ARN of the ECS service deployment, or the identifier of the CodeDeploy deployment.
    pub deployment: String,
    /// The execution identifier of the CodeDeploy hook that waits for an answer.
    #[serde(default)]
    pub execution: Option<String>,
    /// The time since which the hook asks about production traffic; `None` before it shifts.
    pub since: Option<Timestamp>,
    /// The stage that the hook asks about, and in production the share of traffic.
    pub step: String,
    pub step_since: Timestamp,
    /// The verdict was a failure, and is the answer to any further call of the hook.
    #[serde(default)]
    pub failed: bool,
    /// The results of probes in this step.
    pub probe_streak: ProbeStreak,
}

/// A rollback or restart in progress. It is not a release, so it needs no verdict and no approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRollback {
    /// The ARN of the revision to roll back to; `None` for a restart.
    pub to: Option<String>,
    pub at: Timestamp,
}

/// A revision whose rollout was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision.
    pub revision: String,
    /// The ARN of the revision that ran before; empty if it is unknown.
    #[serde(default)]
    pub base: String,
    pub at: Timestamp,
}

impl NotBlamed {
    /// Returns the time of the next attempt.
    #[must_use]
    pub fn retry_at(&self) -> Timestamp {
        retry_time(self.at, self.attempts)
    }
}

impl ReleaseState {
    /// Reports whether a rollout only repeats a verified image on the settings of a template.
    #[must_use]
    pub fn repeats_verified(&self, active: &ActiveRollout) -> bool {
        let mut verified = self.verified.iter();
        active.template.is_some() && verified.any(|verified| verified.digest == active.digest)
    }

    /// Reports whether the pre-deployment task of an image passed.
    #[must_use]
    pub fn has_passed_pre_deployment(&self, digest: &Digest) -> bool {
        self.pre_deployment
            .get(digest)
            .is_some_and(PreDeploymentRun::has_passed)
    }

    /// Sets the result of the run for an image, unless it has one.
    pub fn end_pre_deployment(&mut self, digest: &Digest, result: PreDeploymentResult) {
        if let Some(run) = self.pre_deployment.get_mut(digest) {
            run.result.get_or_insert(result);
        }
    }

    /// Returns the run without a result, and the digest of its image.
    #[must_use]
    pub fn find_open_pre_deployment(&self) -> Option<(&Digest, &PreDeploymentRun)> {
        let mut runs = self.pre_deployment.iter();
        runs.find(|(_, run)| run.result.is_none())
    }

    /// Records that a task is about to be started. Another one whose start got no answer was never started.
    pub(super) fn start_pre_deployment(&mut self, run: &RunPreDeploymentTask, at: Timestamp) {
        if let Some(known) = self.pre_deployment.get_mut(&run.digest)
            && known.token == run.token
            && known.result.is_none()
        {
            known.asked_at = at;
            known.is_refused = false;
            return;
        }
        for open in self.pre_deployment.values_mut() {
            let result = PreDeploymentResult::unanswered(at);
            open.result.get_or_insert(result);
        }
        let started = PreDeploymentRun::from_action(run, at);
        self.pre_deployment.insert(run.digest.clone(), started);
        pre_deployment::prune(&mut self.pre_deployment);
    }

    /// Records that AWS has started the task of an image.
    pub fn confirm_pre_deployment(&mut self, digest: &Digest) {
        if let Some(run) = self.pre_deployment.get_mut(digest) {
            run.is_confirmed = true;
        }
    }

    /// Records that AWS refused to start the task of an image at a time; `for_good` is false if it was only throttled.
    pub(super) fn refuse_pre_deployment(&mut self, digest: &Digest, for_good: bool, at: Timestamp) {
        if for_good {
            let reason = "ECS refused to start it".to_owned();
            let result = PreDeploymentResult::NotStarted { reason, at };
            self.end_pre_deployment(digest, result);
        } else if let Some(run) = self.pre_deployment.get_mut(digest) {
            // An earlier call with the same token may have had an effect.
            run.is_refused = run.at == at;
        }
    }
}

impl ActiveRollout {
    /// Reports whether all tasks run the new revision, so that the rollout takes no more capacity.
    #[must_use]
    pub fn has_replaced_tasks(&self) -> bool {
        self.progress
            .is_some_and(|progress| progress.fewest_old <= 0)
    }
}

impl RolloutProgress {
    /// Returns the progress after an observation of the running tasks.
    #[must_use]
    pub fn observe(previous: Option<Self>, new: i32, old: i32, now: Timestamp) -> Self {
        match previous {
            Some(known) if new <= known.most_new && old >= known.fewest_old => known,
            Some(known) => Self {
                most_new: new.max(known.most_new),
                fewest_old: old.min(known.fewest_old),
                at: now,
            },
            None => Self {
                most_new: new,
                fewest_old: old,
                at: now,
            },
        }
    }
}

/// A restart that is due, because something that the tasks read has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRestart {
    pub restart: RestartTasks,
    pub message: Message,
}
