//! What each operation can do to AWS, and no more.

use super::execute::Aws;
use super::{
    autoscaling, caches, cloudwatch, codedeploy, deployments, drills, ecs, instances, logs, probes,
    snapshots, tasks,
};
use lamplighter::AwsError;
use lamplighter::plan::{Action, GoBack};
use lamplighter::ports::cloud::{
    Cloud, Drills, Logs, Reach, ReadOnly, Remedies, Revisions, Services, ServicesAndBounds,
    Snapshots, Verdicts, Watching,
};

/// Carries out the actions within a reach.
pub trait Performs: Reach + Sized {
    /// # Errors
    /// [`AwsError`] as AWS gives it, or `OutOfReach`.
    #[expect(async_fn_in_trait, reason = "one thread")]
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError>;
}

fn beyond(action: &Action) -> AwsError {
    AwsError {
        call: "perform",
        target: action.in_words(),
        code: "OutOfReach".to_owned(),
        message: "this operation is not made to do it".to_owned(),
        refused: true,
    }
}

impl Performs for ReadOnly {
    async fn perform(_: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        Err(beyond(action))
    }
}

impl Performs for Services {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Rollout(rollout) => aws.roll_out(rollout).await,
            Action::Backup(backup) => snapshots::take(aws.rds(), backup).await,
            Action::Redeploy(redeploy) => {
                ecs::force_new_deployment(aws.ecs(), &redeploy.service).await
            }
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Revisions {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Continue(go_on) => deployments::go_on(aws.ecs(), go_on).await,
            Action::GoBack(GoBack {
                stop: Some(id),
                code_deploy: Some(_),
                ..
            }) => codedeploy::stop(aws.codedeploy(), id).await,
            Action::GoBack(GoBack {
                code_deploy: Some(group),
                to,
                ..
            }) => codedeploy::create(aws.codedeploy(), group, to, None).await,
            Action::GoBack(GoBack {
                stop: Some(deployment),
                ..
            }) => deployments::take_back(aws.ecs(), deployment).await,
            Action::GoBack(back) => {
                ecs::update_service(aws.ecs(), &back.service, &back.to, None).await
            }
            Action::Judge(_) => Ok("remembered".to_owned()),
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Remedies {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Replace(replace) => tasks::stop(aws.ecs(), replace).await,
            Action::Redeploy(redeploy) => {
                ecs::force_new_deployment(aws.ecs(), &redeploy.service).await
            }
            Action::GoBack(back) => {
                ecs::update_service(aws.ecs(), &back.service, &back.to, None).await
            }
            Action::Park(park) => ecs::set_desired_count(aws.ecs(), &park.service, park.to).await,
            Action::Enlarge(enlarge) => aws.enlarge(enlarge).await,
            Action::Move(moving) => ecs::place(aws.ecs(), &moving.service, &moving.to).await,
            Action::Drain(drain) => instances::drain(aws.ecs(), aws.groups(), drain).await,
            Action::Recover(_) => Ok("remembered".to_owned()),
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Verdicts {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Report(report) => codedeploy::report(aws.codedeploy(), report).await,
            Action::Judge(_) => Ok("remembered".to_owned()),
            other => Err(beyond(other)),
        }
    }
}

impl Performs for ServicesAndBounds {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Scale(scale) => {
                ecs::set_desired_count(aws.ecs(), &scale.service, scale.to).await
            }
            Action::Floor(floor) => {
                autoscaling::set_minimum(aws.autoscaling(), &floor.service, floor.to).await
            }
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Watching {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Alarms(alarms) => cloudwatch::keep(aws.cloudwatch(), alarms).await,
            Action::Dashboard(dashboard) => {
                cloudwatch::keep_dashboard(aws.cloudwatch(), dashboard).await
            }
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Snapshots {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Backup(backup) if backup.database.is_cache() => {
                caches::take(aws.elasticache(), backup).await
            }
            Action::Expire(expire) if expire.snapshot.service() == "elasticache" => {
                caches::delete(aws.elasticache(), expire).await
            }
            Action::Backup(backup) => snapshots::take(aws.rds(), backup).await,
            Action::Copy(copy) => {
                if copy.to.is_vault() {
                    snapshots::share(aws.rds(), &copy.snapshot, aws.vault().account()).await?;
                }
                snapshots::copy(&aws.rds_at(&copy.to), copy).await
            }
            Action::Expire(expire) => {
                snapshots::delete(&aws.rds_of(&expire.snapshot), expire).await
            }
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Logs {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Export(export) => logs::export(aws.logs(), export).await,
            Action::Complete(complete) => logs::complete(aws.s3(), complete).await,
            Action::Retain(retain) => logs::retain(aws.logs(), retain).await,
            other => Err(beyond(other)),
        }
    }
}

impl Performs for Drills {
    async fn perform(aws: &Aws<Self>, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Restore(restore) if restore.source.is_cache() => {
                caches::restore(aws.elasticache(), restore).await
            }
            Action::Remove(remove) if remove.database.is_cache() => {
                caches::remove(aws.elasticache(), remove).await
            }
            Action::Verify(verify) if verify.snapshot.service() == "elasticache" => {
                caches::verify(aws.elasticache(), verify).await
            }
            Action::Restore(restore) => drills::restore(aws.rds(), restore).await,
            Action::Remove(remove) => drills::remove(aws.rds(), remove).await,
            Action::Verify(verify) => drills::verify(aws.rds(), verify).await,
            Action::RunProbe(probe) => {
                let definition = aws.task_definition(&probe.task_definition).await?;
                probes::run(aws.ecs(), probe, &definition).await
            }
            Action::Halt(halt) => probes::halt(aws.ecs(), halt).await,
            other => Err(beyond(other)),
        }
    }
}
