//! Proposes tags for one resource. Pure.

use std::collections::BTreeMap;

use lamplighter::model::Arn;
use lamplighter::policy::{APP, BACKUP, DEPLOY, LOGS, MANAGED, PREFIX, SCALE};

use super::inventory::{Found, FoundService};

/// The tags of what is only watched at first.
const OBSERVE: &str = "observe";
const DAILY_BACKUP: &str = "at=03:00 keep=7d";
const DAILY_EXPORT: &str = "export keep=7d";
/// The tasks that a service may scale out to, for each task that it has.
const GROWTH: i32 = 2;

/// Tags to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub arn: Arn,
    pub name: String,
    pub tags: BTreeMap<String, String>,
    /// What the reader should decide.
    pub notes: Vec<String>,
    /// The resource has tags of Lamplighter already, so that none are proposed.
    pub is_tagged: bool,
}

impl Proposal {
    /// Proposes tags for a resource. Lamplighter observes it until a person says `true`.
    #[must_use]
    pub fn for_resource(found: &Found) -> Self {
        let mut proposal = Self {
            arn: found.arn.clone(),
            name: found.arn.display_name(),
            tags: BTreeMap::new(),
            notes: Vec::new(),
            is_tagged: found.tags.keys().any(|key| key.starts_with(PREFIX)),
        };
        if proposal.is_tagged {
            return proposal;
        }
        proposal.add(MANAGED, OBSERVE);
        match &found.service {
            Some(service) => proposal.add_service(service),
            None if found.arn.log_group_name().is_some() => proposal.add(LOGS, DAILY_EXPORT),
            None => proposal.add(BACKUP, DAILY_BACKUP),
        }
        proposal
    }

    fn add(&mut self, key: &str, value: impl Into<String>) {
        self.tags.insert(key.to_owned(), value.into());
    }

    fn add_service(&mut self, service: &FoundService) {
        if let Some((cluster, _)) = self.arn.ecs_cluster_and_name() {
            self.add(APP, cluster.to_owned());
        }
        match propose_deploy(&service.image) {
            Ok(value) => self.add(DEPLOY, value),
            Err(note) => self.notes.push(note),
        }
        if service.is_daemon {
            return;
        }
        if service.desired > 0 {
            let (min, max) = (service.desired, service.desired.saturating_mul(GROWTH));
            self.add(SCALE, format!("min={min} max={max}"));
            self.notes.push(format!(
                "say how many requests a second one task serves: rps= in {SCALE}; without it, CPU decides"
            ));
        } else {
            self.notes.push(format!(
                "it runs no task now: {SCALE} needs a least and a most"
            ));
        }
    }
}

/// Returns the value of the deploy tag for a service that runs an image.
///
/// # Errors
/// Why there is none.
fn propose_deploy(image: &str) -> Result<String, String> {
    let (host, path) = image.split_once('/').unwrap_or_default();
    if !host.contains(".dkr.ecr.") {
        return Err(format!(
            "its image {image} is not in ECR: Lamplighter can't release it"
        ));
    }
    let path = path.split('@').next().unwrap_or_default();
    let Some((repository, tag)) = path.rsplit_once(':') else {
        return Err(format!(
            "its image has no tag: choose a pattern for {DEPLOY}, such as tag=vx.x.x repo={path}"
        ));
    };
    Ok(format!("tag={} repo={repository}", generalize(tag)))
}

/// Replaces the numbers of a version by `x`: `RC_x.x.x` for `RC_1.4.2`. A tag that is no version stays as it is.
fn generalize(tag: &str) -> String {
    let start = tag.find(|letter: char| letter.is_ascii_digit());
    let (head, version) = tag.split_at(start.unwrap_or(tag.len()));
    let mut parts = version.split('.').peekable();
    let is_version = parts.clone().count() > 1
        && parts.all(|part| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit()));
    if is_version {
        let numbers = version.split('.').map(|_| "x");
        format!("{head}{}", numbers.collect::<Vec<_>>().join("."))
    } else {
        tag.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lint::find_tag_mistakes;

    fn service(image: &str, desired: i32) -> Found {
        Found {
            arn: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
            tags: BTreeMap::new(),
            service: Some(FoundService {
                image: image.to_owned(),
                desired,
                is_daemon: false,
            }),
        }
    }

    fn other(arn: &str) -> Found {
        Found {
            arn: Arn::new(arn),
            ..Found::default()
        }
    }

    #[rstest]
    #[case::version("RC_1.4.2", "RC_x.x.x")]
    #[case::with_v("v12.0", "vx.x")]
    #[case::plain("1.2.3", "x.x.x")]
    #[case::latest("latest", "latest")]
    #[case::commit("3f9c1e0", "3f9c1e0")]
    #[case::date("2026-12-01", "2026-12-01")]
    fn a_version_becomes_a_pattern(#[case] tag: &str, #[case] pattern: &str) {
        assert_eq!(generalize(tag), pattern);
    }

    /// What is proposed is right, and acts on nothing.
    #[rstest]
    #[case::service(service("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:RC_1.4.2", 3))]
    #[case::pinned(service(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:v1.2@sha256:ab",
        1
    ))]
    #[case::latest(service("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:latest", 1))]
    #[case::digest_alone(service(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web@sha256:ab",
        1
    ))]
    #[case::public(service("nginx:1.27", 1))]
    #[case::stopped(service("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:v1.2", 0))]
    #[case::database(other("arn:aws:rds:eu-west-1:123456789012:db:orders"))]
    #[case::cluster(other("arn:aws:rds:eu-west-1:123456789012:cluster:orders"))]
    #[case::cache(other("arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:sessions"))]
    #[case::logs(other("arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web"))]
    fn a_proposal_has_no_mistake_and_only_observes(#[case] found: Found) {
        let proposal = Proposal::for_resource(&found);
        assert_eq!(proposal.tags[MANAGED], "observe");
        let mistakes = find_tag_mistakes(&proposal.arn, &proposal.tags);
        assert_eq!(mistakes, Vec::<String>::new(), "{proposal:?}");
    }

    #[test]
    fn what_is_tagged_is_left_alone() {
        let mut found = other("arn:aws:rds:eu-west-1:123456789012:db:orders");
        found.tags.insert(MANAGED.to_owned(), "true".to_owned());
        let proposal = Proposal::for_resource(&found);
        assert!(proposal.is_tagged && proposal.tags.is_empty());
    }
}
