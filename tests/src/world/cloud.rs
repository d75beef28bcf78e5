//! The simulated AWS.

use lamplighter::AwsError;
use lamplighter::cloud::Cloud;
use lamplighter::model::{Arn, Digest, Image, Repository, Scan, Service, TagInRepository, Tagged, TaskDefinition};
use lamplighter::plan::{Action, Rollout};

use super::{World, error, heard};

impl Cloud for World {
    async fn tagged_services(&self, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
        self.call("GetResources", tag_key).await?;
        Ok(self.state().tagged(tag_key))
    }

    async fn services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        self.call("DescribeServices", &arns.iter().map(Arn::name).collect::<Vec<_>>().join(", ")).await?;
        Ok(arns.iter().filter_map(|arn| self.state().services.get(arn).cloned()).collect())
    }

    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        self.call("DescribeTaskDefinition", arn).await?;
        let found = self.state().definitions.iter().find(|d| d.arn() == arn).cloned();
        found.ok_or_else(|| {
            error("DescribeTaskDefinition", arn, "ClientException", "Unable to describe task definition.")
        })
    }

    async fn newest_task_definition(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        self.call("DescribeTaskDefinition", family).await?;
        let found = self.state().definitions.iter().rev().find(|d| d.family() == family).cloned();
        found.ok_or_else(|| {
            error("DescribeTaskDefinition", family, "ClientException", "Unable to describe task definition.")
        })
    }

    async fn image(&self, repository: &Repository, tag: &str) -> Result<Option<Image>, AwsError> {
        self.call("BatchGetImage", &format!("{}:{tag}", repository.name)).await?;
        let state = self.state();
        let found = state.images.get(&(repository.name.clone(), tag.to_owned()));
        Ok(found.map(|(digest, platforms, _)| Image {
            tag: tag.to_owned(),
            digest: digest.clone(),
            platforms: platforms.clone(),
        }))
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<TagInRepository>, AwsError> {
        self.call("DescribeImages", &repository.name).await?;
        let state = self.state();
        let tags = state.images.iter().filter(|((name, _), _)| *name == repository.name);
        Ok(tags
            .map(|((_, tag), (digest, _, at))| TagInRepository {
                tag: tag.clone(),
                digest: digest.clone(),
                pushed_at: Some(*at),
            })
            .collect())
    }

    async fn scan(&self, repository: &Repository, _: &Digest) -> Result<Scan, AwsError> {
        self.call("DescribeImageScanFindings", &repository.name).await?;
        Ok(Scan::Impossible("it was never scanned".to_owned()))
    }

    async fn perform(&self, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Rollout(rollout) => self.roll_out(rollout).await,
            Action::Redeploy(redeploy) => {
                let heard_of = self.call("UpdateService", &redeploy.service.name()).await?;
                let definition = self.state().services[&redeploy.service].task_definition.clone();
                self.state_mut().deploy(&redeploy.service, &definition);
                heard(heard_of, "UpdateService", &redeploy.service.name())?;
                Ok("accepted".to_owned())
            }
        }
    }
}

impl World {
    async fn roll_out(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let revision = match &rollout.registered {
            Some(arn) => arn.clone(),
            None => self.register(rollout).await?,
        };
        let name = rollout.service.name();
        let heard_of = self.call("UpdateService", &name).await?;
        self.state_mut().deploy(&rollout.service, &revision);
        heard(heard_of, "UpdateService", &name)?;
        Ok("accepted".to_owned())
    }

    async fn register(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let base = self.task_definition(&rollout.base).await?;
        let heard_of = self.call("RegisterTaskDefinition", base.family()).await?;
        let arn = self.state_mut().register_document(base.with_images(&rollout.images));
        heard(heard_of, "RegisterTaskDefinition", base.family())?;
        Ok(arn)
    }
}
