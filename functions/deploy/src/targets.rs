//! Which services an event is about.

use lamplighter::engine::Targets;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::tag::TagChange;
use lamplighter::model::{Arn, ImageRef, Tagged, TaskDefinition};
use lamplighter::policy::{DEPLOY, DeployPolicy, PREFIX};
use lamplighter::ports::cloud::{Cloud, Kind};
use lamplighter::{AwsError, Event};

pub async fn targets<C: Cloud>(event: &Event, cloud: &C) -> Result<Targets<()>, AwsError> {
    match &event.detail {
        Detail::ImageAction(action) => match action.pushed() {
            Ok(()) => pushed(&action.repository_name, &action.image_tag, cloud).await,
            Err(reason) => Ok(Targets::None(reason)),
        },
        Detail::ImageScanned(scan) => scanned(scan.repository(), cloud).await,
        Detail::SecretRotated(secret) => {
            let services = cloud.tagged(Kind::Service, DEPLOY).await?;
            let reads = |definition: &TaskDefinition| {
                definition.secret_references().any(|r| secret.is_read_by(r))
            };
            let readers = running(services, cloud, reads).await?;
            Ok(found(readers, || {
                format!("no service with {DEPLOY} reads {}", secret.secret_arn)
            }))
        }
        Detail::TagChange(change) => tagged(event, change, cloud).await,
        Detail::Sweep => {
            let services = cloud.tagged(Kind::Service, DEPLOY).await?;
            Ok(found(services, || format!("no service carries {DEPLOY}")))
        }
        other => Ok(Targets::not_for("deploy", other)),
    }
}

fn found(services: Vec<Tagged>, none: impl FnOnce() -> String) -> Targets<()> {
    if services.is_empty() {
        Targets::None(none())
    } else {
        Targets::These(services, ())
    }
}

async fn pushed<C: Cloud>(repository: &str, tag: &str, cloud: &C) -> Result<Targets<()>, AwsError> {
    let services = cloud.tagged(Kind::Service, DEPLOY).await?;
    let followers = following(services, repository, cloud, |policy| {
        policy.follows.matches(tag)
    })
    .await?;
    Ok(found(followers, || {
        format!("no service follows {repository}:{tag}")
    }))
}

async fn scanned<C: Cloud>(repository: &str, cloud: &C) -> Result<Targets<()>, AwsError> {
    let services = cloud.tagged(Kind::Service, DEPLOY).await?;
    let waiting = following(services, repository, cloud, |policy| policy.scan.is_some()).await?;
    Ok(found(waiting, || {
        format!("no service with scan= follows {repository}")
    }))
}

/// The services that follow a repository and whose policy says so. One whose tag can't be read is kept:
/// the engine tells a person.
async fn following<C: Cloud>(
    services: Vec<Tagged>,
    repository: &str,
    cloud: &C,
    wanted: impl Fn(&DeployPolicy) -> bool,
) -> Result<Vec<Tagged>, AwsError> {
    let mut followers = Vec::new();
    let mut unnamed = Vec::new();
    for service in services {
        match service
            .tags
            .get(DEPLOY)
            .map(|value| DeployPolicy::parse(value))
        {
            Some(Ok(policy)) if !wanted(&policy) => {}
            Some(Ok(DeployPolicy { repo: None, .. })) => unnamed.push(service),
            Some(Ok(DeployPolicy {
                repo: Some(named), ..
            })) if named != repository => {}
            _ => followers.push(service),
        }
    }
    let runs = |definition: &TaskDefinition| {
        definition
            .containers()
            .any(|c| ImageRef::parse(c.image).repository.name == repository)
    };
    followers.extend(running(unnamed, cloud, runs).await?);
    Ok(followers)
}

/// The services whose running task definition is of a kind. One whose definition can't be read is kept: its
/// own visit finds out why, and the others go on.
async fn running<C: Cloud>(
    services: Vec<Tagged>,
    cloud: &C,
    is: impl Fn(&TaskDefinition) -> bool,
) -> Result<Vec<Tagged>, AwsError> {
    if services.is_empty() {
        return Ok(services);
    }
    let arns: Vec<Arn> = services.iter().map(|service| service.arn.clone()).collect();
    let described = cloud.services(&arns).await?;
    let mut kept = Vec::new();
    for service in services {
        let Some(description) = described.iter().find(|d| d.arn == service.arn) else {
            continue;
        };
        if cloud
            .task_definition(&description.task_definition)
            .await
            .is_ok_and(|definition| !is(&definition))
        {
            continue;
        }
        kept.push(service);
    }
    Ok(kept)
}

/// The service whose tags changed, with the tags it has now. One that carries only misspelt keys of ours
/// is visited as well, with the event's tags, so that a person is told; it is not acted on.
async fn tagged<C: Cloud>(
    event: &Event,
    change: &TagChange,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let arn = event
        .resources
        .iter()
        .map(Arn::new)
        .find(|arn| arn.ecs_service().is_some());
    let ours = change
        .changed_tag_keys
        .iter()
        .any(|key| key.starts_with(PREFIX));
    let (Some(arn), true) = (arn, ours) else {
        return Ok(Targets::None(
            "no tag of ours on a service changed".to_owned(),
        ));
    };
    let services = cloud.tagged(Kind::Service, DEPLOY).await?;
    if let Some(service) = services.into_iter().find(|service| service.arn == arn) {
        return Ok(Targets::These(vec![service], ()));
    }
    let mut tags = change.tags.clone();
    tags.remove(DEPLOY);
    let has_ours = tags.keys().any(|key| key.starts_with(PREFIX));
    Ok(found(
        if has_ours {
            vec![Tagged { arn, tags }]
        } else {
            Vec::new()
        },
        || format!("the service has no {DEPLOY}"),
    ))
}
