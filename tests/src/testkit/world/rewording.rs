//! Rewords every text for people in a stored target state, as another version of Lamplighter would have written it.

use lamplighter::notify::Message;
use lamplighter::plan::{Action, HealingAction, ReleaseAction, ReleaseResult};
use lamplighter::state::TargetState;

const TEXT: &str = "reworded";

/// Replaces the texts that describe actions, reasons and notifications. Keys, names and numbers stay.
pub fn reword_state(state: &mut TargetState) {
    if let Some(incident) = &mut state.health.incident {
        for step in &mut incident.steps {
            TEXT.clone_into(&mut step.what);
        }
    }
    let reasons = state.releases.quarantined.values_mut();
    for text in reasons.chain(state.findings.values_mut()) {
        TEXT.clone_into(text);
    }
    for pending in &mut state.pending {
        reword_action(&mut pending.action);
        if let Some(message) = &mut pending.message {
            reword_message(message);
        }
    }
    if let Some(restart) = &mut state.releases.pending_restart {
        reword_message(&mut restart.message);
    }
    for notification in &mut state.unsent {
        reword_message(&mut notification.message);
    }
}

fn reword_message(message: &mut Message) {
    for text in [
        &mut message.title,
        &mut message.action,
        &mut message.why,
        &mut message.next,
    ] {
        TEXT.clone_into(text);
    }
}

/// Rewords the reason of an action. Other actions have none.
fn reword_action(action: &mut Action) {
    match action {
        Action::Release(ReleaseAction::Rollback(rollback)) => TEXT.clone_into(&mut rollback.reason),
        Action::Release(ReleaseAction::RecordResult(record)) => {
            if let ReleaseResult::Rejected { reason } = &mut record.result {
                TEXT.clone_into(reason);
            }
        }
        Action::Healing(HealingAction::ReplaceTask(replace)) => {
            TEXT.clone_into(&mut replace.reason);
        }
        _ => {}
    }
}
