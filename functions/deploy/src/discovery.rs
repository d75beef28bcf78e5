//! Discovery: the services that an event affects.

use crate::promotion::earlier_service;
use crate::reads::Reads;
use crate::restart::is_restarted_for;
use lamplighter::engine::Targets;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::secret::SecretChange;
use lamplighter::event::detail::tag::TagChange;
use lamplighter::event::detail::task::TaskChange;
use lamplighter::model::{
    Arn, ImageRef, ReleaseEventKind, Request, RequestScope, Tagged, TaskDefinition,
};
use lamplighter::policy::{DEPLOY, DeployPolicy, PREFIX};
use lamplighter::ports::ResourceKind;
use lamplighter::release::pre_deployment::{STARTED_BY_PREFIX, token_prefix};
use lamplighter::{AwsError, Event};

/// Returns the services that the event affects, or the reason why there are none.
pub async fn find_targets<C: Reads>(event: &Event, cloud: &C) -> Result<Targets<()>, AwsError> {
    match &event.detail {
        Detail::ImageAction(action) => match action.check_push() {
            Ok(()) => {
                find_targets_for_push(&action.repository_name, &action.image_tag, cloud).await
            }
            Err(reason) => Ok(Targets::Skipped(reason)),
        },
        Detail::ImageScanned(scan) => find_targets_for_scan(scan.repository(), cloud).await,
        Detail::SecretChange(secret) => find_targets_for_rotation(secret, cloud).await,
        Detail::TagChange(change) => find_targets_for_tag_change(event, change, cloud).await,
        Detail::Request(request) => find_targets_for_request(request, cloud).await,
        Detail::Release(kind) => find_targets_for_release(event, *kind, cloud).await,
        Detail::TaskChange(change) if change.started_by.starts_with(STARTED_BY_PREFIX) => {
            find_targets_for_task(change, cloud).await
        }
        Detail::Sweep => {
            let services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
            Ok(targets_or_skip(services, || {
                format!("no service has the tag {DEPLOY}")
            }))
        }
        other @ (Detail::AlarmChange(_)
        | Detail::ServiceCreated(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::DeploymentChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Database(_)
        | Detail::Drill(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event("deploy", other)),
    }
}

/// Returns the services that wait until an image is verified in the service of the event.
async fn find_targets_for_release<C: Reads>(
    event: &Event,
    kind: ReleaseEventKind,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    if kind != ReleaseEventKind::Verified {
        return Ok(Targets::Skipped("nothing was verified".to_owned()));
    }
    let mut services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    services.retain(|service| {
        let earlier = earlier_service(service);
        earlier.is_some_and(|earlier| event.resources.iter().any(|arn| arn == earlier.as_str()))
    });
    Ok(targets_or_skip(services, || {
        "no service has after= with this service".to_owned()
    }))
}

/// Returns the service whose pre-deployment task changed.
async fn find_targets_for_task<C: Reads>(
    change: &TaskChange,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let mut services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    services.retain(|service| change.started_by.starts_with(&token_prefix(&service.arn)));
    Ok(targets_or_skip(services, || {
        format!(
            "the task {} is of no service with {DEPLOY}",
            change.started_by
        )
    }))
}

/// Returns the service that a request is about.
async fn find_targets_for_request<C: Reads>(
    request: &Request,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let RequestScope::Target(arn) = &request.scope else {
        return Ok(Targets::Skipped(
            "the request is about no release".to_owned(),
        ));
    };
    let mut services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    services.retain(|service| service.arn.as_str() == arn);
    Ok(targets_or_skip(services, || {
        format!("the service has no tag {DEPLOY}")
    }))
}

fn targets_or_skip(services: Vec<Tagged>, none: impl FnOnce() -> String) -> Targets<()> {
    if services.is_empty() {
        Targets::Skipped(none())
    } else {
        Targets::Found(services, ())
    }
}

async fn find_targets_for_push<C: Reads>(
    repository: &str,
    tag: &str,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    let matching = filter_by_repository(services, repository, cloud, |policy| {
        policy.follows.matches_tag(tag)
    })
    .await?;
    Ok(targets_or_skip(matching, || {
        format!("no service tracks {repository}:{tag}")
    }))
}

async fn find_targets_for_scan<C: Reads>(
    repository: &str,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    let waiting =
        filter_by_repository(services, repository, cloud, |policy| policy.scan.is_some()).await?;
    Ok(targets_or_skip(waiting, || {
        format!("no service with scan= tracks {repository}")
    }))
}

async fn find_targets_for_rotation<C: Reads>(
    secret: &SecretChange,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let mut services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    // A service with an invalid tag is kept, so that the engine reports the error.
    services.retain(|service| match DeployPolicy::from_tags(&service.tags) {
        Ok(Some(policy)) => is_restarted_for(policy.restart, secret.kind),
        Ok(None) | Err(_) => true,
    });
    let readers = filter_by_task_definition(services, cloud, |definition| {
        definition
            .secret_references()
            .any(|reference| secret.matches_reference(reference))
    })
    .await?;
    Ok(targets_or_skip(readers, || {
        format!("no service with {DEPLOY} reads {}", secret.arn)
    }))
}

/// Returns the services that track a repository and whose policy passes `wanted`. Services with an
/// invalid tag are kept, so that the engine reports the error.
async fn filter_by_repository<C: Reads>(
    services: Vec<Tagged>,
    repository: &str,
    cloud: &C,
    wanted: impl Fn(&DeployPolicy) -> bool,
) -> Result<Vec<Tagged>, AwsError> {
    let mut matching = Vec::new();
    let mut without_repository = Vec::new();
    for service in services {
        let Ok(Some(policy)) = DeployPolicy::from_tags(&service.tags) else {
            matching.push(service);
            continue;
        };
        if !wanted(&policy) {
            continue;
        }
        match policy.repo {
            None => without_repository.push(service),
            Some(named) if named.name == repository => matching.push(service),
            Some(_) => {}
        }
    }
    let running = filter_by_task_definition(without_repository, cloud, |definition| {
        definition
            .containers()
            .any(|container| ImageRef::parse(container.image).repository.name == repository)
    })
    .await?;
    matching.extend(running);
    Ok(matching)
}

/// Returns the services whose running task definition passes `wanted`. A service whose definition can't
/// be read is kept: reconciling it returns the error without stopping the others.
async fn filter_by_task_definition<C: Reads>(
    services: Vec<Tagged>,
    cloud: &C,
    wanted: impl Fn(&TaskDefinition) -> bool,
) -> Result<Vec<Tagged>, AwsError> {
    if services.is_empty() {
        return Ok(services);
    }
    let arns: Vec<Arn> = services.iter().map(|service| service.arn.clone()).collect();
    let described = cloud.describe_services(&arns).await?;
    let mut kept = Vec::new();
    for service in services {
        let Some(description) = described.iter().find(|d| d.arn == service.arn) else {
            continue;
        };
        if cloud
            .describe_task_definition(&description.task_definition)
            .await
            .is_ok_and(|definition| !wanted(&definition))
        {
            continue;
        }
        kept.push(service);
    }
    Ok(kept)
}

/// Returns the service whose tags changed, with its current tags. A service with only misspelt
/// `lamplighter:` keys is included with the event's tags: the engine reports the error and changes
/// nothing.
async fn find_targets_for_tag_change<C: Reads>(
    event: &Event,
    change: &TagChange,
    cloud: &C,
) -> Result<Targets<()>, AwsError> {
    let arn = event
        .resources
        .iter()
        .map(Arn::new)
        .find(|arn| arn.ecs_cluster_and_name().is_some());
    let ours = change
        .changed_tag_keys
        .iter()
        .any(|key| key.starts_with(PREFIX));
    let (Some(arn), true) = (arn, ours) else {
        return Ok(Targets::Skipped(
            "no Lamplighter tag of a service changed".to_owned(),
        ));
    };
    let services = cloud.list_tagged(ResourceKind::Service, DEPLOY).await?;
    if let Some(service) = services.into_iter().find(|service| service.arn == arn) {
        return Ok(Targets::Found(vec![service], ()));
    }
    let mut tags = change.tags.clone();
    tags.remove(DEPLOY);
    let has_ours = tags.keys().any(|key| key.starts_with(PREFIX));
    Ok(targets_or_skip(
        if has_ours {
            vec![Tagged { arn, tags }]
        } else {
            Vec::new()
        },
        || format!("the service has no tag {DEPLOY}"),
    ))
}
