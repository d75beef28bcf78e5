//! What the simulated AWS answers about services: ECS, ECR, CodeDeploy and load balancers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{
    Arn, Certificate, CodeDeployTarget, CodeDeployment, ContainerInstance, Digest, Image,
    ImageScan, ImageTag, LoadBalancerTarget, Repository, Service, ServiceDeployment, Tagged,
    TargetGroup, Task, TaskDefinition,
};
use lamplighter::ports::{
    CodeDeployments, Images, Instances, LoadBalancing, ResourceKind, Services, TagKeys,
    TaggedResources, TaskLifecycle, TaskOwner, Tasks,
};

use super::tasks::is_remembered;
use super::{Deployed, World, error};

impl TaggedResources for World {
    async fn list_tagged(
        &self,
        kind: ResourceKind,
        tag_key: &str,
    ) -> Result<Vec<Tagged>, AwsError> {
        let service = match kind {
            ResourceKind::Service => "ecs",
            ResourceKind::Database => "rds",
            ResourceKind::DatabaseOrCache => "rds elasticache",
            ResourceKind::Cache => "elasticache",
            ResourceKind::LogGroup => "logs",
        };
        let found: Vec<Tagged> = service
            .split(' ')
            .flat_map(|service| self.state().tagged(service, tag_key))
            .collect();
        self.pages("GetResources", tag_key, found.len(), 100)
            .await?;
        Ok(found)
    }
}

impl TagKeys for World {
    async fn list_tag_keys(&self) -> Result<Vec<String>, AwsError> {
        self.call("GetTagKeys", "all").await?;
        let state = self.state();
        let keys: BTreeSet<String> = state
            .tags
            .values()
            .flat_map(|tags| tags.keys().cloned())
            .collect();
        Ok(keys.into_iter().collect())
    }

    async fn list_with_key(&self, tag_key: &str) -> Result<Vec<Arn>, AwsError> {
        self.call("GetResources", tag_key).await?;
        let state = self.state();
        let carrying = state
            .tags
            .iter()
            .filter(|(_, tags)| tags.contains_key(tag_key));
        Ok(carrying.map(|(arn, _)| arn.clone()).collect())
    }
}

impl Services for World {
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        for chunk in arns.chunks(10) {
            self.call(
                "DescribeServices",
                &chunk
                    .iter()
                    .map(Arn::display_name)
                    .collect::<Vec<_>>()
                    .join(", "),
            )
            .await?;
        }
        let state = self.state();
        let with_tags = |service: &Service| Service {
            tags: state.tags.get(&service.arn).cloned().unwrap_or_default(),
            ..service.clone()
        };
        Ok(arns
            .iter()
            .filter_map(|arn| state.services.get(arn).map(with_tags))
            .collect())
    }

    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        self.call("DescribeTaskDefinition", arn).await?;
        let found = self
            .state()
            .definitions
            .iter()
            .find(|d| d.arn() == arn || d.family_and_revision() == arn)
            .cloned();
        found.ok_or_else(|| {
            error(
                "DescribeTaskDefinition",
                arn,
                "ClientException",
                "Unable to describe task definition.",
            )
        })
    }

    async fn is_revision_active(&self, revision: &str) -> Result<bool, AwsError> {
        self.call("DescribeTaskDefinition", revision).await?;
        let state = self.state();
        let is_named =
            |d: &TaskDefinition| d.arn() == revision || d.family_and_revision() == revision;
        Ok(state.definitions.iter().any(is_named) && !state.inactive.contains(revision))
    }

    async fn service_events(&self, service: &Arn, _: Timestamp) -> Result<Vec<String>, AwsError> {
        self.call("DescribeServices", &service.display_name())
            .await?;
        Ok(self.state().said.get(service).cloned().unwrap_or_default())
    }

    async fn find_active_deployment(
        &self,
        service: &Arn,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        self.call("ListServiceDeployments", &service.display_name())
            .await?;
        let found = self.state().deployment(service);
        if found.is_some() {
            self.call("DescribeServiceDeployments", &service.display_name())
                .await?;
            self.call("DescribeServiceRevisions", &service.display_name())
                .await?;
        }
        Ok(found)
    }

    async fn describe_service_deployment(
        &self,
        arn: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        self.call("DescribeServiceDeployments", arn).await?;
        self.call("DescribeServiceRevisions", arn).await?;
        Ok(self.state().shifting.get(arn).cloned())
    }

    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        self.call("DescribeTaskDefinition", family).await?;
        let found = self
            .state()
            .definitions
            .iter()
            .rev()
            .find(|d| d.family() == family)
            .cloned();
        found.ok_or_else(|| {
            error(
                "DescribeTaskDefinition",
                family,
                "ClientException",
                "Unable to describe task definition.",
            )
        })
    }
}

impl CodeDeployments for World {
    async fn describe_code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError> {
        self.call("GetDeployment", id).await?;
        Ok(self
            .state()
            .code_deployments
            .get(id)
            .map(|deployed| deployed.deployment.clone()))
    }

    async fn list_group_services(
        &self,
        application: &str,
        group: &str,
    ) -> Result<Option<Vec<String>>, AwsError> {
        let name = format!("{application}/{group}");
        self.call("GetDeploymentGroup", &name).await?;
        let state = self.state();
        if let Some(service) = state.deployment_groups.get(&name) {
            return Ok(service.clone().map(|service| vec![service]));
        }
        // Groups that no test is about deploy whatever names them.
        let services = state.services.keys().map(Arn::display_name).collect();
        Ok(Some(services))
    }

    async fn find_code_deploy_target(
        &self,
        id: &str,
    ) -> Result<Option<CodeDeployTarget>, AwsError> {
        self.call("ListDeploymentTargets", id).await?;
        self.call("GetDeploymentTarget", id).await?;
        let target = |deployed: &Deployed| CodeDeployTarget {
            service: deployed.service.clone(),
            stage: deployed.stage.clone(),
        };
        Ok(self.state().code_deployments.get(id).map(target))
    }
}

impl Images for World {
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError> {
        self.call("BatchGetImage", &format!("{}@{digest}", repository.name))
            .await?;
        Ok(!self.state().purged.contains(digest))
    }

    async fn find_image(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<Image>, AwsError> {
        self.call("BatchGetImage", &format!("{}:{tag}", repository.name))
            .await?;
        let state = self.state();
        let found = state.images.get(&(repository.name.clone(), tag.to_owned()));
        Ok(found.map(|(digest, platforms, _)| Image {
            tag: tag.to_owned(),
            digest: digest.clone(),
            platforms: platforms.clone(),
            commit: state.commits.get(digest).cloned(),
        }))
    }

    async fn image_tags(&self, repository: &Repository) -> Result<Vec<ImageTag>, AwsError> {
        self.call("DescribeImages", &repository.name).await?;
        let state = self.state();
        let tags = state
            .images
            .iter()
            .filter(|((name, _), _)| *name == repository.name);
        Ok(tags
            .map(|((_, tag), (digest, _, at))| ImageTag {
                tag: tag.clone(),
                digest: digest.clone(),
                pushed_at: Some(*at),
            })
            .collect())
    }

    async fn image_scan(&self, repository: &Repository, _: &Digest) -> Result<ImageScan, AwsError> {
        self.call("DescribeImageScanFindings", &repository.name)
            .await?;
        Ok(ImageScan::Unavailable("it was never scanned".to_owned()))
    }
}

impl Tasks for World {
    async fn list_tasks(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError> {
        self.tasks_of(of, which).await
    }

    async fn describe_task(&self, _: &str, task: &str) -> Result<Option<Task>, AwsError> {
        self.call("DescribeTasks", task).await?;
        let state = self.state();
        Ok(state
            .tasks
            .values()
            .flatten()
            .find(|one| one.task == task && is_remembered(one, state.now))
            .cloned())
    }

    async fn find_started_task(&self, _: &str, token: &str) -> Result<Option<Task>, AwsError> {
        self.call("ListTasks", token).await?;
        let state = self.state();
        Ok(state.one_off_task(token).or_else(|| state.probe(token)))
    }
}

impl Instances for World {
    async fn describe_instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError> {
        self.call(
            "DescribeContainerInstances",
            &format!("{} instances", arns.len()),
        )
        .await?;
        Ok(arns
            .iter()
            .filter_map(|arn| self.state().instances.get(arn).cloned())
            .collect())
    }

    async fn find_auto_scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError> {
        self.call("DescribeAutoScalingInstances", ec2).await?;
        Ok(self.state().groups.get(ec2).cloned())
    }

    async fn disconnected_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError> {
        self.call("ListContainerInstances", cluster).await?;
        let state = self.state();
        let active = state.instances.values().filter(|instance| {
            instance
                .arn
                .container_instance()
                .is_some_and(|(of, _)| of == cluster)
                && instance.status == "ACTIVE"
        });
        let (silent, heard): (Vec<_>, Vec<_>) =
            active.partition(|instance| !instance.agent_connected);
        let all = silent.len() + if silent.len() > 1 { heard.len() } else { 0 };
        Ok((
            silent
                .into_iter()
                .map(|instance| instance.arn.clone())
                .collect(),
            all,
        ))
    }
}

impl LoadBalancing for World {
    async fn describe_target_health(
        &self,
        groups: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError> {
        for group in groups {
            self.call("DescribeTargetHealth", group).await?;
        }
        Ok(groups
            .iter()
            .flat_map(|group| self.state().targets.get(group).cloned().unwrap_or_default())
            .collect())
    }

    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        for chunk in arns.chunks(20) {
            self.call("DescribeTargetGroups", &chunk.join(", ")).await?;
        }
        let state = self.state();
        Ok(arns
            .iter()
            .filter_map(|arn| Some((arn.clone(), state.target_groups.get(arn)?.clone())))
            .collect())
    }

    async fn longest_deregistration(&self, groups: &[String]) -> Result<u64, AwsError> {
        let mut longest = 0;
        for group in groups {
            self.call("DescribeTargetGroupAttributes", group).await?;
            let state = self.state();
            let delay = state.deregistration.get(group).copied();
            longest = longest.max(delay.unwrap_or(300));
        }
        Ok(longest)
    }

    async fn list_certificates(
        &self,
        load_balancers: &[String],
    ) -> Result<Vec<Certificate>, AwsError> {
        for load_balancer in load_balancers {
            self.call("DescribeListeners", load_balancer).await?;
        }
        let state = self.state();
        let is_used = |certificate: &&Certificate| {
            let mut used = certificate.load_balancers.iter();
            used.any(|load_balancer| load_balancers.contains(load_balancer))
        };
        Ok(state.certificates.iter().filter(is_used).cloned().collect())
    }
}
