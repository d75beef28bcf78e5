//! Actions on snapshots, and the capability to back up.

use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::{elasticache, rds};
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::plan::{Action, BackupAction, CopySnapshot, CreateSnapshot, DeleteSnapshot};
use lamplighter::ports::capability::BackupActions;

impl Execute for BackupActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                create_snapshot(account, backup).await
            }
            Action::Backup(BackupAction::CopySnapshot(copy)) => copy_snapshot(account, copy).await,
            Action::Backup(BackupAction::DeleteSnapshot(expired)) => {
                delete_snapshot(account, expired).await
            }
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}

/// Creates a snapshot of a database or cache.
async fn create_snapshot(account: &Account, backup: &CreateSnapshot) -> Result<String, AwsError> {
    if backup.database.is_cache() {
        return elasticache::snapshots::create_snapshot(account.clients.elasticache(), backup)
            .await;
    }
    create_database_snapshot(account, backup).await
}

/// Creates a snapshot of a database. ElastiCache is not linked by this.
pub async fn create_database_snapshot(
    account: &Account,
    backup: &CreateSnapshot,
) -> Result<String, AwsError> {
    rds::snapshots::create_snapshot(account.clients.rds(), backup).await
}

/// Copies a snapshot to another region, or shares it with the vault account and copies it there.
async fn copy_snapshot(account: &Account, copy: &CopySnapshot) -> Result<String, AwsError> {
    let clients = &account.clients;
    if copy.to.is_vault() {
        let vault = clients.vault_account();
        rds::sharing::share_snapshot(clients.rds(), &copy.snapshot, vault).await?;
    }
    rds::snapshots::copy_snapshot(&clients.rds_at(&copy.to), copy).await
}

async fn delete_snapshot(account: &Account, expired: &DeleteSnapshot) -> Result<String, AwsError> {
    let clients = &account.clients;
    if is_cache_snapshot(&expired.snapshot) {
        return elasticache::snapshots::delete_snapshot(clients.elasticache(), expired).await;
    }
    rds::snapshots::delete_snapshot(&clients.rds_of(&expired.snapshot), expired).await
}

/// Reports whether this is the ARN of a snapshot of a cache.
pub fn is_cache_snapshot(snapshot: &Arn) -> bool {
    snapshot.service() == "elasticache"
}
