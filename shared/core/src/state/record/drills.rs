//! What a drill leaves in the target state.

use jiff::Timestamp;

use crate::plan::DrillAction;
use crate::state::target::TargetState;

impl TargetState {
    /// Records that an action of a drill has taken effect.
    pub(in crate::state) fn record_drill_action(&mut self, action: &DrillAction, at: Timestamp) {
        match action {
            DrillAction::RestoreForDrill(restore) => {
                if !restore.call.is_member() {
                    self.backups.drill = Some((at, restore.snapshot.clone()));
                }
            }
            DrillAction::DeleteRestoredDatabase(delete) => {
                if let Some(outcome) = &delete.outcome {
                    self.backups.last_drill = Some(outcome.clone());
                }
            }
            DrillAction::MarkVerified(_)
            | DrillAction::RunCheckTask(_)
            | DrillAction::StopCheckTask(_) => {}
        }
    }
}
