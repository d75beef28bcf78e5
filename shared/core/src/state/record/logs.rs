//! What an export of logs leaves in the target state.

use jiff::Timestamp;

use crate::plan::LogAction;
use crate::state::logs::Exporting;
use crate::state::target::TargetState;

impl TargetState {
    /// Records that an action on a log group has taken effect; `answer` is the identifier of the export task.
    pub(in crate::state) fn record_log_action(
        &mut self,
        action: &LogAction,
        answer: &str,
        at: Timestamp,
    ) {
        match action {
            LogAction::ExportLogs(export) => {
                let task = (!answer.is_empty()).then(|| answer.to_owned());
                self.logs.exporting = Some(Exporting {
                    day: export.of.day,
                    task,
                    at,
                });
            }
            LogAction::WriteManifest(manifest) => {
                self.logs.exporting = None;
                self.logs.exported = Some(manifest.of.day);
            }
            LogAction::SetRetention(_) => {}
        }
    }
}
