//! The events that the actions of a release cause.

use jiff::Timestamp;

use crate::model::{Arn, Digest, ReleaseEvent, ReleaseEventKind};
use crate::plan::{Action, ReleaseAction, ReleaseResult};
use crate::state::TargetState;

/// Returns the event about an action that has taken effect; `None` if pipelines need not know of it.
#[must_use]
pub fn find_event(
    action: &Action,
    reason: &str,
    service: &Arn,
    state: &TargetState,
    at: Timestamp,
) -> Option<ReleaseEvent> {
    let Action::Release(action) = action else {
        return None;
    };
    let (kind, tag, digest, reason) = match action {
        ReleaseAction::Rollout(rollout) => (
            ReleaseEventKind::Started,
            &rollout.tag,
            &rollout.digest,
            reason,
        ),
        ReleaseAction::Rollback(back) => (
            ReleaseEventKind::RolledBack,
            &back.tag,
            &back.digest,
            reason,
        ),
        ReleaseAction::RecordResult(record) => {
            let (kind, reason) = match &record.result {
                ReleaseResult::Verified { .. } => (ReleaseEventKind::Verified, reason),
                ReleaseResult::Rejected { reason } => (ReleaseEventKind::Rejected, reason.as_str()),
                ReleaseResult::Superseded => (ReleaseEventKind::Superseded, reason),
                ReleaseResult::NotBlamed { cause } => {
                    (ReleaseEventKind::RolledBack, cause.describe())
                }
            };
            (kind, &record.tag, &record.digest, reason)
        }
        ReleaseAction::RestartTasks(_)
        | ReleaseAction::ContinueDeployment(_)
        | ReleaseAction::AnswerCodeDeployHook(_)
        | ReleaseAction::PinRevision(_)
        | ReleaseAction::RestoreStrategy(_)
        | ReleaseAction::RunPreDeploymentTask(_)
        | ReleaseAction::StopPreDeploymentTask(_) => return None,
    };
    Some(ReleaseEvent {
        kind,
        at,
        since: find_start(digest, state, at),
        service: service.clone(),
        tag: tag.clone(),
        commit: find_commit(digest, state),
        digest: digest.clone(),
        reason: reason.to_owned(),
    })
}

/// Returns the event about the release that a rollout supersedes before it has a result. `state`: before the rollout.
#[must_use]
pub fn find_superseded_event(
    action: &Action,
    service: &Arn,
    state: &TargetState,
    at: Timestamp,
) -> Option<ReleaseEvent> {
    let Action::Release(ReleaseAction::Rollout(rollout)) = action else {
        return None;
    };
    let active = state.releases.active_rollout.as_ref();
    let superseded = active.filter(|active| active.digest != rollout.digest)?;
    Some(ReleaseEvent {
        kind: ReleaseEventKind::Superseded,
        at,
        since: find_start(&superseded.digest, state, at),
        service: service.clone(),
        tag: superseded.tag.clone(),
        commit: find_commit(&superseded.digest, state),
        digest: superseded.digest.clone(),
        reason: format!("{} was rolled out before it had a result", rollout.tag),
    })
}

/// Returns when the last rollout of a digest began; `at` if it has not begun.
fn find_start(digest: &Digest, state: &TargetState, at: Timestamp) -> Timestamp {
    state.rollout_start(digest).unwrap_or(at)
}

/// Returns the commit that was recorded when the digest was rolled out, or when its pre-deployment task ran.
fn find_commit(digest: &Digest, state: &TargetState) -> Option<String> {
    let mut attempts = state.releases.attempts.iter().rev();
    let attempt = attempts.find(|attempt| attempt.digest.as_ref() == Some(digest));
    let run = state.releases.pre_deployment.get(digest);
    match attempt {
        Some(attempt) => attempt.commit.clone(),
        None => run.and_then(|run| run.commit.clone()),
    }
}
