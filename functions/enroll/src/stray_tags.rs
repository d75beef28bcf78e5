//! Tags that have no effect: a key that is nearly one of ours, and a tag on a kind of resource that it does nothing for.

use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::plan::Finding;
use lamplighter::policy::{self, ACK, APP, BACKUP, MANAGED, RUNBOOK, SILENCE};
use lamplighter::ports::TagKeys;
use serde::Serialize;

use crate::finding::build_finding;

/// The number of resources that a finding names.
const MAX_NAMED: usize = 3;

/// A tag that has no effect on these resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StrayTag {
    pub key: String,
    pub resources: Vec<Arn>,
    pub mistake: Mistake,
}

/// What is wrong with a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Mistake {
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

/// Finds the tags of the account and region that have no effect.
///
/// # Errors
/// [`AwsError`] if the tags can't be read.
pub async fn find_stray_tags<C: TagKeys>(cloud: &C) -> Result<Vec<StrayTag>, AwsError> {
    let mut found = Vec::new();
    for key in cloud.list_tag_keys().await? {
        let meant = policy::find_meant_key(&key);
        let reference = policy::find_reference(&key);
        if meant.is_none() && reference.is_none() {
            continue;
        }
        let mut resources = cloud.list_with_key(&key).await?;
        resources.sort();
        for arn in resources {
            let mistake = match meant {
                Some(meant) => Some(Mistake::Key { meant }),
                None => find_mistake(&key, reference.map_or("", |tag| tag.on), &arn),
            };
            let Some(mistake) = mistake else {
                continue;
            };
            let same = found
                .iter_mut()
                .find(|tag: &&mut StrayTag| tag.key == key && tag.mistake == mistake);
            if let Some(same) = same {
                same.resources.push(arn);
            } else {
                found.push(StrayTag {
                    key: key.clone(),
                    resources: vec![arn],
                    mistake,
                });
            }
        }
    }
    Ok(found)
}

/// Returns why a tag of ours does nothing on a resource.
fn find_mistake(key: &str, works_on: &'static str, arn: &Arn) -> Option<Mistake> {
    let without_backup = WITHOUT_BACKUP.iter().find(|(service, of_type, ..)| {
        arn.service() == *service && arn.resource().starts_with(of_type)
    });
    if let Some((_, _, kind, instead)) = without_backup.filter(|_| key == BACKUP) {
        return Some(Mistake::NoBackup { kind, instead });
    }
    is_misplaced(key, works_on, arn).then_some(Mistake::Kind { works_on })
}

/// Reports whether a tag does nothing on a resource. Only kinds that people tag by mistake count: many others inherit
/// tags, or must be managed for a service or a database.
fn is_misplaced(key: &str, works_on: &str, arn: &Arn) -> bool {
    let kind = kind_of(arn);
    // CloudFormation gives the tags of a stack to each of its resources.
    let is_general = [MANAGED, APP, SILENCE, ACK, RUNBOOK].contains(&key);
    match kind {
        Some("cluster") => true,
        Some(kind) => !is_general && !works_on.split(", ").any(|one| one == kind),
        None => false,
    }
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

impl StrayTag {
    /// Describes the tag as a finding.
    #[must_use]
    pub fn describe(&self) -> Finding {
        let key = &self.key;
        let names = self.list_resources();
        match self.mistake {
            Mistake::Key { meant } => build_finding(
                format!("stray-tag:{key}"),
                format!("tag {key} has no effect - {meant} was meant"),
                format!(
                    "{names}. Tag keys distinguish upper and lower case, and ours begin with lamplighter:"
                ),
                "Rename the tag.",
            ),
            Mistake::Kind { works_on } => build_finding(
                format!("stray-tag:{key}"),
                format!("tag {key} has no effect here - only on: {works_on}"),
                format!("{names}."),
                "Move the tag to the resource that it is for, or remove it.",
            ),
            Mistake::NoBackup { kind, instead } => build_finding(
                format!("stray-tag:{key}:{kind}"),
                format!("no backups of {kind}s - Lamplighter backs up databases and caches"),
                format!("{names}, and nothing is backed up there because of it."),
                format!("Use {instead}. Then remove the tag."),
            ),
        }
    }

    fn list_resources(&self) -> String {
        let named: Vec<&str> = self
            .resources
            .iter()
            .take(MAX_NAMED)
            .map(Arn::resource)
            .collect();
        let more = self.resources.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("It is on {}{more}", named.join(", "))
    }
}
