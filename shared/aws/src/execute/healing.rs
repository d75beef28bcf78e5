//! Actions that repair services and container instances, and the capability to heal.

use super::capability::{Execute, unsupported};
use super::releases::{RECORDED, deploy_rollback_target, restart_tasks, revision_label};
use crate::account::Account;
use crate::ecs::{instances, task_definitions, tasks, updates};
use lamplighter::AwsError;
use lamplighter::plan::{Action, DrainInstance, HealingAction, IncreaseMemory, ReleaseAction};
use lamplighter::ports::capability::HealActions;

impl Execute for HealActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Healing(repair) => execute_repair(account, repair).await,
            Action::Release(ReleaseAction::RestartTasks(restart)) => {
                restart_tasks(account, restart).await
            }
            Action::Release(ReleaseAction::Rollback(rollback)) => {
                deploy_rollback_target(account, rollback).await
            }
            Action::Release(ReleaseAction::RecordResult(_)) => Ok(RECORDED.to_owned()),
            Action::Release(
                ReleaseAction::Rollout(_)
                | ReleaseAction::ContinueDeployment(_)
                | ReleaseAction::PinRevision(_)
                | ReleaseAction::RestoreStrategy(_)
                | ReleaseAction::RunPreDeploymentTask(_)
                | ReleaseAction::StopPreDeploymentTask(_)
                | ReleaseAction::AnswerCodeDeployHook(_),
            )
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}

async fn execute_repair(account: &Account, repair: &HealingAction) -> Result<String, AwsError> {
    let client = account.clients.ecs();
    match repair {
        HealingAction::ReplaceTask(replace) => {
            tasks::stop_task_of_service(client, &replace.service, &replace.task, &replace.reason)
                .await
        }
        HealingAction::ParkService(parking) => {
            updates::set_desired_count(client, &parking.service, parking.to).await
        }
        HealingAction::IncreaseMemory(increase) => increase_memory(account, increase).await,
        HealingAction::SwitchCapacityProvider(switch) => {
            updates::set_capacity_strategy(client, &switch.service, &switch.to).await
        }
        HealingAction::DrainInstance(drain) => drain_instance(account, drain).await,
        HealingAction::CloseIncident(_) => Ok(RECORDED.to_owned()),
    }
}

/// Registers a revision with more memory and updates the service to it.
async fn increase_memory(account: &Account, increase: &IncreaseMemory) -> Result<String, AwsError> {
    let base = account.describe_task_definition(&increase.base).await?;
    let request = base.build_request_with_sizes(&increase.sizes);
    let client = account.clients.ecs();
    let revision =
        task_definitions::register_revision(client, request, &base, &increase.tags).await?;
    let deployment = updates::update_service(client, &increase.service, &revision, None).await?;
    Ok(format!("{deployment} of {}", revision_label(&revision)))
}

async fn drain_instance(account: &Account, drain: &DrainInstance) -> Result<String, AwsError> {
    let clients = &account.clients;
    instances::drain_instance(clients.ecs(), clients.autoscaling(), drain).await
}
