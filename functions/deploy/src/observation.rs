//! Observation: reads the AWS state of one service in as few calls as possible.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{
    Arn, CodeDeployment, DeploymentController, Image, ImageScan, Service, Tagged, TaskDefinition,
};
use lamplighter::policy::{self, APP, BACKUP, BaseRevision, Managed};
use lamplighter::ports::{ResourceKind, SnapshotFilter, TaskLifecycle, TaskOwner};
use lamplighter::release::approval;
use lamplighter::state::UnpinnedImage;

use crate::approvals::find_rejected;
use crate::container::{SelectedContainer, select_container};
use crate::observed::{DatabaseSnapshots, Observed, Offer};
use crate::observed_task;
use crate::offer::{Lookup, find_offer};
use crate::policy::Policy;
use crate::promotion::EarlierStage;
use crate::reads::Reads;
use crate::rollout::is_version;

/// Reads the state of one service and the image that its registry offers.
pub async fn observe<C: Reads>(
    context: TargetContext<'_, Policy>,
    earlier_stage: Option<EarlierStage>,
    cloud: &C,
) -> Result<Observed, AwsError> {
    let described = cloud
        .describe_services(std::slice::from_ref(&context.target.arn))
        .await?;
    let Some(service) = described.into_iter().next() else {
        return Ok(Observed::for_missing_service());
    };
    if service.task_definition.is_empty() {
        // With the EXTERNAL controller, task sets hold the task definition.
        return Ok(Observed {
            service: Some(service),
            ..Observed::for_missing_service()
        });
    }
    let running = cloud
        .describe_task_definition(&service.task_definition)
        .await?;
    let container = select_container(&context.policy.deploy, &running, &context.target.arn);
    let (lookup, rejected) = match (&context.event.detail, &container) {
        (Detail::SecretChange(_), _) | (_, Err(_)) => (Lookup::not_applicable(), None),
        (_, Ok(container)) => (
            find_offer(context, container, earlier_stage.as_ref(), cloud).await?,
            find_rejected(context, container, cloud).await?,
        ),
    };
    let (rejected, problem) = match rejected {
        Some(Ok(rejected)) => (Some(rejected), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    let code_deployment = find_code_deployment(&service, cloud).await?;
    let pre_deployment = observed_task::read_open_task(context, cloud).await?;
    let mut observed = Observed {
        service: Some(service),
        code_deployment,
        running: Some(running),
        container,
        offer: lookup.offer,
        approved: lookup.approved,
        approvals: lookup.approvals,
        approval_problems: lookup.problem.into_iter().chain(problem).collect(),
        rejected,
        earlier_stage,
        pre_deployment,
        ..Observed::for_missing_service()
    };
    read_offer_details(&mut observed, context, cloud).await?;
    Ok(observed)
}

/// Reads what the decision about an offered image needs, unless the service runs it already.
async fn read_offer_details<C: Reads>(
    observed: &mut Observed,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<(), AwsError> {
    let (Offer::Image { image, pushed_at }, Ok(container)) =
        (observed.offer.clone(), observed.container.clone())
    else {
        return Ok(());
    };
    // A revision of somebody else that runs is newer than the one that was lost.
    let is_ours = observed
        .running
        .as_ref()
        .is_some_and(TaskDefinition::is_lamplighter_revision);
    if let Some(template) = &context.state.releases.unapplied_template
        && is_ours
        && cloud.is_revision_active(template).await?
    {
        let template = cloud.describe_task_definition(template).await?;
        observed.unapplied_template = Some(template);
    }
    let runs_it = observed.runs_everywhere(&image.digest);
    if needs_running_image(context, &container, &image) {
        observed.is_unsettled = is_unsettled(observed);
        observed.unpinned = find_unpinned_image(observed, context, &container, cloud).await?;
    }
    let (tags, state) = (&context.target.tags, context.state);
    let is_asked_for = approval::is_approved(tags, state, &image.tag, &image.digest);
    if observed.runs_unpinned(&image) && !is_asked_for {
        return Ok(());
    }
    if runs_it && observed.unapplied_template.is_none() {
        return Ok(());
    }
    observed.group_services = read_deployment_group(observed, context, cloud).await?;
    if context.policy.deploy.base == BaseRevision::Latest {
        observed.latest_template = find_latest_template(observed, cloud).await?;
    }
    if context.policy.deploy.scan.is_some() {
        read_scan(observed, &image, pushed_at, &container, cloud).await?;
    }
    observed.before =
        observed_task::read_revision(observed.pre_deployment.as_ref(), &image, context, cloud)
            .await?;
    if context.policy.deploy.snapshot {
        observed.databases = read_databases(context, cloud).await?;
    }
    observed.released = read_release(&image, context, cloud).await?;
    if context.state.has_interrupted_rollout(&image.digest) {
        let family = observed.running.as_ref().map_or("", TaskDefinition::family);
        observed.newest_revision = Some(cloud.newest_revision(family).await?);
    }
    Ok(())
}

/// Reads the scan of the offered image, and its push time if the scan may still start.
async fn read_scan<C: Reads>(
    observed: &mut Observed,
    image: &Image,
    pushed_at: Option<Timestamp>,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<(), AwsError> {
    // ECR scans the platform images of an index, not the index itself.
    let scanned = observed.image_to_run(image).unwrap_or(&image.digest);
    let scan = cloud.image_scan(&container.repository, scanned).await?;
    if matches!(scan, ImageScan::Unavailable(_)) && pushed_at.is_none() {
        let pushed_at = find_push_time(image, container, cloud).await?;
        observed.offer = Offer::Image {
            image: image.clone(),
            pushed_at,
        };
    }
    observed.scan = Some(scan);
    Ok(())
}

/// Reports whether the tasks must be read to know which image runs: Lamplighter has released nothing, and the revision
/// names no digest. A push of another tag is deployed in any case.
fn needs_running_image(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    image: &Image,
) -> bool {
    let running = container.running_image();
    // A version that runs stays what it is.
    let is_other_push = matches!(context.event.detail, Detail::ImageAction(_))
        && running.tag.as_ref() != Some(&image.tag)
        && is_version(&context.policy.deploy.follows, &running);
    context.state.last_rollout().is_none() && running.digest.is_none() && !is_other_push
}

/// Reports whether tasks of the service are missing or being replaced, so that they don't show what it runs.
fn is_unsettled(observed: &Observed) -> bool {
    observed.service.as_ref().is_some_and(|service| {
        let is_stable = service.count_missing_tasks() == 0 && !service.has_rollout_in_progress();
        service.desired_count > 0 && !is_stable
    })
}

/// Returns the image that all tasks of the running revision run: as it was recorded, else as ECS reports it. `None` while
/// tasks are missing or replaced.
async fn find_unpinned_image<C: Reads>(
    observed: &Observed,
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Option<UnpinnedImage>, AwsError> {
    let (Some(service), Some(running)) = (&observed.service, &observed.running) else {
        return Ok(None);
    };
    let deployment = service
        .primary_deployment()
        .map_or("", |primary| &primary.id);
    let known = &context.state.releases.unpinned;
    if let Some(known) = known
        && known.revision == running.arn()
        && known.deployment == deployment
    {
        return Ok(Some(known.clone()));
    }
    if service.desired_count == 0 || observed.is_unsettled {
        return Ok(None);
    }
    let owner = TaskOwner::Service(&service.arn);
    let tasks = cloud.list_tasks(owner, TaskLifecycle::Running).await?;
    let mut digests = tasks
        .iter()
        .filter(|task| task.task_definition == running.arn())
        .flat_map(|task| &task.containers)
        .filter(|ran| container.names().any(|name| name == ran.name))
        .map(|ran| ran.image_digest.as_ref());
    let first = digests.next().flatten();
    Ok(first
        .filter(|first| digests.all(|digest| digest == Some(first)))
        .map(|digest| UnpinnedImage {
            revision: running.arn().to_owned(),
            deployment: deployment.to_owned(),
            digest: digest.clone(),
            image: None,
        }))
}

/// Returns the newest revision of the family if somebody else registered it and the service doesn't run it. If an
/// interrupted rollout has already registered one on it, returns what that was built on.
async fn find_latest_template<C: Reads>(
    observed: &Observed,
    cloud: &C,
) -> Result<Option<TaskDefinition>, AwsError> {
    let Some(running) = &observed.running else {
        return Ok(None);
    };
    let newest = cloud.newest_revision(running.family()).await?;
    let template = match newest.tags.get(policy::BASE) {
        None => newest,
        Some(base) if newest.arn() != running.arn() && cloud.is_revision_active(base).await? => {
            cloud.describe_task_definition(base).await?
        }
        Some(_) => return Ok(None),
    };
    let is_other = !template.is_lamplighter_revision() && template.arn() != running.arn();
    Ok(is_other.then_some(template))
}

/// Returns the verified revision of an image that the service should run.
async fn read_release<C: Reads>(
    image: &Image,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<TaskDefinition>, AwsError> {
    let releases = &context.state.releases;
    let verified = releases
        .verified
        .iter()
        .find(|verified| verified.digest == image.digest)
        .filter(|_| releases.current.as_ref() == Some(&image.digest));
    match verified {
        Some(verified) => cloud
            .describe_task_definition(&verified.revision)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// Returns when the image's tag was pushed, if ECR still lists it.
async fn find_push_time<C: Reads>(
    image: &Image,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Option<Timestamp>, AwsError> {
    let tags = cloud.image_tags(&container.repository).await?;
    Ok(tags
        .into_iter()
        .find(|listed| listed.tag == image.tag)
        .and_then(|listed| listed.pushed_at))
}

/// Returns the last CodeDeploy deployment that ECS names: the one in progress, if there is one.
async fn find_code_deployment<C: Reads>(
    service: &Service,
    cloud: &C,
) -> Result<Option<CodeDeployment>, AwsError> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return Ok(None);
    }
    match service.code_deployments.last() {
        Some(id) => cloud.describe_code_deployment(id).await,
        None => Ok(None),
    }
}

/// Returns the services of the deployment group that the tag names, if CodeDeploy deploys the service.
async fn read_deployment_group<C: Reads>(
    observed: &Observed,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<Option<Vec<String>>>, AwsError> {
    let is_code_deploy = observed
        .service
        .as_ref()
        .is_some_and(|service| service.deployment_controller == DeploymentController::CodeDeploy);
    let named = context.policy.deploy.group.as_ref();
    match named.filter(|_| is_code_deploy) {
        Some((application, group)) => cloud
            .list_group_services(application, group)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// Returns the application's managed databases that have a backup policy, with their snapshots.
async fn read_databases<C: Reads>(
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Vec<DatabaseSnapshots>, AwsError> {
    let Some(app) = policy::app_name(&context.target.tags) else {
        return Ok(Vec::new());
    };
    let listed = cloud.list_tagged(ResourceKind::Database, APP).await?;
    let arns: Vec<Arn> = listed
        .iter()
        .filter(|database| is_backed_up_with(database, app))
        .map(|database| database.arn.clone())
        .collect();
    let mut found = Vec::new();
    for database in cloud.describe_databases(&arns).await? {
        // Cluster members are backed up with their cluster.
        if database.cluster.is_none() {
            let snapshots = cloud
                .list_snapshots(None, SnapshotFilter::OfSource(&database.arn))
                .await?;
            found.push(DatabaseSnapshots {
                database,
                snapshots,
            });
        }
    }
    Ok(found)
}

/// Reports whether the database belongs to the application, is managed and has a backup policy.
/// Without a backup policy, nothing would ever delete these snapshots.
fn is_backed_up_with(database: &Tagged, app: &str) -> bool {
    policy::app_name(&database.tags) == Some(app)
        && policy::parse_managed(&database.tags) == Ok(Managed::Act)
        && database.tags.contains_key(BACKUP)
}
