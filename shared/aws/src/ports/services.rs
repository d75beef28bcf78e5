//! The ports on ECS services and what they run on: tasks, instances, target groups, capacity bounds.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::aws::Aws;
use crate::ecs::{check_tasks, deployments, instances, services, task_definitions, tasks};
use crate::{acm, autoscaling, elb, queue_backlog, tagging};
use lamplighter::AwsError;
use lamplighter::model::{
    Arn, Backlog, Certificate, ContainerInstance, LoadBalancerTarget, ScalableTarget, Service,
    ServiceDeployment, Tagged, TargetGroup, Task, TaskDefinition,
};
use lamplighter::ports::{
    Instances, LoadBalancing, Queues, ResourceKind, Scaling, Services, TagKeys, TaggedResources,
    TaskLifecycle, TaskOwner, Tasks,
};

impl<R> TaggedResources for Aws<R> {
    async fn list_tagged(
        &self,
        kind: ResourceKind,
        tag_key: &str,
    ) -> Result<Vec<Tagged>, AwsError> {
        tagging::list_tagged(self.account.clients.tagging(), kind, tag_key).await
    }
}

impl<R> TagKeys for Aws<R> {
    async fn list_tag_keys(&self) -> Result<Vec<String>, AwsError> {
        tagging::list_keys(self.account.clients.tagging()).await
    }

    async fn list_with_key(&self, tag_key: &str) -> Result<Vec<Arn>, AwsError> {
        let found = tagging::list_of_any_kind(self.account.clients.tagging(), tag_key).await?;
        Ok(found.into_iter().map(|resource| resource.arn).collect())
    }
}

impl<R> Services for Aws<R> {
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        self.account.describe_services(arns).await
    }

    async fn service_events(
        &self,
        service: &Arn,
        since: Timestamp,
    ) -> Result<Vec<String>, AwsError> {
        services::list_service_events(self.account.clients.ecs(), service, since).await
    }

    async fn find_active_deployment(
        &self,
        service: &Arn,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        deployments::find_active_deployment(self.account.clients.ecs(), service).await
    }

    async fn describe_service_deployment(
        &self,
        arn: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        deployments::describe_deployment(self.account.clients.ecs(), arn).await
    }

    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        self.account.describe_task_definition(arn).await
    }

    async fn is_revision_active(&self, revision: &str) -> Result<bool, AwsError> {
        task_definitions::is_active(self.account.clients.ecs(), revision).await
    }

    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        task_definitions::describe_task_definition(self.account.clients.ecs(), family).await
    }
}

impl<R> Tasks for Aws<R> {
    async fn list_tasks(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError> {
        tasks::list_tasks(self.account.clients.ecs(), of, which).await
    }

    async fn describe_task(&self, cluster: &str, task: &str) -> Result<Option<Task>, AwsError> {
        let ecs = self.account.clients.ecs();
        let found = tasks::describe_tasks(ecs, cluster, vec![task.to_owned()]).await?;
        Ok(found.into_iter().next().map(|(_, task)| task))
    }

    async fn find_started_task(
        &self,
        cluster: &str,
        token: &str,
    ) -> Result<Option<Task>, AwsError> {
        check_tasks::find_started_task(self.account.clients.ecs(), cluster, token).await
    }
}

impl<R> Instances for Aws<R> {
    async fn describe_instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError> {
        instances::describe_instances(self.account.clients.ecs(), arns).await
    }

    async fn find_auto_scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError> {
        instances::find_auto_scaling_group(self.account.clients.autoscaling(), ec2).await
    }

    async fn disconnected_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError> {
        instances::list_disconnected(self.account.clients.ecs(), cluster).await
    }
}

impl<R> Queues for Aws<R> {
    async fn count_backlog(&self, service: &Arn, queue: &str) -> Result<Option<Backlog>, AwsError> {
        queue_backlog::count_backlog(self.account.clients.sqs(), service, queue).await
    }
}

impl<R> LoadBalancing for Aws<R> {
    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        self.account.describe_target_groups(arns).await
    }

    async fn describe_target_health(
        &self,
        groups: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError> {
        elb::describe_target_health(self.account.clients.elb(), groups).await
    }

    async fn longest_deregistration(&self, groups: &[String]) -> Result<u64, AwsError> {
        elb::longest_deregistration(self.account.clients.elb(), groups).await
    }

    async fn list_certificates(
        &self,
        load_balancers: &[String],
    ) -> Result<Vec<Certificate>, AwsError> {
        let clients = &self.account.clients;
        let used = elb::list_certificate_arns(clients.elb(), load_balancers).await?;
        acm::describe_certificates(clients.acm(), used).await
    }
}

impl<R> Scaling for Aws<R> {
    async fn describe_scalable_targets(
        &self,
        services: &[Arn],
    ) -> Result<Vec<ScalableTarget>, AwsError> {
        let client = self.account.clients.application_autoscaling();
        autoscaling::describe_scalable_targets(client, services).await
    }
}
