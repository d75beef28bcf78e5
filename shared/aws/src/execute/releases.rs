//! Actions on the revisions that services run, and the capabilities to deploy, to follow rollouts
//! and to answer lifecycle hooks.

use std::collections::BTreeMap;

use super::backups::create_database_snapshot;
use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::codedeploy;
use crate::ecs::check_tasks::require_managed;
use crate::ecs::deployment_configuration::ChangedConfiguration;
use crate::ecs::{
    deployments, pre_deployment_tasks, task_definitions, tasks, traffic_shift, updates,
};
use lamplighter::AwsError;
use lamplighter::plan::{
    Action, BackupAction, ReleaseAction, RestartTasks, RestoreStrategy, Rollback, Rollout,
    RunPreDeploymentTask,
};
use lamplighter::ports::capability::{DeployActions, HookActions, RolloutActions};

/// The outcome of an action that changes only the target state.
pub const RECORDED: &str = "recorded";

impl Execute for DeployActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::Rollout(rollout)) => roll_out(account, rollout).await,
            Action::Release(ReleaseAction::RestartTasks(restart)) => {
                restart_tasks(account, restart).await
            }
            Action::Release(ReleaseAction::PinRevision(pin)) => {
                register_revision(account, &pin.base, &pin.images, &pin.tags).await
            }
            Action::Release(ReleaseAction::RunPreDeploymentTask(run)) => {
                run_pre_deployment_task(account, run).await
            }
            Action::Release(ReleaseAction::StopPreDeploymentTask(stop)) => {
                let reason = "Lamplighter: it ran longer than before-limit=";
                let client = account.clients.ecs();
                tasks::stop_task_of_service(client, &stop.service, &stop.task, reason).await
            }
            Action::Release(ReleaseAction::RecordResult(_)) => Ok(RECORDED.to_owned()),
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                create_database_snapshot(account, backup).await
            }
            Action::Release(
                ReleaseAction::Rollback(_)
                | ReleaseAction::ContinueDeployment(_)
                | ReleaseAction::RestoreStrategy(_)
                | ReleaseAction::AnswerCodeDeployHook(_),
            )
            | Action::Backup(BackupAction::CopySnapshot(_) | BackupAction::DeleteSnapshot(_))
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}

impl Execute for RolloutActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::ContinueDeployment(resume)) => {
                deployments::continue_deployment(account.clients.ecs(), resume).await
            }
            Action::Release(ReleaseAction::Rollback(rollback)) => {
                roll_back(account, rollback).await
            }
            Action::Release(ReleaseAction::RestoreStrategy(restore)) => {
                restore_strategy(account, restore).await
            }
            Action::Release(ReleaseAction::RecordResult(_)) => Ok(RECORDED.to_owned()),
            Action::Release(
                ReleaseAction::Rollout(_)
                | ReleaseAction::RestartTasks(_)
                | ReleaseAction::PinRevision(_)
                | ReleaseAction::RunPreDeploymentTask(_)
                | ReleaseAction::StopPreDeploymentTask(_)
                | ReleaseAction::AnswerCodeDeployHook(_),
            )
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}

impl Execute for HookActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::AnswerCodeDeployHook(answer)) => {
                codedeploy::answer_hook(account.clients.codedeploy(), answer).await
            }
            Action::Release(ReleaseAction::RecordResult(_)) => Ok(RECORDED.to_owned()),
            Action::Release(
                ReleaseAction::Rollout(_)
                | ReleaseAction::RestartTasks(_)
                | ReleaseAction::Rollback(_)
                | ReleaseAction::RestoreStrategy(_)
                | ReleaseAction::PinRevision(_)
                | ReleaseAction::RunPreDeploymentTask(_)
                | ReleaseAction::StopPreDeploymentTask(_)
                | ReleaseAction::ContinueDeployment(_),
            )
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}

/// Registers a revision with the new images and deploys it, by ECS or by CodeDeploy.
async fn roll_out(account: &Account, rollout: &Rollout) -> Result<String, AwsError> {
    let revision = match &rollout.registered {
        Some(arn) => arn.clone(),
        None => register_revision(account, &rollout.base, &rollout.images, &rollout.tags).await?,
    };
    let clients = &account.clients;
    let deployment = if let Some(group) = &rollout.code_deploy {
        let hook = rollout.ask.as_deref();
        codedeploy::create_deployment(clients.codedeploy(), group, &revision, hook, None).await?
    } else {
        let configuration = changed_configuration(account, rollout).await?;
        updates::update_service(clients.ecs(), &rollout.service, &revision, configuration).await?
    };
    Ok(format!("{deployment} of {}", revision_label(&revision)))
}

/// Registers a revision that copies everything but the images of `base`, and returns its ARN.
async fn register_revision(
    account: &Account,
    base: &str,
    images: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Result<String, AwsError> {
    let base = account.describe_task_definition(base).await?;
    let request = base.build_request_with_images(images);
    task_definitions::register_revision(account.clients.ecs(), request, &base, tags).await
}

/// Registers a revision with the new image, runs a task of it, and returns the ARN of the task.
async fn run_pre_deployment_task(
    account: &Account,
    run: &RunPreDeploymentTask,
) -> Result<String, AwsError> {
    let base = account.describe_task_definition(&run.base).await?;
    require_managed(&base)?;
    let revision = match &run.registered {
        Some(arn) => arn.clone(),
        None => register_revision(account, &run.base, &run.images, &run.revision_tags).await?,
    };
    pre_deployment_tasks::run_task(account.clients.ecs(), run, &base, &revision).await
}

/// Returns the deployment configuration that a rollout changes, or `None` if it changes none.
async fn changed_configuration(
    account: &Account,
    rollout: &Rollout,
) -> Result<Option<ChangedConfiguration>, AwsError> {
    if rollout.shift.is_none() && !rollout.enable_circuit_breaker {
        return Ok(None);
    }
    let current = account.deployment_configuration(&rollout.service).await?;
    Ok(Some(current.change(|known| match &rollout.shift {
        Some(shift) => traffic_shift::with_traffic_shift(known, shift),
        None => updates::with_circuit_breaker(known),
    })))
}

/// Rolls a service back in the way that its deployment requires.
///
/// A running deployment is stopped, and ECS or CodeDeploy rolls back. Otherwise the earlier
/// revision is deployed.
async fn roll_back(account: &Account, rollback: &Rollback) -> Result<String, AwsError> {
    let clients = &account.clients;
    match (&rollback.stop, &rollback.code_deploy) {
        (Some(deployment), Some(_)) => {
            codedeploy::stop_deployment(clients.codedeploy(), deployment).await
        }
        (None, Some(group)) => {
            let at_once = Some(codedeploy::ALL_AT_ONCE);
            codedeploy::create_deployment(clients.codedeploy(), group, &rollback.to, None, at_once)
                .await
        }
        (Some(deployment), None) => {
            deployments::roll_back_deployment(clients.ecs(), deployment).await
        }
        (None, None) => deploy_rollback_target(account, rollback).await,
    }
}

/// Rolls a service back by an update to the earlier revision, with all of its traffic at once.
pub async fn deploy_rollback_target(
    account: &Account,
    rollback: &Rollback,
) -> Result<String, AwsError> {
    let client = account.clients.ecs();
    if rollback.skips.is_some() {
        let current = account.deployment_configuration(&rollback.service).await?;
        let configuration = Some(current.change(traffic_shift::without_steps));
        let updated =
            updates::update_service(client, &rollback.service, &rollback.to, configuration).await;
        match updated {
            // A slow rollback is better than none.
            Err(error) if error.refused && !error.is_throttling() => {
                tracing::warn!(error = %error, "the rollback shifts traffic in steps");
            }
            updated => return updated,
        }
    }
    updates::update_service(client, &rollback.service, &rollback.to, None).await
}

/// Restores the strategy that a rollback did without. Starts no deployment.
async fn restore_strategy(
    account: &Account,
    restore: &RestoreStrategy,
) -> Result<String, AwsError> {
    let current = account.deployment_configuration(&restore.service).await?;
    let configuration =
        current.change(|known| traffic_shift::with_strategy(known, &restore.settings));
    updates::set_deployment_configuration(account.clients.ecs(), &restore.service, configuration)
        .await
}

/// Restarts the tasks of a service with its current revision.
pub async fn restart_tasks(account: &Account, restart: &RestartTasks) -> Result<String, AwsError> {
    updates::force_new_deployment(account.clients.ecs(), &restart.service).await
}

/// Returns the family and number of a revision from its ARN: `shop-web:42`.
pub fn revision_label(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
