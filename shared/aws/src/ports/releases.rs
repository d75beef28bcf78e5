//! The ports on what a release consists of: images, and deployments of CodeDeploy.

use crate::aws::Aws;
use crate::{codedeploy, ecr};
use lamplighter::AwsError;
use lamplighter::model::{
    CodeDeployTarget, CodeDeployment, Digest, Image, ImageScan, ImageTag, Repository,
};
use lamplighter::ports::{CodeDeployments, Images};

impl<R> Images for Aws<R> {
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError> {
        ecr::has_image(&self.account.clients.ecr(repository), repository, digest).await
    }

    async fn find_image(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<Image>, AwsError> {
        ecr::find_image(&self.account.clients.ecr(repository), repository, tag).await
    }

    async fn image_tags(&self, repository: &Repository) -> Result<Vec<ImageTag>, AwsError> {
        ecr::list_tags(&self.account.clients.ecr(repository), repository).await
    }

    async fn image_scan(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ImageScan, AwsError> {
        ecr::describe_scan(&self.account.clients.ecr(repository), repository, digest).await
    }
}

impl<R> CodeDeployments for Aws<R> {
    async fn describe_code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError> {
        codedeploy::describe_deployment(self.account.clients.codedeploy(), id).await
    }

    async fn list_group_services(
        &self,
        application: &str,
        group: &str,
    ) -> Result<Option<Vec<String>>, AwsError> {
        codedeploy::list_group_services(self.account.clients.codedeploy(), application, group).await
    }

    async fn find_code_deploy_target(
        &self,
        id: &str,
    ) -> Result<Option<CodeDeployTarget>, AwsError> {
        codedeploy::find_target(self.account.clients.codedeploy(), id).await
    }
}
