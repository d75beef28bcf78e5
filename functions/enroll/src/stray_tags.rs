//! Tags that have no effect: a key that is nearly one of ours, and a tag on a kind of resource that it does nothing for.

use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::plan::Finding;
use lamplighter::policy::{self, ACK, APP, MANAGED, RUNBOOK, SILENCE};
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
}

/// Finds the tags of the account and region that have no effect.
///
/// # Errors
/// [`AwsError`] if the tags can't be read.
pub async fn find_stray_tags<C: TagKeys>(cloud: &C) -> Result<Vec<StrayTag>, AwsError> {
    let mut found = Vec::new();
    for key in cloud.list_tag_keys().await? {
        let mistake = if let Some(meant) = policy::find_meant_key(&key) {
            Mistake::Key { meant }
        } else if let Some(tag) = policy::find_reference(&key) {
            Mistake::Kind { works_on: tag.on }
        } else {
            continue;
        };
        let mut resources = cloud.list_with_key(&key).await?;
        if let Mistake::Kind { works_on } = mistake {
            resources.retain(|arn| is_misplaced(&key, works_on, arn));
        }
        if !resources.is_empty() {
            resources.sort();
            found.push(StrayTag {
                key,
                resources,
                mistake,
            });
        }
    }
    Ok(found)
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
