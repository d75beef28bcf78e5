//! The open findings, grouped: many targets have the same one.

use std::collections::BTreeMap;

use lamplighter::status::TargetStatus;

/// An open finding and the targets that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingGroup {
    pub title: String,
    /// The display names of the targets.
    pub names: Vec<String>,
}

/// Groups the findings of all targets by their titles, those of most targets first.
pub fn group_findings(statuses: &[TargetStatus]) -> Vec<FindingGroup> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for status in statuses {
        for title in &status.findings {
            groups.entry(title).or_default().push(status.name.clone());
        }
    }
    let mut groups: Vec<FindingGroup> = groups
        .into_iter()
        .map(|(title, mut names)| {
            names.sort();
            FindingGroup {
                title: title.to_owned(),
                names,
            }
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.names.len()));
    groups
}
