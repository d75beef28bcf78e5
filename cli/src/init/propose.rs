//! Proposes tags for one resource. Pure.

use std::collections::BTreeMap;

use lamplighter::model::Arn;
use lamplighter::policy::{APP, BACKUP, DEPLOY, LOGS, MANAGED, PREFIX, SCALE};

use super::inventory::{Found, FoundService};
use crate::lint::find_tag_mistakes;

/// The tags of what is only watched at first.
const OBSERVE: &str = "observe";
const DAILY_BACKUP: &str = "at=03:00 keep=7d";
const DAILY_EXPORT: &str = "export keep=7d";
/// The tasks that a service may scale out to, for each task that it has.
const GROWTH: i32 = 2;
/// The tasks that a service with one task may scale out to.
const GROWTH_OF_ONE: i32 = 4;

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
        proposal.drop_mistakes();
        proposal
    }

    /// Leaves out a pattern that the functions would refuse.
    fn drop_mistakes(&mut self) {
        let mistakes = find_tag_mistakes(&self.arn, &self.tags);
        if !mistakes.is_empty() && self.tags.remove(DEPLOY).is_some() {
            self.notes
                .push(format!("choose a pattern for {DEPLOY}, such as tag=vx.x.x"));
        }
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
        let note = match propose_scale(service.desired) {
            None => format!("it runs no task now: {SCALE} needs a least and a most"),
            Some(value) if service.desired == 1 => {
                format!("it runs one task: say {SCALE} = {value} if it may run more than one")
            }
            Some(value) => {
                self.add(SCALE, value);
                format!(
                    "say how many requests a second one task serves: rps= in {SCALE}; without it, CPU decides. If Application \
                     Auto Scaling scales it, leave {SCALE} out"
                )
            }
        };
        self.notes.push(note);
    }
}

/// Returns the value of the scale tag for a service with so many tasks; `None` if it runs none.
#[must_use]
pub fn propose_scale(desired: i32) -> Option<String> {
    match desired {
        ..=0 => None,
        1 => Some(format!("min=1 max={GROWTH_OF_ONE}")),
        _ => Some(format!(
            "min={desired} max={}",
            desired.saturating_mul(GROWTH)
        )),
    }
}

/// Returns the value of the deploy tag for a service that runs an image.
///
/// # Errors
/// Why there is none.
fn propose_deploy(image: &str) -> Result<String, String> {
    // The text of a task definition could end the comment that it stands in.
    let image: String = image
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
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
    match generalize(tag) {
        Some(pattern) => Ok(format!("tag={pattern} repo={repository}")),
        None => Err(format!(
            "its tag {tag} names one build: choose a pattern for {DEPLOY}, such as tag=vx.x.x repo={repository}"
        )),
    }
}

/// Replaces the numbers of a version by `x`: `RC_x.x.x` for `RC_1.4.2`. A word such as `latest` stays. `None` for a tag of
/// one build, such as a commit or a date.
fn generalize(tag: &str) -> Option<String> {
    if !tag.is_empty() && tag.chars().all(|letter| letter.is_ascii_lowercase()) {
        return Some(tag.to_owned());
    }
    let start = tag.find(|letter: char| letter.is_ascii_digit())?;
    let (head, version) = tag.split_at(start);
    let mut parts = version.split('.');
    let count = parts.clone().count();
    let are_numbers =
        parts.all(|part| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit()));
    (count > 1 && are_numbers).then(|| format!("{head}{}", vec!["x"; count].join(".")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
    #[case::version("RC_1.4.2", Some("RC_x.x.x"))]
    #[case::with_v("v12.0", Some("vx.x"))]
    #[case::plain("1.2.3", Some("x.x.x"))]
    #[case::latest("latest", Some("latest"))]
    #[case::commit("3f9c1e0", None)]
    #[case::date("2026-12-01", None)]
    #[case::a_pattern("1.x", None)]
    #[case::a_build("v1.2.3-rc1", None)]
    fn a_version_becomes_a_pattern(#[case] tag: &str, #[case] pattern: Option<&str>) {
        assert_eq!(generalize(tag).as_deref(), pattern);
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
    #[case::a_prefix_that_is_no_pattern(service(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:app1.2.3",
        2
    ))]
    #[case::a_comment_that_ends(service("evil/x\nrm -rf /", 2))]
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
        assert!(proposal.notes.iter().all(|note| !note.contains('\n')));
    }

    #[test]
    fn what_is_tagged_is_left_alone() {
        let mut found = other("arn:aws:rds:eu-west-1:123456789012:db:orders");
        found.tags.insert(MANAGED.to_owned(), "true".to_owned());
        let proposal = Proposal::for_resource(&found);
        assert!(proposal.is_tagged && proposal.tags.is_empty());
    }
}
