//! What the target state records about drills.

use jiff::Timestamp;

use crate::plan::{DrillAction, RestorePart};
use crate::state::TargetState;

impl TargetState {
    /// Records that an action of a drill has taken effect.
    pub(super) fn record_drill_action(&mut self, action: &DrillAction, at: Timestamp) {
        match action {
            DrillAction::RestoreForDrill(restore) => match restore.part {
                RestorePart::Instance | RestorePart::Cluster => {
                    self.drill = Some((at, restore.snapshot.clone()));
                }
                RestorePart::Member => {}
            },
            DrillAction::DeleteRestoredDatabase(delete) => {
                if let Some(outcome) = &delete.outcome {
                    self.drilled = Some(outcome.clone());
                }
            }
            DrillAction::MarkVerified(_)
            | DrillAction::RunCheckTask(_)
            | DrillAction::StopCheckTask(_) => {}
        }
    }
}
