//! Selects the containers of a task definition that a service's tag manages, and their image
//! repository.

use lamplighter::model::{Arn, Digest, ImageRef, Repository, TaskDefinition};
use lamplighter::policy::DeployPolicy;
use serde::Serialize;

/// The containers whose image `deploy` replaces, and the image that the first of them runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelectedContainer {
    pub name: String,
    /// The image reference as the task definition spells it.
    pub image: String,
    /// The ECR repository to search for new images.
    pub repository: Repository,
    /// The names and images of further containers that get the same image.
    pub others: Vec<(String, String)>,
}

impl SelectedContainer {
    #[must_use]
    pub fn running_image(&self) -> ImageRef {
        ImageRef::parse(&self.image)
    }

    /// Returns the names of all containers that get the image.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let others = self.others.iter().map(|(name, _)| name.as_str());
        std::iter::once(self.name.as_str()).chain(others)
    }

    /// Reports whether every container runs the image with this digest.
    #[must_use]
    pub fn runs_everywhere(&self, digest: &Digest) -> bool {
        let others = self.others.iter().map(|(_, image)| image.as_str());
        std::iter::once(self.image.as_str())
            .chain(others)
            .all(|image| ImageRef::parse(image).digest.as_ref() == Some(digest))
    }
}

/// Selects the containers by `container=`, else by `repo=`, else those with an ECR image. Without `container=`, a
/// single container is selected in any case, and several change together if they run the same image, or if the tag
/// tracks theirs.
///
/// # Errors
/// Returns a description for the author of the tag if no container matches, or several do that run different images.
/// The same goes for an image outside ECR without `repo=`.
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
    let selected = match &policy.containers[..] {
        [] => select_by_image(policy, &containers, label)?,
        names => select_by_name(names, &containers, label)?,
    };
    let Some(((name, image), others)) = selected.split_first() else {
        return Err(describe_no_match(policy, label, &join_names(&containers)));
    };
    let repository = find_repository(policy, image, service).ok_or_else(|| {
        format!("container {name} of {label} runs {image}, which is not from ECR; say repo=")
    })?;
    Ok(SelectedContainer {
        name: (*name).to_owned(),
        image: image.to_string(),
        repository,
        others: others
            .iter()
            .map(|(name, image)| ((*name).to_owned(), image.to_string()))
            .collect(),
    })
}

/// A container's name and image.
type Candidate<'a> = (&'a str, ImageRef);

/// Returns the containers with these names, in the order of the task definition.
fn select_by_name<'a>(
    names: &[String],
    containers: &[Candidate<'a>],
    label: &str,
) -> Result<Vec<Candidate<'a>>, String> {
    let known: Vec<&str> = containers.iter().map(|(name, _)| *name).collect();
    if let Some(missing) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!(
            "{label} has no container {missing} (it has: {})",
            join_names(containers)
        ));
    }
    let is_named = |(name, _): &&Candidate<'a>| names.iter().any(|wanted| wanted == name);
    Ok(containers.iter().filter(is_named).cloned().collect())
}

/// Returns the containers that run an image of the tracked repository.
fn select_by_image<'a>(
    policy: &DeployPolicy,
    containers: &[Candidate<'a>],
    label: &str,
) -> Result<Vec<Candidate<'a>>, String> {
    let mut matching: Vec<Candidate<'a>> = containers
        .iter()
        .filter(|candidate| is_from_repository(policy, candidate))
        .cloned()
        .collect();
    if matching.is_empty()
        && let [only] = containers
    {
        // A first rollout replaces a placeholder image from another registry.
        return Ok(vec![only.clone()]);
    }
    if agree(&matching, |image| image) {
        return Ok(matching);
    }
    let names = join_names(&matching);
    let is_one_repository = agree(&matching, |image| &image.repository);
    matching.retain(|(_, image)| {
        let tag = image.tag.as_deref();
        tag.is_some_and(|tag| policy.follows.matches_tag(tag))
    });
    if !is_one_repository || matching.is_empty() {
        return Err(format!(
            "containers {names} of {label} run different images; name those to deploy with container=, such as container={}",
            names.replace(", ", "+")
        ));
    }
    Ok(matching)
}

fn is_from_repository(policy: &DeployPolicy, (_, image): &Candidate<'_>) -> bool {
    match &policy.repo {
        Some(repo) => {
            image.repository.name == repo.name
                && (repo.host.is_empty() || repo.host == image.repository.host)
        }
        None => image.repository.is_ecr(),
    }
}

/// Reports whether a property of the images is the same for all containers.
fn agree<'a, T: PartialEq>(
    candidates: &'a [Candidate<'_>],
    property: fn(&'a ImageRef) -> T,
) -> bool {
    let mut values = candidates.iter().map(|(_, image)| property(image));
    let first = values.next();
    values.all(|value| Some(value) == first)
}

fn join_names<'a>(containers: impl IntoIterator<Item = &'a Candidate<'a>>) -> String {
    let names: Vec<&str> = containers.into_iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

fn describe_no_match(policy: &DeployPolicy, label: &str, names: &str) -> String {
    match &policy.repo {
        Some(repo) => {
            format!(
                "no container of {label} runs {}; name one with container= (it has: {names})",
                repo.name
            )
        }
        None => {
            format!(
                "no container of {label} runs an image from ECR; say repo= and container= (it has: {names})"
            )
        }
    }
}

/// Returns the repository that `repo=` names, in the service's account and region unless it names a registry, else the
/// ECR repository of the running image.
fn find_repository(policy: &DeployPolicy, running: &ImageRef, service: &Arn) -> Option<Repository> {
    let is_ecr = running.repository.is_ecr();
    match &policy.repo {
        Some(named) if !named.host.is_empty() => Some(named.clone()),
        Some(named) if running.repository.name == named.name && is_ecr => {
            Some(running.repository.clone())
        }
        Some(named) => {
            let host = format!(
                "{}.dkr.ecr.{}.{}",
                service.account_id(),
                service.region(),
                service.endpoint_domain()
            );
            Some(Repository {
                host,
                name: named.name.clone(),
            })
        }
        None => is_ecr.then(|| running.repository.clone()),
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
            .map(|(n, i)| json!({"name": n, "image": i.replace('H', HOST)}))
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
        select_container(
            &DeployPolicy::parse(&tag.replace('H', HOST)).unwrap(),
            &definition,
            &service,
        )
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
        let found = find(tag, containers).unwrap();
        assert_eq!(found.name, expected);
        assert_eq!(
            found.repository,
            Repository {
                host: HOST.into(),
                name: "shop/web".into()
            }
        );
    }

    /// Which containers get the image.
    #[rstest]
    #[case::both_run_it("tag=latest", &[("web", "H/shop/web:1"), ("migrate", "H/shop/web:1")], &["web", "migrate"])]
    #[case::one_was_left_behind("tag=RC_x.x.x", &[("migrate", "H/shop/web:RC_1.0.0"), ("web", "H/shop/web:RC_1.1.0")], &["migrate", "web"])]
    #[case::another_image_of_the_repository("tag=RC_x.x.x", &[("proxy", "H/shop/web:proxy-2"), ("web", "H/shop/web:RC_1.0.0")], &["web"])]
    #[case::narrowed("tag=latest container=web", &[("web", "H/shop/web:1"), ("migrate", "H/shop/web:1")], &["web"])]
    #[case::named("tag=latest container=migrate+web", &[("web", "H/shop/web:1"), ("migrate", "H/shop/web:2"), ("proxy", "envoy:1")], &["web", "migrate"])]
    #[case::by_registry("tag=latest repo=H/shop/web", &[("web", "H/shop/web:1"), ("copy", "other.example/shop/web:1")], &["web"])]
    fn containers_of_one_image_change_together(
        #[case] tag: &str,
        #[case] containers: &[(&str, &str)],
        #[case] expected: &[&str],
    ) {
        let found = find(tag, containers).unwrap();
        assert_eq!(found.names().collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case::two_repositories("tag=latest", &[("a", "H/shop/a:1"), ("b", "H/shop/b:1")],
        "containers a, b of shop-web:41 run different images; name those to deploy with container=, such as container=a+b")]
    #[case::two_untracked_tags("tag=latest repo=shop/web", &[("a", "H/shop/web:1"), ("b", "H/shop/web:2")],
        "containers a, b of shop-web:41 run different images; name those to deploy with container=, such as container=a+b")]
    #[case::one_of_two_misspelt("tag=latest container=web+migrat repo=shop/web", &[("web", "shop/web:1"), ("migrate", "shop/web:1")],
        "shop-web:41 has no container migrat (it has: web, migrate)")]
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
