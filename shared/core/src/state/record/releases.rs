//! What a release leaves in the target state.

use jiff::Timestamp;

use crate::model::{Digest, EnvironmentCause};
use crate::operations::Function;
use crate::plan::{
    Action, ContinueDeployment, RecordResult, ReleaseAction, ReleaseResult, Rollback, Rollout,
};
use crate::state::probe_streak::ProbeStreak;
use crate::state::releases::{
    ActiveRollback, ActiveRollout, AdoptedRevision, NotBlamed, ReleaseState, Verified,
};
use crate::state::target::TargetState;

/// The operation whose watch list has the targets with an active rollout.
const TRACKING_OPERATION: &str = Function::Rollout.name();

/// The maximum number of images of templates.
const TEMPLATE_IMAGES_KEPT: usize = 20;

/// The maximum number of verified revisions.
const VERIFIED_KEPT: usize = 10;

impl TargetState {
    /// Records that an action of a release has taken effect; `answer` is the answer of AWS.
    pub(in crate::state) fn record_release_action(
        &mut self,
        action: &ReleaseAction,
        answer: &str,
        at: Timestamp,
    ) {
        match action {
            ReleaseAction::Rollout(rollout) => self.record_rollout(rollout, answer, at),
            ReleaseAction::RestartTasks(restart) => {
                self.record_shifting_restart(restart.shifts, at);
                let action = Action::Release(action.clone());
                self.push_step(&action, action.describe(), at);
            }
            ReleaseAction::Rollback(rollback) => {
                self.record_rollback(rollback, at);
                let action = Action::Release(action.clone());
                self.push_step(&action, action.describe(), at);
                self.forget_incident_revision();
            }
            ReleaseAction::ContinueDeployment(resume) => self.record_continuation(resume, at),
            ReleaseAction::RecordResult(record) => self.record_result(record, at),
            ReleaseAction::AnswerCodeDeployHook(_) => self.releases.pending_verdict = None,
            ReleaseAction::RestoreStrategy(_) => {
                self.releases.strategy_to_restore = None;
                self.releases.strategy_restored_at = Some(at);
            }
            ReleaseAction::RunPreDeploymentTask(run) => {
                self.releases.confirm_pre_deployment(&run.digest);
            }
            ReleaseAction::StopPreDeploymentTask(stop) => {
                if let Some(run) = self.releases.pre_deployment.get_mut(&stop.digest) {
                    run.stopped_at.get_or_insert(at);
                }
            }
            ReleaseAction::PinRevision(pin) => {
                self.releases.adopted = Some(AdoptedRevision {
                    version: pin.version.clone(),
                    revision: answer.to_owned(),
                    digest: Some(pin.digest.clone()),
                });
            }
        }
    }

    pub(in crate::state) fn record_rollout(
        &mut self,
        rollout: &Rollout,
        answer: &str,
        at: Timestamp,
    ) {
        let releases = &mut self.releases;
        releases.active_rollback = None;
        releases.unpinned = None;
        releases.announced_hold = None;
        let previous = releases.current.replace(rollout.digest.clone());
        let superseded = releases.active_rollout.take();
        let repeats = previous.as_ref() == Some(&rollout.digest);
        if !repeats {
            // A release that another one supersedes is not tried again.
            releases
                .not_blamed
                .retain(|digest, _| *digest == rollout.digest);
            self.requests.record_release(&rollout.digest);
        }
        let releases = &mut self.releases;
        // What a rollout without a result replaced comes back, not that rollout.
        let previous = match &superseded {
            Some(superseded) if !repeats => superseded.previous.clone(),
            Some(_) | None => previous,
        };
        let base = if rollout.runs.is_empty() {
            &rollout.base
        } else {
            &rollout.runs
        };
        let own_template = rollout
            .template_image
            .as_ref()
            .map(|_| rollout.base.clone());
        let template = own_template.or(superseded.and_then(|superseded| superseded.template));
        releases.active_rollout = Some(ActiveRollout {
            digest: rollout.digest.clone(),
            tag: rollout.tag.clone(),
            base: base.clone(),
            built_on: rollout.base.clone(),
            previous,
            template,
            at,
            deployment: find_deployment_id(answer),
            probe_streak: ProbeStreak::default(),
            progress: None,
        });
        self.close_candidates(rollout.candidates_after);
        self.record_base(rollout);
        self.set_requeue(TRACKING_OPERATION, true);
    }

    /// Records what the base of a rollout is: a template's revision, or the one that ran before the first release.
    fn record_base(&mut self, rollout: &Rollout) {
        if let Some(version) = &rollout.adopts {
            self.releases.adopted = Some(AdoptedRevision {
                version: version.clone(),
                revision: rollout.runs.clone(),
                digest: None,
            });
        }
        if let Some(image) = &rollout.template_image {
            // Either the lost one is the base, or the base is newer.
            self.releases.unapplied_template = None;
            self.releases.remember_template_image(image);
        }
    }

    pub(in crate::state) fn record_result(&mut self, record: &RecordResult, at: Timestamp) {
        match &record.result {
            ReleaseResult::Verified { revision } => self.record_verified(record, revision, at),
            // The release stays what the service should run, so that a template that repairs it gets its image.
            ReleaseResult::Rejected { .. } if record.is_escalation => {
                self.withdraw_verification(record);
                return;
            }
            ReleaseResult::Rejected { reason } => {
                self.quarantine_digest(&record.digest, reason, record.request.as_deref());
                let is_before = self.record_rejected_run(record);
                // A request, and a task before the release, may reject an image that no deployment is about.
                if let Some(pending) = &mut self.releases.pending_verdict
                    && record.request.is_none()
                    && !is_before
                {
                    pending.failed = true;
                }
            }
            ReleaseResult::NotBlamed { cause } => {
                self.record_not_blamed(&record.digest, *cause, at);
            }
            ReleaseResult::Superseded => {}
        }
        match &record.result {
            ReleaseResult::Rejected { .. } | ReleaseResult::NotBlamed { .. } => {
                self.record_return(record);
            }
            ReleaseResult::Verified { .. } | ReleaseResult::Superseded => {}
        }
        self.forget_withdrawal(&record.digest);
        self.requests.close_rejection(record.request.as_deref());
        self.close_candidates(record.candidates_after);
        self.clear_active_rollout(&record.digest);
    }

    /// Records what the service runs after others rolled a release back: what the record says, else what ran before.
    fn record_return(&mut self, record: &RecordResult) {
        let releases = &mut self.releases;
        let active = releases
            .active_rollout
            .as_ref()
            .filter(|active| active.digest == record.digest);
        let mut verified = releases.verified.iter();
        let is_verified = verified.any(|verified| verified.digest == record.digest);
        let previous = active
            .and_then(|active| active.previous.clone())
            .filter(|digest| *digest != record.digest || is_verified);
        let left = active
            .filter(|_| record.runs_instead.is_some())
            .and_then(|active| active.template.clone());
        releases.unapplied_template = left.or(releases.unapplied_template.take());
        if releases.current.as_ref() == Some(&record.digest) {
            releases.current = record.runs_instead.clone().or(previous);
        }
    }

    fn record_verified(&mut self, record: &RecordResult, revision: &str, at: Timestamp) {
        let releases = &mut self.releases;
        let base = releases
            .active_rollout
            .as_ref()
            .filter(|active| active.digest == record.digest)
            .map(|active| active.base.clone());
        let withdrawn = self.health.incident.as_ref();
        let withdrawn = withdrawn
            .and_then(|incident| incident.withdrawn.as_ref())
            .filter(|withdrawn| withdrawn.digest == record.digest)
            .map(|withdrawn| withdrawn.base.clone());
        let base = base.or(withdrawn).unwrap_or_default();
        releases.quarantined.remove(&record.digest);
        releases.not_blamed.remove(&record.digest);
        releases
            .verified
            .retain(|verified| verified.digest != record.digest);
        releases.verified.push(Verified {
            digest: record.digest.clone(),
            tag: record.tag.clone(),
            revision: revision.to_owned(),
            base,
            at,
        });
        let surplus = releases.verified.len().saturating_sub(VERIFIED_KEPT);
        releases.verified.drain(..surplus);
    }

    pub(in crate::state) fn record_rollback(&mut self, rollback: &Rollback, at: Timestamp) {
        self.releases.active_rollback = Some(ActiveRollback {
            to: Some(rollback.to.clone()),
            at,
        });
        self.set_requeue(TRACKING_OPERATION, true);
        if rollback.skips.is_some() {
            self.releases
                .strategy_to_restore
                .clone_from(&rollback.skips);
        }
        match rollback.environment {
            Some(cause) => self.record_not_blamed(&rollback.digest, cause, at),
            None => self.quarantine_digest(
                &rollback.digest,
                &rollback.reason,
                rollback.request.as_deref(),
            ),
        }
        self.releases.current.clone_from(&rollback.to_digest);
        self.requests.is_chosen = rollback.request.is_some();
        if rollback.request.is_some() {
            // A person chose what runs, so nothing that failed before is tried again.
            self.releases.not_blamed.clear();
        }
        let active = self.releases.active_rollout.as_ref();
        let left = active
            .and_then(|active| active.template.clone())
            .filter(|template| *template != rollback.to);
        self.releases.unapplied_template = left.or(self.releases.unapplied_template.take());
        self.requests.close_rejection(rollback.request.as_deref());
        self.close_candidates(rollback.candidates_after);
        self.clear_active_rollout(&rollback.digest);
    }

    /// Records a failure that the image did not cause. An image that was verified before stays a rollback target.
    fn record_not_blamed(&mut self, digest: &Digest, cause: EnvironmentCause, at: Timestamp) {
        let attempts = self
            .releases
            .not_blamed
            .get(digest)
            .map_or(0, |known| known.attempts);
        let entry = NotBlamed {
            cause,
            at,
            attempts: attempts + 1,
        };
        self.releases.not_blamed.insert(digest.clone(), entry);
    }

    /// Closes the images that were pushed before a time for releases, unless a person approves one.
    fn close_candidates(&mut self, until: Option<Timestamp>) {
        self.releases.candidates_after = self.releases.candidates_after.max(until);
    }

    /// Records that a person approved a paused rollout. Its time limit starts over, and the
    /// approval is used up.
    pub(in crate::state) fn record_continuation(
        &mut self,
        continued: &ContinueDeployment,
        at: Timestamp,
    ) {
        let last = self
            .releases
            .attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.digest.is_some() && attempt.digest == continued.digest);
        if let Some(attempt) = last {
            attempt.approved = true;
        }
        if let Some(digest) = &continued.digest {
            self.requests
                .end_approvals(digest, Some(&continued.tag), None);
        }
        if let Some(active) = self
            .releases
            .active_rollout
            .as_mut()
            .filter(|active| Some(&active.digest) == continued.digest.as_ref())
        {
            active.at = at;
        }
    }

    pub(in crate::state) fn record_restart(&mut self, at: Timestamp) {
        // A restart during a rollout is part of the rollout.
        if self.releases.active_rollout.is_none() {
            self.releases.active_rollback = Some(ActiveRollback { to: None, at });
            self.set_requeue(TRACKING_OPERATION, true);
        }
    }

    /// Quarantines a digest. `request`: the identifier of the request, if a person rejected it.
    fn quarantine_digest(&mut self, digest: &Digest, reason: &str, request: Option<&str>) {
        let tag = self.find_release_tag(digest).map(str::to_owned);
        self.releases
            .quarantined
            .insert(digest.clone(), reason.to_owned());
        self.requests.end_approvals(digest, tag.as_deref(), request);
        self.forget_withdrawal(digest);
        self.releases.not_blamed.remove(digest);
        self.releases
            .verified
            .retain(|verified| verified.digest != *digest);
    }

    fn clear_active_rollout(&mut self, digest: &Digest) {
        self.releases
            .active_rollout
            .take_if(|active| active.digest == *digest);
    }
}

impl ReleaseState {
    /// Records the image of a revision that Lamplighter did not register.
    fn remember_template_image(&mut self, image: &str) {
        self.template_images.retain(|known| known != image);
        self.template_images.push(image.to_owned());
        let surplus = self
            .template_images
            .len()
            .saturating_sub(TEMPLATE_IMAGES_KEPT);
        self.template_images.drain(..surplus);
    }
}

/// Returns the identifier of a CodeDeploy deployment at the beginning of an answer.
fn find_deployment_id(answer: &str) -> Option<String> {
    let id = answer.split(' ').next()?;
    id.starts_with("d-").then(|| id.to_owned())
}
