//! Selects the container of a task definition that a service's tag manages, and its image
//! repository.

use lamplighter::model::{Arn, ImageRef, Repository, TaskDefinition};
use lamplighter::policy::DeployPolicy;
use serde::Serialize;

/// The container whose image `deploy` replaces, and the image that it runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelectedContainer {
    pub name: String,
    /// The image reference as the task definition spells it.
    pub image: String,
    /// The ECR repository to search for new images.
    pub repository: Repository,
}

impl SelectedContainer {
    #[must_use]
    pub fn running_image(&self) -> ImageRef {
        ImageRef::parse(&self.image)
    }
}

/// Selects the container by `container=`, else by `repo=`, else the only one with an ECR image.
/// Without `container=`, a single container is selected in any case.
///
/// # Errors
/// Returns a description for the author of the tag if no container or several match. The same goes
/// for an image outside ECR without `repo=`.
pub fn select_container(
    policy: &DeployPolicy,
    definition: &TaskDefinition,
    service: &Arn,
) -> Result<SelectedContainer, String> {
    let containers: Vec<Candidate> = definition
        .containers()
        .map(|container| (container.name, ImageRef::parse(container.image)))
        .collect();
    let label = definition.family_and_revision();
    let matching: Vec<&Candidate> = containers
        .iter()
        .filter(|candidate| matches_policy(policy, candidate))
        .collect();
    let (name, image) = match (matching.as_slice(), containers.as_slice()) {
        ([one], _) => one,
        // A first rollout replaces a placeholder image from another registry.
        ([], [only]) if policy.container.is_none() => only,
        ([], all) => return Err(describe_no_match(policy, label, &join_names(all))),
        (several, _) => {
            let names = join_names(several.iter().copied());
            return Err(format!(
                "containers {names} of {label} could be meant; name one with container="
            ));
        }
    };
    let repository = find_repository(policy, image, service).ok_or_else(|| {
        format!("container {name} of {label} runs {image}, which is not from ECR; say repo=")
    })?;
    Ok(SelectedContainer {
        name: (*name).to_owned(),
        image: image.to_string(),
        repository,
    })
}

/// A container's name and image.
type Candidate<'a> = (&'a str, ImageRef);

fn matches_policy(policy: &DeployPolicy, (name, image): &Candidate) -> bool {
    match (&policy.container, &policy.repo) {
        (Some(container), _) => container == name,
        (None, Some(repo)) => image.repository.name == *repo,
        (None, None) => image.repository.is_ecr(),
    }
}

fn join_names<'a>(containers: impl IntoIterator<Item = &'a Candidate<'a>>) -> String {
    let names: Vec<&str> = containers.into_iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

fn describe_no_match(policy: &DeployPolicy, label: &str, names: &str) -> String {
    match (&policy.container, &policy.repo) {
        (Some(container), _) => format!("{label} has no container {container} (it has: {names})"),
        (None, Some(repo)) => {
            format!(
                "no container of {label} runs {repo}; name one with container= (it has: {names})"
            )
        }
        (None, None) => {
            format!(
                "no container of {label} runs an image from ECR; say repo= and container= (it has: {names})"
            )
        }
    }
}

/// Returns the ECR repository of the running image, or the one that `repo=` names in the service's
/// account and region.
fn find_repository(policy: &DeployPolicy, running: &ImageRef, service: &Arn) -> Option<Repository> {
    match &policy.repo {
        Some(name) if running.repository.name == *name && running.repository.is_ecr() => {
            Some(running.repository.clone())
        }
        Some(name) => {
            let host = format!(
                "{}.dkr.ecr.{}.{}",
                service.account_id(),
                service.region(),
                service.endpoint_domain()
            );
            Some(Repository {
                host,
                name: name.clone(),
            })
        }
        None => running
            .repository
            .is_ecr()
            .then(|| running.repository.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

    fn find(tag: &str, containers: &[(&str, &str)]) -> Result<SelectedContainer, String> {
        let containers: Vec<Value> = containers
            .iter()
            .map(|(n, i)| json!({"name": n, "image": i}))
            .collect();
        let Value::Object(document) = json!({"taskDefinitionArn": "arn:aws:ecs:::task-definition/shop-web:41", "containerDefinitions": containers})
        else {
            unreachable!("an object")
        };
        let definition = TaskDefinition {
            document,
            tags: BTreeMap::new(),
        };
        let service = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
        select_container(&DeployPolicy::parse(tag).unwrap(), &definition, &service)
    }

    #[rstest]
    #[case::by_repository("tag=latest repo=shop/web", &[("proxy", "envoy:1"), ("web", "H/shop/web:1")], "web")]
    #[case::by_being_from_ecr("tag=latest", &[("proxy", "envoy:1"), ("web", "H/shop/web:1")], "web")]
    #[case::by_name("tag=latest container=b", &[("a", "H/shop/web:1"), ("b", "H/shop/web:1")], "b")]
    #[case::placeholder("tag=latest repo=shop/web", &[("web", "nginx:1")], "web")]
    fn finds_the_container(
        #[case] tag: &str,
        #[case] containers: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        let containers: Vec<(&str, String)> = containers
            .iter()
            .map(|(n, i)| (*n, i.replace('H', HOST)))
            .collect();
        let containers: Vec<(&str, &str)> =
            containers.iter().map(|(n, i)| (*n, i.as_str())).collect();
        let found = find(tag, &containers).unwrap();
        assert_eq!(found.name, expected);
        assert_eq!(
            found.repository,
            Repository {
                host: HOST.into(),
                name: "shop/web".into()
            }
        );
    }

    #[rstest]
    #[case::ambiguous("tag=latest repo=shop/web", &[("a", "shop/web:1"), ("b", "shop/web:1")],
        "containers a, b of shop-web:41 could be meant; name one with container=")]
    #[case::misspelt("tag=latest container=wbe repo=shop/web", &[("web", "shop/web:1")],
        "shop-web:41 has no container wbe (it has: web)")]
    #[case::not_ecr("tag=latest", &[("web", "nginx:1")],
        "container web of shop-web:41 runs nginx:1, which is not from ECR; say repo=")]
    fn says_what_is_missing(
        #[case] tag: &str,
        #[case] containers: &[(&str, &str)],
        #[case] problem: &str,
    ) {
        assert_eq!(find(tag, containers).unwrap_err(), problem);
    }
}
