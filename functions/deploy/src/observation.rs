//! Observation: reads the AWS state of one service in as few calls as possible.

use std::cmp::Ordering;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::ecr::ImageAction;
use lamplighter::model::{
    Arn, CodeDeployment, Database, DeploymentController, Digest, Image, ImageScan, ImageTag,
    Service, Snapshot, Tagged, TaskDefinition,
};
use lamplighter::policy::{self, APP, BACKUP, Managed};
use lamplighter::ports::{ResourceKind, SnapshotFilter};
use serde::Serialize;

use crate::{Policy, SelectedContainer, select_container};

/// The input of [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// `None` if the service does not exist.
    pub service: Option<Service>,
    /// The task definition of the service's newest deployment.
    pub running: Option<TaskDefinition>,
    /// The newest CodeDeploy deployment, if CodeDeploy deploys the service.
    pub code_deployment: Option<CodeDeployment>,
    /// The container to change, or the reason why none could be selected.
    pub container: Result<SelectedContainer, String>,
    pub offer: Offer,
    /// Read only if the tag sets `scan=`.
    pub scan: Option<ImageScan>,
    /// The newest revision of the family; read only after an interrupted rollout.
    pub newest_revision: Option<TaskDefinition>,
    /// The databases of the application; read only if the tag sets `snapshot=yes`.
    pub databases: Vec<DatabaseSnapshots>,
}

/// A database and its manual snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseSnapshots {
    pub database: Database,
    pub snapshots: Vec<Snapshot>,
}

/// The image that the registry offers for a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Offer {
    Image {
        image: Image,
        pushed_at: Option<Timestamp>,
    },
    /// No tag matches the policy, or every matching one is quarantined.
    NoTag,
    NoRepository,
    /// The event is not about an image.
    NotApplicable,
}

impl Observed {
    fn for_missing_service() -> Self {
        Self {
            service: None,
            code_deployment: None,
            running: None,
            container: Err("the service does not exist".to_owned()),
            offer: Offer::NotApplicable,
            scan: None,
            newest_revision: None,
            databases: Vec::new(),
        }
    }

    /// Returns the digest of the platform image in an image index that the service's tasks would
    /// run.
    #[must_use]
    pub fn image_to_run<'a>(&self, image: &'a Image) -> Option<&'a Digest> {
        let running = self.running.as_ref()?;
        let fitting = image
            .platforms
            .iter()
            .flatten()
            .find(|child| running.supports_platform(&child.platform))?;
        Some(&fitting.digest)
    }

    /// Returns the digest that the service runs or is rolling out, if its image is pinned by
    /// digest.
    #[must_use]
    pub fn running_digest(&self) -> Option<Digest> {
        self.container
            .as_ref()
            .ok()
            .and_then(|subject| subject.running_image().digest)
    }
}

pub async fn observe<C: Reads>(
    context: TargetContext<'_, Policy>,
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
    let subject = select_container(&context.policy.deploy, &running, &context.target.arn);
    let offer = match (&context.event.detail, &subject) {
        (Detail::SecretRotated(_), _) | (_, Err(_)) => Offer::NotApplicable,
        (_, Ok(subject)) => find_offer(context, subject, cloud).await?,
    };
    let code_deployment = find_code_deployment(&service, cloud).await?;
    let mut observed = Observed {
        service: Some(service),
        code_deployment,
        running: Some(running),
        container: subject,
        offer,
        scan: None,
        newest_revision: None,
        databases: Vec::new(),
    };
    let mut since = None;
    if let (Offer::Image { image, pushed_at }, Ok(subject)) = (&observed.offer, &observed.container)
    {
        let wanted = observed.running_digest().as_ref() != Some(&image.digest);
        if wanted && context.policy.deploy.scan.is_some() {
            // ECR scans the platform images of an index, not the index itself.
            let scanned = observed.image_to_run(image).unwrap_or(&image.digest);
            let scan = cloud.image_scan(&subject.repository, scanned).await?;
            if matches!(scan, ImageScan::Unavailable(_)) && pushed_at.is_none() {
                // The push time decides whether a scan may still start.
                let tags = cloud.image_tags(&subject.repository).await?;
                since = tags
                    .into_iter()
                    .find(|t| t.tag == image.tag)
                    .and_then(|t| t.pushed_at);
            }
            observed.scan = Some(scan);
        }
        if wanted && context.policy.deploy.snapshot {
            observed.databases = read_databases(context, cloud).await?;
        }
        if wanted && context.state.has_interrupted_rollout(&image.digest) {
            let family = observed.running.as_ref().map_or("", TaskDefinition::family);
            observed.newest_revision = Some(cloud.newest_revision(family).await?);
        }
    }
    if let (Offer::Image { pushed_at, .. }, Some(_)) = (&mut observed.offer, since) {
        *pushed_at = since;
    }
    Ok(observed)
}

/// Returns the last CodeDeploy deployment that ECS names: the one in progress, if there is one.
async fn find_code_deployment<C: Reads>(
    service: &Service,
    cloud: &C,
) -> Result<Option<CodeDeployment>, AwsError> {
    match service.code_deployments.last() {
        Some(id) if service.deployment_controller == DeploymentController::CodeDeploy => {
            cloud.describe_code_deployment(id).await
        }
        _ => Ok(None),
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
    // Without a backup policy, nothing would ever delete these snapshots.
    let is_meant = |d: &&Tagged| {
        policy::app_name(&d.tags) == Some(app)
            && policy::parse_managed(&d.tags) == Ok(Managed::Act)
            && d.tags.contains_key(BACKUP)
    };
    let arns: Vec<Arn> = listed
        .iter()
        .filter(is_meant)
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

async fn find_offer<C: Reads>(
    context: TargetContext<'_, Policy>,
    subject: &SelectedContainer,
    cloud: &C,
) -> Result<Offer, AwsError> {
    match find_newest_image(context, subject, cloud).await {
        Ok(offer) => Ok(offer),
        Err(error) if error.code == "RepositoryNotFoundException" => Ok(Offer::NoRepository),
        Err(error) => Err(error),
    }
}

/// Returns the image of the newest matching tag. A push names its tag, so the repository is not
/// listed if that tag is newer than the running one and all earlier rollout attempts.
async fn find_newest_image<C: Reads>(
    context: TargetContext<'_, Policy>,
    subject: &SelectedContainer,
    cloud: &C,
) -> Result<Offer, AwsError> {
    let follows = &context.policy.deploy.follows;
    let repository = &subject.repository;
    let (tag, pushed_at) = match (&context.event.detail, follows.as_fixed_tag()) {
        (Detail::ImageAction(push), Some(fixed)) if push.image_tag == fixed => {
            (fixed.to_owned(), context.event.time)
        }
        (_, Some(fixed)) => (fixed.to_owned(), None),
        (Detail::ImageAction(push), None) if is_newest(context, subject, push) => {
            (push.image_tag.clone(), context.event.time)
        }
        (_, None) => match choose_tag(context, cloud.image_tags(repository).await?) {
            Some(chosen) => (chosen.tag, chosen.pushed_at),
            None => return Ok(Offer::NoTag),
        },
    };
    let image = cloud.find_image(repository, &tag).await?;
    Ok(image.map_or(Offer::NoTag, |image| Offer::Image { image, pushed_at }))
}

/// Reports whether a pushed tag is newer than the running one and than all earlier attempts.
fn is_newest(
    context: TargetContext<'_, Policy>,
    subject: &SelectedContainer,
    push: &ImageAction,
) -> bool {
    let follows = &context.policy.deploy.follows;
    let newer_than =
        |tag: &str| follows.compare_tags(&push.image_tag, tag) == Some(Ordering::Greater);
    let tried = context
        .state
        .releases
        .attempts
        .iter()
        .filter_map(|attempt| attempt.tag.as_deref());
    push.repository_name == subject.repository.name
        && subject
            .running_image()
            .tag
            .is_some_and(|running| newer_than(&running))
        && tried.into_iter().all(newer_than)
}

/// Returns the matching tag with the highest version, skipping quarantined digests unless approved.
/// Among equal versions, the last push wins.
fn choose_tag(context: TargetContext<'_, Policy>, tags: Vec<ImageTag>) -> Option<ImageTag> {
    let (follows, quarantined) = (
        &context.policy.deploy.follows,
        &context.state.releases.quarantined,
    );
    let approved = policy::find_approval(&context.target.tags);
    let is_open =
        |t: &ImageTag| !quarantined.contains_key(&t.digest) || approved == Some(t.digest.as_str());
    tags.into_iter()
        .filter(|t| follows.matches_tag(&t.tag) && is_open(t))
        .max_by(|a, b| {
            let by_version = follows
                .compare_tags(&a.tag, &b.tag)
                .unwrap_or(Ordering::Equal);
            by_version
                .then(a.pushed_at.cmp(&b.pushed_at))
                .then_with(|| a.tag.cmp(&b.tag))
        })
}
