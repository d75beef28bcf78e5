//! The AWS actions that each operation's capability allows.

use super::execute::Aws;
use super::{
    autoscaling, check_tasks, cloudwatch, codedeploy, deployments, drills, ecs, elasticache,
    instances, logs, snapshots, tasks,
};
use lamplighter::AwsError;
use lamplighter::plan::{
    Action, BackupAction, DrillAction, HealingAction, LogAction, MonitoringAction, ReleaseAction,
    Rollback, ScalingAction,
};
use lamplighter::ports::Services;
use lamplighter::ports::capability::{
    AlarmActions, ArchiveActions, BackupActions, Capability, DeployActions, DrillActions,
    HealActions, HookActions, ReadOnly, RolloutActions, ScaleActions,
};

/// A capability that executes its actions on AWS.
pub trait Execute: Capability + Sized {
    /// Executes an action and returns a short description of its outcome.
    ///
    /// # Errors
    /// [`AwsError`] from AWS, or with the code `OutOfReach` if the capability does not allow it.
    #[expect(async_fn_in_trait, reason = "one thread")]
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError>;
}

fn unsupported(action: &Action) -> AwsError {
    AwsError {
        call: "perform",
        target: action.describe(),
        code: "OutOfReach".to_owned(),
        message: "this operation is not made to do it".to_owned(),
        refused: true,
    }
}

impl Execute for ReadOnly {
    async fn execute(_: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        Err(unsupported(action))
    }
}

impl Execute for DeployActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::Rollout(rollout)) => aws.execute_rollout(rollout).await,
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                snapshots::create_snapshot(aws.rds_client(), backup).await
            }
            Action::Release(ReleaseAction::RestartTasks(redeploy)) => {
                ecs::force_new_deployment(aws.ecs_client(), &redeploy.service).await
            }
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for RolloutActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::ContinueDeployment(go_on)) => {
                deployments::continue_deployment(aws.ecs_client(), go_on).await
            }
            Action::Release(ReleaseAction::Rollback(Rollback {
                stop: Some(id),
                code_deploy: Some(_),
                ..
            })) => codedeploy::stop_deployment(aws.codedeploy_client(), id).await,
            Action::Release(ReleaseAction::Rollback(Rollback {
                code_deploy: Some(group),
                to,
                ..
            })) => codedeploy::create_deployment(aws.codedeploy_client(), group, to, None).await,
            Action::Release(ReleaseAction::Rollback(Rollback {
                stop: Some(deployment),
                ..
            })) => deployments::roll_back_deployment(aws.ecs_client(), deployment).await,
            Action::Release(ReleaseAction::Rollback(back)) => {
                ecs::update_service(aws.ecs_client(), &back.service, &back.to, None).await
            }
            Action::Release(ReleaseAction::RecordVerdict(_)) => Ok("remembered".to_owned()),
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for HealActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Healing(HealingAction::ReplaceTask(replace)) => {
                tasks::stop_task(aws.ecs_client(), replace).await
            }
            Action::Release(ReleaseAction::RestartTasks(redeploy)) => {
                ecs::force_new_deployment(aws.ecs_client(), &redeploy.service).await
            }
            Action::Release(ReleaseAction::Rollback(back)) => {
                ecs::update_service(aws.ecs_client(), &back.service, &back.to, None).await
            }
            Action::Healing(HealingAction::ParkService(park)) => {
                ecs::set_desired_count(aws.ecs_client(), &park.service, park.to).await
            }
            Action::Healing(HealingAction::IncreaseMemory(enlarge)) => {
                aws.increase_memory(enlarge).await
            }
            Action::Healing(HealingAction::SwitchCapacityProvider(moving)) => {
                ecs::set_capacity_strategy(aws.ecs_client(), &moving.service, &moving.to).await
            }
            Action::Healing(HealingAction::DrainInstance(drain)) => {
                instances::drain_instance(aws.ecs_client(), aws.autoscaling_client(), drain).await
            }
            Action::Healing(HealingAction::CloseIncident(_)) => Ok("remembered".to_owned()),
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for HookActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::AnswerCodeDeployHook(report)) => {
                codedeploy::answer_hook(aws.codedeploy_client(), report).await
            }
            Action::Release(ReleaseAction::RecordVerdict(_)) => Ok("remembered".to_owned()),
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for ScaleActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Scaling(ScalingAction::SetDesiredCount(scale)) => {
                ecs::set_desired_count(aws.ecs_client(), &scale.service, scale.to).await
            }
            Action::Scaling(ScalingAction::SetMinCapacity(floor)) => {
                autoscaling::set_min_capacity(
                    aws.application_autoscaling_client(),
                    &floor.service,
                    floor.to,
                )
                .await
            }
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for AlarmActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Monitoring(MonitoringAction::ApplyAlarms(alarms)) => {
                cloudwatch::apply_alarms(aws.cloudwatch_client(), alarms).await
            }
            Action::Monitoring(MonitoringAction::ApplyDashboard(dashboard)) => {
                cloudwatch::apply_dashboard(aws.cloudwatch_client(), dashboard).await
            }
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for BackupActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Backup(BackupAction::CreateSnapshot(backup)) if backup.database.is_cache() => {
                elasticache::create_snapshot(aws.elasticache_client(), backup).await
            }
            Action::Backup(BackupAction::DeleteSnapshot(expire))
                if expire.snapshot.service() == "elasticache" =>
            {
                elasticache::delete_snapshot(aws.elasticache_client(), expire).await
            }
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                snapshots::create_snapshot(aws.rds_client(), backup).await
            }
            Action::Backup(BackupAction::CopySnapshot(copy)) => {
                if copy.to.is_vault() {
                    snapshots::share_snapshot(
                        aws.rds_client(),
                        &copy.snapshot,
                        aws.vault().account(),
                    )
                    .await?;
                }
                snapshots::copy_snapshot(&aws.rds_client_at(&copy.to), copy).await
            }
            Action::Backup(BackupAction::DeleteSnapshot(expire)) => {
                snapshots::delete_snapshot(&aws.rds_client_of(&expire.snapshot), expire).await
            }
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for ArchiveActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Log(LogAction::ExportLogs(export)) => {
                logs::create_export_task(aws.logs_client(), export).await
            }
            Action::Log(LogAction::WriteManifest(complete)) => {
                logs::write_manifest(aws.s3_client(), complete).await
            }
            Action::Log(LogAction::SetRetention(retain)) => {
                logs::set_retention(aws.logs_client(), retain).await
            }
            other => Err(unsupported(other)),
        }
    }
}

impl Execute for DrillActions {
    async fn execute(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Drill(DrillAction::RestoreForDrill(restore)) if restore.source.is_cache() => {
                elasticache::restore_cache(aws.elasticache_client(), restore).await
            }
            Action::Drill(DrillAction::DeleteRestoredDatabase(remove))
                if remove.database.is_cache() =>
            {
                elasticache::delete_cache(aws.elasticache_client(), remove).await
            }
            Action::Drill(DrillAction::MarkVerified(verify))
                if verify.snapshot.service() == "elasticache" =>
            {
                elasticache::mark_verified(aws.elasticache_client(), verify).await
            }
            Action::Drill(DrillAction::RestoreForDrill(restore)) => {
                drills::restore_database(aws.rds_client(), restore).await
            }
            Action::Drill(DrillAction::DeleteRestoredDatabase(remove)) => {
                drills::delete_database(aws.rds_client(), remove).await
            }
            Action::Drill(DrillAction::MarkVerified(verify)) => {
                drills::mark_verified(aws.rds_client(), verify).await
            }
            Action::Drill(DrillAction::RunCheckTask(probe)) => {
                let definition = aws.describe_task_definition(&probe.task_definition).await?;
                check_tasks::run_check_task(aws.ecs_client(), probe, &definition).await
            }
            Action::Drill(DrillAction::StopCheckTask(halt)) => {
                check_tasks::stop_check_task(aws.ecs_client(), halt).await
            }
            other => Err(unsupported(other)),
        }
    }
}
