//! What the target state records about exports of logs.

use jiff::Timestamp;

use crate::plan::LogAction;
use crate::state::{Exporting, TargetState};

impl TargetState {
    /// Records that an action on a log group has taken effect; `answer` is the identifier of the export task.
    pub(super) fn record_log_action(&mut self, action: &LogAction, answer: &str, at: Timestamp) {
        match action {
            LogAction::ExportLogs(export) => {
                let task = (!answer.is_empty()).then(|| answer.to_owned());
                self.exporting = Some(Exporting {
                    day: export.of.day,
                    task,
                    at,
                });
            }
            LogAction::WriteManifest(manifest) => {
                self.exporting = None;
                self.exported = Some(manifest.of.day);
            }
            LogAction::SetRetention(_) => {}
        }
    }
}
