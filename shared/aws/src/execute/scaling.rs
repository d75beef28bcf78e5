//! Actions on the number of tasks, and the capability to scale.

use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::autoscaling;
use crate::ecs::updates;
use lamplighter::AwsError;
use lamplighter::plan::{Action, ScalingAction};
use lamplighter::ports::capability::ScaleActions;

impl Execute for ScaleActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Scaling(ScalingAction::SetDesiredCount(scaling)) => {
                let client = account.clients.ecs();
                updates::set_desired_count(client, &scaling.service, scaling.to).await
            }
            Action::Scaling(ScalingAction::SetMinCapacity(bound)) => {
                let client = account.clients.application_autoscaling();
                autoscaling::set_min_capacity(client, &bound.service, bound.to).await
            }
            Action::Release(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}
