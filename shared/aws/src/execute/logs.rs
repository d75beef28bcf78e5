//! Actions on log groups, and the capability to archive them.

use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::{log_archive, logs};
use lamplighter::AwsError;
use lamplighter::plan::{Action, LogAction};
use lamplighter::ports::capability::ArchiveActions;

impl Execute for ArchiveActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Log(LogAction::ExportLogs(export)) => {
                logs::create_export_task(account.clients.logs(), export).await
            }
            Action::Log(LogAction::WriteManifest(export)) => {
                log_archive::write_manifest(account.clients.s3(), export).await
            }
            Action::Log(LogAction::SetRetention(retention)) => {
                logs::set_retention(account.clients.logs(), retention).await
            }
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}
