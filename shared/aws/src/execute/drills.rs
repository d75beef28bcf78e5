//! Actions on the temporary resources of a drill, and the capability to run drills.

use super::backups::is_cache_snapshot;
use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::ecs::{check_tasks, tasks};
use crate::outcomes::creation_outcome;
use crate::{elasticache, rds};
use lamplighter::AwsError;
use lamplighter::plan::{
    Action, DeleteRestoredDatabase, DrillAction, MarkVerified, RestoreCall, RestoreForDrill,
    RunCheckTask,
};
use lamplighter::ports::capability::DrillActions;

impl Execute for DrillActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Drill(DrillAction::RestoreForDrill(restore)) => {
                restore_snapshot(account, restore).await
            }
            Action::Drill(DrillAction::DeleteRestoredDatabase(removal)) => {
                delete_restored(account, removal).await
            }
            Action::Drill(DrillAction::MarkVerified(verified)) => {
                mark_verified(account, verified).await
            }
            Action::Drill(DrillAction::RunCheckTask(check)) => run_check_task(account, check).await,
            Action::Drill(DrillAction::StopCheckTask(stop)) => {
                let reason = "Lamplighter ended the drill";
                tasks::stop_task(account.clients.ecs(), &stop.cluster, &stop.task, reason).await
            }
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}

/// Starts the restore of a snapshot to a temporary database or cache.
///
/// Idempotent: an existing one with that name is not an error.
async fn restore_snapshot(
    account: &Account,
    restore: &RestoreForDrill,
) -> Result<String, AwsError> {
    let snapshot = &restore.snapshot;
    let clients = &account.clients;
    let result = match &restore.call {
        RestoreCall::Instance(call) => {
            rds::restores::restore_instance(clients.rds(), snapshot, call).await
        }
        RestoreCall::Cluster(call) => {
            rds::restores::restore_cluster(clients.rds(), snapshot, call).await
        }
        RestoreCall::Member(call) => rds::restores::create_member(clients.rds(), call).await,
        RestoreCall::ReplicationGroup(call) => {
            let client = clients.elasticache();
            elasticache::restores::create_replication_group(client, snapshot, call).await
        }
        RestoreCall::ServerlessCache(call) => {
            let client = clients.elasticache();
            elasticache::restores::create_serverless_cache(client, snapshot, call).await
        }
    };
    creation_outcome(result, restore.call.name())
}

async fn delete_restored(
    account: &Account,
    removal: &DeleteRestoredDatabase,
) -> Result<String, AwsError> {
    if removal.database.is_cache() {
        return elasticache::drills::delete_cache(account.clients.elasticache(), removal).await;
    }
    rds::drills::delete_database(account.clients.rds(), removal).await
}

async fn mark_verified(account: &Account, verified: &MarkVerified) -> Result<String, AwsError> {
    if is_cache_snapshot(&verified.snapshot) {
        return elasticache::drills::mark_verified(account.clients.elasticache(), verified).await;
    }
    rds::drills::mark_verified(account.clients.rds(), verified).await
}

async fn run_check_task(account: &Account, check: &RunCheckTask) -> Result<String, AwsError> {
    let definition = account
        .describe_task_definition(&check.task_definition)
        .await?;
    check_tasks::run_check_task(account.clients.ecs(), check, &definition).await
}
