//! [`Cloud`] over the real AWS. Clients are built when they are first used.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use aws_sdk_ecs::types::DeploymentConfiguration;
use aws_types::region::Region;

use super::{Config, ecr, ecs, tagging};
use crate::AwsError;
use crate::cloud::Cloud;
use crate::model::{Arn, Digest, Image, Repository, Scan, Service, TagInRepository, Tagged, TaskDefinition};
use crate::plan::{Action, Rollout};

/// The account and region of the function.
pub struct Aws {
    config: Config,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    /// By region: an image may come from a registry in another one.
    ecr: RefCell<HashMap<String, aws_sdk_ecr::Client>>,
    tagging: OnceCell<aws_sdk_resourcegroupstagging::Client>,
    /// Task definitions by revision, which never change.
    revisions: RefCell<HashMap<String, TaskDefinition>>,
    /// Deployment configurations as last described: what an update of one setting starts from.
    configurations: RefCell<HashMap<Arn, Option<DeploymentConfiguration>>>,
}

impl Aws {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            ecs: OnceCell::new(),
            ecr: RefCell::default(),
            tagging: OnceCell::new(),
            revisions: RefCell::default(),
            configurations: RefCell::default(),
        }
    }

    /// With clients made elsewhere, for tests of one call at a time.
    #[must_use]
    pub fn with_clients(
        ecs: aws_sdk_ecs::Client,
        ecr: aws_sdk_ecr::Client,
        tagging: aws_sdk_resourcegroupstagging::Client,
    ) -> Self {
        let aws = Self::new(Config::builder().build());
        let _ = (aws.ecs.set(ecs), aws.tagging.set(tagging));
        let region = ecr.config().region().map(ToString::to_string).unwrap_or_default();
        aws.ecr.borrow_mut().insert(region, ecr);
        aws
    }

    fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.ecs.get_or_init(|| aws_sdk_ecs::Client::new(&self.config))
    }

    /// The client for the region that a registry is in.
    fn ecr(&self, repository: &Repository) -> aws_sdk_ecr::Client {
        let here = self.config.region().map(AsRef::as_ref).unwrap_or_default();
        let region = repository.region().unwrap_or(here);
        let mut clients = self.ecr.borrow_mut();
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_ecr::config::Builder::from(&self.config);
            aws_sdk_ecr::Client::from_conf(config.region(Region::new(region.to_owned())).build())
        });
        client.clone()
    }

    fn tagging(&self) -> &aws_sdk_resourcegroupstagging::Client {
        self.tagging.get_or_init(|| aws_sdk_resourcegroupstagging::Client::new(&self.config))
    }

    async fn roll_out(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let revision = match &rollout.registered {
            Some(arn) => arn.clone(),
            None => self.register(rollout).await?,
        };
        let configuration = if rollout.enable_circuit_breaker {
            Some(ecs::with_circuit_breaker(self.configuration(&rollout.service).await?))
        } else {
            None
        };
        let deployment = ecs::update_service(self.ecs(), &rollout.service, &revision, configuration).await?;
        let label = revision.rsplit('/').next().unwrap_or_default();
        Ok(format!("{deployment} of {label}"))
    }

    async fn register(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let base = self.task_definition(&rollout.base).await?;
        let request = base.with_images(&rollout.images);
        ecs::register_task_definition(self.ecs(), request, &base.tags, &rollout.tags, base.family()).await
    }

    async fn configuration(&self, service: &Arn) -> Result<Option<DeploymentConfiguration>, AwsError> {
        if !self.configurations.borrow().contains_key(service) {
            self.services(std::slice::from_ref(service)).await?;
        }
        Ok(self.configurations.borrow().get(service).cloned().flatten())
    }
}

impl Cloud for Aws {
    async fn tagged_services(&self, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
        tagging::services(self.tagging(), tag_key).await
    }

    async fn services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        let described = ecs::describe_services(self.ecs(), arns).await?;
        let mut configurations = self.configurations.borrow_mut();
        let remembered = described.into_iter().map(|(service, configuration)| {
            configurations.insert(service.arn.clone(), configuration);
            service
        });
        Ok(remembered.collect())
    }

    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        if let Some(known) = self.revisions.borrow().get(arn) {
            return Ok(known.clone());
        }
        let definition = ecs::describe_task_definition(self.ecs(), arn).await?;
        self.revisions.borrow_mut().insert(arn.to_owned(), definition.clone());
        Ok(definition)
    }

    async fn newest_task_definition(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        ecs::describe_task_definition(self.ecs(), family).await
    }

    async fn image(&self, repository: &Repository, tag: &str) -> Result<Option<Image>, AwsError> {
        ecr::image(&self.ecr(repository), repository, tag).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<TagInRepository>, AwsError> {
        ecr::tags(&self.ecr(repository), repository).await
    }

    async fn scan(&self, repository: &Repository, digest: &Digest) -> Result<Scan, AwsError> {
        ecr::scan(&self.ecr(repository), repository, digest).await
    }

    async fn perform(&self, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Rollout(rollout) => self.roll_out(rollout).await,
            Action::Redeploy(redeploy) => ecs::force_new_deployment(self.ecs(), &redeploy.service).await,
        }
    }
}
