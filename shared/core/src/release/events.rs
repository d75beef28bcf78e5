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
        | ReleaseAction::RestoreStrategy(_) => return None,
    };
    Some(ReleaseEvent {
        kind,
        at,
        service: service.clone(),
        tag: tag.clone(),
        commit: find_commit(digest, state),
        digest: digest.clone(),
        reason: reason.to_owned(),
    })
}

/// Returns the commit that was recorded when the digest was rolled out.
fn find_commit(digest: &Digest, state: &TargetState) -> Option<String> {
    let mut attempts = state.releases.attempts.iter().rev();
    attempts
        .find(|attempt| attempt.digest.as_ref() == Some(digest))
        .and_then(|attempt| attempt.commit.clone())
}
