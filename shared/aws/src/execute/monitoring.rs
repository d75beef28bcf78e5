//! Actions on alarms and dashboards, and the capability to set them.

use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::cloudwatch::{alarms, dashboards};
use lamplighter::AwsError;
use lamplighter::plan::{Action, MonitoringAction};
use lamplighter::ports::capability::AlarmActions;

impl Execute for AlarmActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Monitoring(MonitoringAction::ApplyAlarms(changes)) => {
                alarms::apply_alarms(account.clients.cloudwatch(), changes).await
            }
            Action::Monitoring(MonitoringAction::ApplyDashboard(dashboard)) => {
                dashboards::apply_dashboard(account.clients.cloudwatch(), dashboard).await
            }
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}
