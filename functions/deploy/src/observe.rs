//! What a decision needs to know of one service, read in as few calls as it takes.

use std::cmp::Ordering;

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::ecr::ImageAction;
use lamplighter::model::{
    Arn, CodeDeployment, Database, DeploymentController, Digest, Image, Scan, Service, Snapshot,
    TagInRepository, Tagged, TaskDefinition,
};
use lamplighter::policy::{self, APP, BACKUP, Managed};
use lamplighter::ports::cloud::{Cloud, Kind, Which};
use serde::Serialize;

use crate::{Policy, Subject, subject};

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// `None` where the service is gone.
    pub service: Option<Service>,
    /// The task definition of the service's newest deployment.
    pub running: Option<TaskDefinition>,
    /// What CodeDeploy last did to the service, where it deploys it.
    pub code_deployment: Option<CodeDeployment>,
    /// The container to change; what stands against finding it otherwise.
    pub subject: Result<Subject, String>,
    pub offer: Offer,
    /// Read only where the tag says `scan=`.
    pub scan: Option<Scan>,
    /// The newest revision of the family, read only where an earlier rollout was interrupted.
    pub newest_revision: Option<TaskDefinition>,
    /// The databases of the application, read only where the tag says `snapshot=yes`.
    pub databases: Vec<Before>,
}

/// A database and its manual snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Before {
    pub database: Database,
    pub snapshots: Vec<Snapshot>,
}

/// What the registry offers to roll out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Offer {
    Image {
        image: Image,
        pushed_at: Option<Timestamp>,
    },
    /// No tag that the service follows, or none that is not quarantined.
    NoTag,
    NoRepository,
    /// The event is not about an image.
    NotAsked,
}

impl Observed {
    fn missing() -> Self {
        Self {
            service: None,
            code_deployment: None,
            running: None,
            subject: Err("the service does not exist".to_owned()),
            offer: Offer::NotAsked,
            scan: None,
            newest_revision: None,
            databases: Vec::new(),
        }
    }

    /// The image of an index that the service's tasks would run.
    #[must_use]
    pub fn image_to_run<'a>(&self, image: &'a Image) -> Option<&'a Digest> {
        let running = self.running.as_ref()?;
        let fitting = image
            .platforms
            .iter()
            .flatten()
            .find(|child| running.runs_on(&child.platform))?;
        Some(&fitting.digest)
    }

    /// The digest that the service runs or is rolling out, where it is pinned.
    #[must_use]
    pub fn running_digest(&self) -> Option<Digest> {
        self.subject
            .as_ref()
            .ok()
            .and_then(|subject| subject.running().digest)
    }
}

pub async fn observe<C: Cloud>(seen: Seen<'_, Policy>, cloud: &C) -> Result<Observed, AwsError> {
    let described = cloud
        .services(std::slice::from_ref(&seen.target.arn))
        .await?;
    let Some(service) = described.into_iter().next() else {
        return Ok(Observed::missing());
    };
    if service.task_definition.is_empty() {
        // With an EXTERNAL controller, the task definition belongs to the task sets.
        return Ok(Observed {
            service: Some(service),
            ..Observed::missing()
        });
    }
    let running = cloud.task_definition(&service.task_definition).await?;
    let subject = subject(&seen.policy.deploy, &running, &seen.target.arn);
    let offer = match (&seen.event.detail, &subject) {
        (Detail::SecretRotated(_), _) | (_, Err(_)) => Offer::NotAsked,
        (_, Ok(subject)) => offer(seen, subject, cloud).await?,
    };
    let code_deployment = code_deployment(&service, cloud).await?;
    let mut observed = Observed {
        service: Some(service),
        code_deployment,
        running: Some(running),
        subject,
        offer,
        scan: None,
        newest_revision: None,
        databases: Vec::new(),
    };
    let mut since = None;
    if let (Offer::Image { image, pushed_at }, Ok(subject)) = (&observed.offer, &observed.subject) {
        let wanted = observed.running_digest().as_ref() != Some(&image.digest);
        if wanted && seen.policy.deploy.scan.is_some() {
            // A registry scans the images of an index, not the index.
            let scanned = observed.image_to_run(image).unwrap_or(&image.digest);
            let scan = cloud.scan(&subject.repository, scanned).await?;
            if matches!(scan, Scan::Impossible(_)) && pushed_at.is_none() {
                // How long ago the push was tells whether a scan may still begin.
                let tags = cloud.tags(&subject.repository).await?;
                since = tags
                    .into_iter()
                    .find(|t| t.tag == image.tag)
                    .and_then(|t| t.pushed_at);
            }
            observed.scan = Some(scan);
        }
        if wanted && seen.policy.deploy.snapshot {
            observed.databases = before(seen, cloud).await?;
        }
        if wanted && seen.memory.was_interrupted(&image.digest) {
            let family = observed.running.as_ref().map_or("", TaskDefinition::family);
            observed.newest_revision = Some(cloud.newest_task_definition(family).await?);
        }
    }
    if let (Offer::Image { pushed_at, .. }, Some(_)) = (&mut observed.offer, since) {
        *pushed_at = since;
    }
    Ok(observed)
}

/// The deployment of CodeDeploy that ECS names last: the one in progress, if one is.
async fn code_deployment<C: Cloud>(
    service: &Service,
    cloud: &C,
) -> Result<Option<CodeDeployment>, AwsError> {
    match service.code_deployments.last() {
        Some(id) if service.deployment_controller == DeploymentController::CodeDeploy => {
            cloud.code_deployment(id).await
        }
        _ => Ok(None),
    }
}

/// The databases of the service's application that may be backed up, and their snapshots.
async fn before<C: Cloud>(seen: Seen<'_, Policy>, cloud: &C) -> Result<Vec<Before>, AwsError> {
    let Some(app) = policy::app(&seen.target.tags) else {
        return Ok(Vec::new());
    };
    let listed = cloud.tagged(Kind::Database, APP).await?;
    // One without a policy for its backups would keep these for ever.
    let is_meant = |d: &&Tagged| {
        policy::app(&d.tags) == Some(app)
            && policy::managed(&d.tags) == Ok(Managed::Act)
            && d.tags.contains_key(BACKUP)
    };
    let arns: Vec<Arn> = listed
        .iter()
        .filter(is_meant)
        .map(|database| database.arn.clone())
        .collect();
    let mut found = Vec::new();
    for database in cloud.databases(&arns).await? {
        // Members are backed up with their cluster.
        if database.cluster.is_none() {
            let snapshots = cloud.snapshots(None, Which::Of(&database.arn)).await?;
            found.push(Before {
                database,
                snapshots,
            });
        }
    }
    Ok(found)
}

async fn offer<C: Cloud>(
    seen: Seen<'_, Policy>,
    subject: &Subject,
    cloud: &C,
) -> Result<Offer, AwsError> {
    match newest(seen, subject, cloud).await {
        Ok(offer) => Ok(offer),
        Err(error) if error.code == "RepositoryNotFoundException" => Ok(Offer::NoRepository),
        Err(error) => Err(error),
    }
}

/// What the newest tag points at now. A push names its tag, so that the repository need not be listed where
/// the tag is newer than all that runs or ever was rolled out here.
async fn newest<C: Cloud>(
    seen: Seen<'_, Policy>,
    subject: &Subject,
    cloud: &C,
) -> Result<Offer, AwsError> {
    let follows = &seen.policy.deploy.follows;
    let repository = &subject.repository;
    let (tag, pushed_at) = match (&seen.event.detail, follows.fixed()) {
        (Detail::ImageAction(push), Some(fixed)) if push.image_tag == fixed => {
            (fixed.to_owned(), seen.event.time)
        }
        (_, Some(fixed)) => (fixed.to_owned(), None),
        (Detail::ImageAction(push), None) if is_newest(seen, subject, push) => {
            (push.image_tag.clone(), seen.event.time)
        }
        (_, None) => match choose(seen, cloud.tags(repository).await?) {
            Some(chosen) => (chosen.tag, chosen.pushed_at),
            None => return Ok(Offer::NoTag),
        },
    };
    let image = cloud.image(repository, &tag).await?;
    Ok(image.map_or(Offer::NoTag, |image| Offer::Image { image, pushed_at }))
}

/// Whether a pushed tag is newer than the one that runs and than every one that was ever tried.
fn is_newest(seen: Seen<'_, Policy>, subject: &Subject, push: &ImageAction) -> bool {
    let follows = &seen.policy.deploy.follows;
    let newer_than = |tag: &str| follows.compare(&push.image_tag, tag) == Some(Ordering::Greater);
    let tried = seen
        .memory
        .attempts
        .iter()
        .filter_map(|attempt| attempt.tag.as_deref());
    push.repository_name == subject.repository.name
        && subject
            .running()
            .tag
            .is_some_and(|running| newer_than(&running))
        && tried.into_iter().all(newer_than)
}

/// The newest tag by version that is not quarantined, or is but was approved; of equal versions the one pushed last.
fn choose(seen: Seen<'_, Policy>, tags: Vec<TagInRepository>) -> Option<TagInRepository> {
    let (follows, quarantined) = (&seen.policy.deploy.follows, &seen.memory.quarantined);
    let approved = policy::approved(&seen.target.tags);
    let is_open = |t: &TagInRepository| {
        !quarantined.contains_key(&t.digest) || approved == Some(t.digest.as_str())
    };
    tags.into_iter()
        .filter(|t| follows.matches(&t.tag) && is_open(t))
        .max_by(|a, b| {
            let by_version = follows.compare(&a.tag, &b.tag).unwrap_or(Ordering::Equal);
            by_version
                .then(a.pushed_at.cmp(&b.pushed_at))
                .then_with(|| a.tag.cmp(&b.tag))
        })
}
