//! What a failed backup or restore leaves in the target state.

use jiff::Timestamp;

use crate::plan::{Action, BackupAction, DrillAction};
use crate::state::target::TargetState;

impl TargetState {
    /// Records that an action failed, or that its outcome is unknown. The next decisions about
    /// backups and drills depend on it.
    pub fn record_failure(&mut self, action: &Action, at: Timestamp) {
        match action {
            Action::Backup(action) => match action {
                BackupAction::CreateSnapshot(_) => self.backups.snapshot_failed_at = Some(at),
                BackupAction::CopySnapshot(_) | BackupAction::DeleteSnapshot(_) => {}
            },
            Action::Drill(action) => match action {
                DrillAction::RestoreForDrill(_) => self.backups.restore_failed_at = Some(at),
                DrillAction::DeleteRestoredDatabase(_)
                | DrillAction::MarkVerified(_)
                | DrillAction::RunCheckTask(_)
                | DrillAction::StopCheckTask(_) => {}
            },
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => {}
        }
    }
}
