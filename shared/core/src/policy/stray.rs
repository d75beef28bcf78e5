//! Tags that have no effect on a resource: a key that is nearly one of ours, and a tag on the wrong kind of resource.

use serde::Serialize;

use super::{ACK, APP, BACKUP, MANAGED, RUNBOOK, SILENCE, find_meant_key, find_reference};
use crate::model::Arn;

/// Why a tag has no effect on a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum StrayMistake {
    /// The key is nearly this one.
    Key { meant: &'static str },
    /// The tag works on these kinds of resources alone.
    Kind { works_on: &'static str },
    /// Lamplighter backs up no resources of this kind.
    NoBackup {
        kind: &'static str,
        instead: &'static str,
    },
}

/// Kinds of resources that people tag for backups in vain: the service and type of its ARN, what it is, and what backs it up.
const WITHOUT_BACKUP: [(&str, &str, &str, &str); 8] = [
    (
        "elasticfilesystem",
        "file-system/",
        "EFS file system",
        "AWS Backup, or the replication of EFS",
    ),
    (
        "s3",
        "",
        "S3 bucket",
        "versioning with Object Lock, or AWS Backup",
    ),
    (
        "ec2",
        "volume/",
        "EBS volume",
        "Amazon Data Lifecycle Manager, or AWS Backup",
    ),
    (
        "dynamodb",
        "table/",
        "DynamoDB table",
        "point-in-time recovery, or AWS Backup",
    ),
    (
        "docdb-elastic",
        "cluster/",
        "DocumentDB elastic cluster",
        "its automatic snapshots, or AWS Backup",
    ),
    (
        "memorydb",
        "cluster/",
        "MemoryDB cluster",
        "its automatic snapshots",
    ),
    (
        "redshift",
        "cluster:",
        "Redshift cluster",
        "its automatic snapshots, or AWS Backup",
    ),
    (
        "fsx",
        "file-system/",
        "FSx file system",
        "its automatic backups, or AWS Backup",
    ),
];

impl StrayMistake {
    /// Returns why a tag has no effect on a resource; `None` if it has one, or is none of ours.
    #[must_use]
    pub fn find(key: &str, arn: &Arn) -> Option<Self> {
        match find_meant_key(key) {
            Some(meant) => Some(Self::Key { meant }),
            None => find_mistake(key, find_reference(key)?.on, arn),
        }
    }

    /// Describes the mistake as a phrase.
    #[must_use]
    pub fn describe(&self, key: &str) -> String {
        match self {
            Self::Key { meant } => format!("tag {key} has no effect - {meant} was meant"),
            Self::Kind { works_on } => {
                format!("tag {key} has no effect here - only on: {works_on}")
            }
            Self::NoBackup { kind, .. } => {
                format!("no backups of {kind}s - Lamplighter backs up databases and caches")
            }
        }
    }
}

/// Returns why a tag of ours does nothing on a resource.
fn find_mistake(key: &str, works_on: &'static str, arn: &Arn) -> Option<StrayMistake> {
    let without_backup = WITHOUT_BACKUP.iter().find(|(service, of_type, ..)| {
        arn.service() == *service && arn.resource().starts_with(of_type)
    });
    if let Some((_, _, kind, instead)) = without_backup.filter(|_| key == BACKUP) {
        return Some(StrayMistake::NoBackup { kind, instead });
    }
    is_misplaced(key, works_on, arn).then_some(StrayMistake::Kind { works_on })
}

/// Reports whether a tag does nothing on a resource. Only kinds that people tag by mistake count: many others inherit
/// tags, or must be managed for a service or a database.
fn is_misplaced(key: &str, works_on: &str, arn: &Arn) -> bool {
    let kind = kind_of(arn);
    match kind {
        Some("cluster") => true,
        Some(kind) => !is_general_tag(key) && !works_on.split(", ").any(|one| one == kind),
        None => false,
    }
}

/// Reports whether a tag does no harm on any resource: CloudFormation gives the tags of a stack to each of its resources, and
/// Terraform those of a provider.
#[must_use]
pub fn is_general_tag(key: &str) -> bool {
    [MANAGED, APP, SILENCE, ACK, RUNBOOK].contains(&key)
}

/// Returns the kind of a resource as the table of tags names it, or `cluster` for an ECS cluster.
fn kind_of(arn: &Arn) -> Option<&'static str> {
    if arn.ecs_cluster_and_name().is_some() {
        return Some("service");
    }
    if arn.service() == "ecs" && arn.resource().starts_with("cluster/") {
        return Some("cluster");
    }
    if arn.is_cache() {
        return Some("cache");
    }
    if arn.database_kind().is_some() {
        return Some("database");
    }
    arn.log_group_name().map(|_| "log group")
}
