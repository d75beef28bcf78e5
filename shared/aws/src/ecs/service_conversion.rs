//! The conversion of a service as ECS describes it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, DeploymentConfiguration, DeploymentControllerType,
    ResourceManagementType, Service as EcsService, TaskSet,
};

use super::traffic_shift::{parse_traffic_shift, primary_deployment};
use crate::timestamps::to_timestamp;
use lamplighter::model::{
    Arn, CapacityShare, CircuitBreaker, Deployment, DeploymentController, Service,
};

/// Converts a service, and returns it with its deployment configuration; `None` if it has no ARN.
pub fn convert_service(
    mut service: EcsService,
) -> Option<(Service, Option<DeploymentConfiguration>)> {
    // With CODE_DEPLOY, the primary task set runs the production traffic.
    let mut task_sets = service.task_sets.take().unwrap_or_default();
    task_sets.sort_by_key(|set| set.status.as_deref() != Some("PRIMARY"));
    let configuration = service.deployment_configuration.take();
    let converted = Service {
        arn: Arn::new(service.service_arn.as_deref()?),
        status: service.status.clone().unwrap_or_default(),
        desired_count: service.desired_count,
        running_count: service.running_count,
        pending_count: service.pending_count,
        health_check_grace_period: service
            .health_check_grace_period_seconds
            .unwrap_or_default(),
        scheduling_strategy: service
            .scheduling_strategy
            .as_ref()
            .map_or("REPLICA", |strategy| strategy.as_str())
            .to_owned(),
        target_groups: collect_target_groups(&service, &task_sets),
        minimum_healthy_percent: configuration
            .as_ref()
            .and_then(|c| c.minimum_healthy_percent),
        maximum_percent: configuration.as_ref().and_then(|c| c.maximum_percent),
        reached: find_reached_container(&service, &task_sets),
        tags: convert_tags(&service),
        task_definition: current_task_definition(&service, &task_sets),
        task_sets: task_sets.len(),
        code_deployments: task_sets
            .into_iter()
            .filter_map(|set| set.external_id)
            .collect(),
        deployment_controller: convert_controller(&service),
        is_express: service.resource_management_type() == Some(&ResourceManagementType::Ecs),
        strategy: strategy_name(configuration.as_ref()).to_owned(),
        shifting: parse_traffic_shift(&service, configuration.as_ref()),
        circuit_breaker: convert_circuit_breaker(configuration.as_ref()),
        deployments: convert_each(service.deployments, convert_deployment),
        capacity: convert_each(service.capacity_provider_strategy, convert_capacity_share),
    };
    Some((converted, configuration))
}

/// Collects the ARNs of all target groups that a service's tasks register with, without duplicates.
fn collect_target_groups(service: &EcsService, task_sets: &[TaskSet]) -> Vec<String> {
    let of_task_sets = task_sets.iter().flat_map(TaskSet::load_balancers);
    let arns = service
        .load_balancers()
        .iter()
        .chain(of_task_sets)
        .flat_map(|balancer| {
            let alternate = balancer
                .advanced_configuration()
                .and_then(|advanced| advanced.alternate_target_group_arn());
            balancer.target_group_arn().into_iter().chain(alternate)
        });
    let distinct: BTreeSet<String> = arns.map(str::to_owned).collect();
    distinct.into_iter().collect()
}

/// Returns the container and port that a load balancer sends traffic to.
fn find_reached_container(service: &EcsService, task_sets: &[TaskSet]) -> Option<(String, i32)> {
    let balancers = match task_sets.first() {
        Some(primary) => primary.load_balancers(),
        None => service.load_balancers(),
    };
    let balancer = balancers.first()?;
    Some((balancer.container_name.clone()?, balancer.container_port?))
}

/// Returns the running task definition: that of the primary task set, if there are task sets. A service of Express Mode
/// names it only in its primary deployment.
fn current_task_definition(service: &EcsService, task_sets: &[TaskSet]) -> String {
    let primary = primary_deployment(service.deployments());
    task_sets
        .first()
        .and_then(|primary| primary.task_definition.clone())
        .or_else(|| service.task_definition.clone())
        .or_else(|| primary.and_then(|primary| primary.task_definition.clone()))
        .unwrap_or_default()
}

fn convert_tags(service: &EcsService) -> BTreeMap<String, String> {
    service
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

fn convert_controller(service: &EcsService) -> DeploymentController {
    match service.deployment_controller.as_ref().map(|c| &c.r#type) {
        None | Some(DeploymentControllerType::Ecs) => DeploymentController::Ecs,
        Some(DeploymentControllerType::CodeDeploy) => DeploymentController::CodeDeploy,
        Some(DeploymentControllerType::External) => DeploymentController::External,
        Some(other) => DeploymentController::Other(other.as_str().to_owned()),
    }
}

fn strategy_name(configuration: Option<&DeploymentConfiguration>) -> &str {
    configuration
        .and_then(|c| c.strategy.as_ref())
        .map_or("ROLLING", |strategy| strategy.as_str())
}

fn convert_circuit_breaker(configuration: Option<&DeploymentConfiguration>) -> CircuitBreaker {
    let breaker = configuration.and_then(|c| c.deployment_circuit_breaker.as_ref());
    CircuitBreaker {
        enable: breaker.is_some_and(|b| b.enable),
        rollback: breaker.is_some_and(|b| b.rollback),
        // ECS's own default.
        reset_on_healthy_task: breaker
            .and_then(|b| b.reset_on_healthy_task)
            .unwrap_or(true),
    }
}

fn convert_each<T, U>(items: Option<Vec<T>>, convert: fn(T) -> U) -> Vec<U> {
    items.unwrap_or_default().into_iter().map(convert).collect()
}

fn convert_capacity_share(item: CapacityProviderStrategyItem) -> CapacityShare {
    CapacityShare {
        provider: item.capacity_provider,
        weight: item.weight,
        base: item.base,
    }
}

fn convert_deployment(deployment: aws_sdk_ecs::types::Deployment) -> Deployment {
    Deployment {
        id: deployment.id.unwrap_or_default(),
        status: deployment.status.unwrap_or_default(),
        task_definition: deployment.task_definition.unwrap_or_default(),
        rollout_state: deployment
            .rollout_state
            .map(|s| s.as_str().to_owned())
            .unwrap_or_default(),
        created_at: deployment.created_at.and_then(to_timestamp),
        running_count: deployment.running_count,
    }
}
