//! Tags that have no effect: a key that is nearly one of ours, and a tag on a kind of resource that it does nothing for.

use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::plan::Finding;
use lamplighter::policy::{self, StrayMistake};
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
    pub mistake: StrayMistake,
}

/// Finds the tags of the account and region that have no effect.
///
/// # Errors
/// [`AwsError`] if the tags can't be read.
pub async fn find_stray_tags<C: TagKeys>(cloud: &C) -> Result<Vec<StrayTag>, AwsError> {
    let mut found = Vec::new();
    for key in cloud.list_tag_keys().await? {
        if policy::find_meant_key(&key).is_none() && policy::find_reference(&key).is_none() {
            continue;
        }
        let mut resources = cloud.list_with_key(&key).await?;
        resources.sort();
        for arn in resources {
            let Some(mistake) = StrayMistake::find(&key, &arn) else {
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

impl StrayTag {
    /// Describes the tag as a finding.
    #[must_use]
    pub fn describe(&self) -> Finding {
        let key = &self.key;
        let names = self.list_resources();
        match self.mistake {
            StrayMistake::Key { .. } => build_finding(
                format!("stray-tag:{key}"),
                self.mistake.describe(key),
                format!(
                    "{names}. Tag keys distinguish upper and lower case, and ours begin with lamplighter:"
                ),
                "Rename the tag.",
            ),
            StrayMistake::Kind { .. } => build_finding(
                format!("stray-tag:{key}"),
                self.mistake.describe(key),
                format!("{names}."),
                "Move the tag to the resource that it is for, or remove it.",
            ),
            StrayMistake::NoBackup { kind, instead } => build_finding(
                format!("stray-tag:{key}:{kind}"),
                self.mistake.describe(key),
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
