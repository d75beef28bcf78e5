//! Amazon ECS: services, task definitions, rollouts.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, DeploymentCircuitBreaker, DeploymentConfiguration,
    DeploymentControllerType, Service as EcsService, ServiceField, TaskDefinitionField,
};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::deployments;
use super::error::{aws_error, incomplete_response};
use super::raw_json::{BodyCapture, replace_body};
use super::tasks::to_timestamp;
use lamplighter::AwsError;
use lamplighter::model::{
    Arn, CapacityShare, CircuitBreaker, Deployment, DeploymentController, Service, TaskDefinition,
};

/// Maximum number of services per DescribeServices call.
const SERVICES_PER_CALL: usize = 10;
/// Maximum number of tags per resource.
const MAX_TAGS: usize = 50;

/// A service with its deployment configuration, from which an update of one setting starts.
pub type DescribedService = (Service, Option<DeploymentConfiguration>);

pub async fn describe_services(
    client: &Client,
    arns: &[Arn],
) -> Result<Vec<DescribedService>, AwsError> {
    let mut by_cluster: BTreeMap<&str, Vec<&Arn>> = BTreeMap::new();
    for arn in arns {
        let (cluster, _) = arn.ecs_cluster_and_name().unwrap_or_default();
        by_cluster.entry(cluster).or_default().push(arn);
    }
    let mut services = Vec::new();
    for (cluster, arns) in by_cluster {
        for chunk in arns.chunks(SERVICES_PER_CALL) {
            let names = chunk.iter().map(ToString::to_string).collect();
            let answer = client
                .describe_services()
                .cluster(cluster)
                .set_services(Some(names))
                .include(ServiceField::Tags)
                .send()
                .await;
            let answer =
                match answer.map_err(|e| aws_error("DescribeServices", &join_names(chunk), &e)) {
                    Ok(answer) => answer,
                    // The tagging API still lists the services of a deleted cluster for a while.
                    Err(error) if error.code == "ClusterNotFoundException" => continue,
                    Err(error) => return Err(error),
                };
            services.extend(
                answer
                    .services
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_service),
            );
        }
    }
    Ok(services)
}

pub async fn list_service_events(
    client: &Client,
    service: &Arn,
    since: Timestamp,
) -> Result<Vec<String>, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let answer = client
        .describe_services()
        .cluster(cluster)
        .services(service.as_str())
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error("DescribeServices", &service.display_name(), &e))?;
    let events = answer
        .services
        .unwrap_or_default()
        .into_iter()
        .flat_map(|found| found.events.unwrap_or_default());
    let recent = events.filter(|event| {
        event
            .created_at
            .is_some_and(|at| at.secs() >= since.as_second())
    });
    let mut said: Vec<String> = Vec::new();
    for message in recent.filter_map(|event| event.message) {
        if !said.contains(&message) {
            said.push(message);
        }
    }
    Ok(said)
}

fn join_names(arns: &[&Arn]) -> String {
    arns.iter()
        .map(|arn| arn.display_name())
        .collect::<Vec<_>>()
        .join(", ")
}

pub async fn describe_task_definition(
    client: &Client,
    name: &str,
) -> Result<TaskDefinition, AwsError> {
    let call = "DescribeTaskDefinition";
    let capture = BodyCapture::default();
    let request = client
        .describe_task_definition()
        .task_definition(name)
        .include(TaskDefinitionField::Tags);
    let answer = request
        .customize()
        .interceptor(capture.clone())
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error(call, name, &e))?;
    let document = capture
        .take_body()
        .and_then(|mut body| body.get_mut("taskDefinition").map(Value::take));
    let Some(Value::Object(document)) = document else {
        return Err(incomplete_response(call, name, "taskDefinition"));
    };
    let tags = answer
        .tags
        .unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
    Ok(TaskDefinition {
        document,
        tags: tags.collect(),
    })
}

/// Registers a task definition revision and returns its ARN.
///
/// `tags` come from the base revision and `ours` from Lamplighter. On a conflict, `ours` win.
/// Beyond the limit of tags per resource, `ours` are dropped first.
pub async fn register_task_definition(
    client: &Client,
    request: Map<String, Value>,
    tags: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
    family: &str,
) -> Result<String, AwsError> {
    let call = "RegisterTaskDefinition";
    let body = build_registration(request, tags, ours);
    let send = client
        .register_task_definition()
        .customize()
        .config_override(without_ambiguous_retries())
        .mutate_request(move |http| replace_body(http, &body))
        .send();
    let answer = send.await.map_err(|e| aws_error(call, family, &e))?;
    let arn = answer.task_definition.and_then(|t| t.task_definition_arn);
    arn.ok_or_else(|| incomplete_response(call, family, "taskDefinitionArn"))
}

/// Builds the body of a RegisterTaskDefinition call: the request with its tags.
///
/// Tags of AWS (`aws:cloudformation:…`) on the base are left out, because only AWS may set them.
fn build_registration(
    mut request: Map<String, Value>,
    tags: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
) -> Value {
    let kept = tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && !ours.contains_key(*key));
    let tags = kept.chain(ours).take(MAX_TAGS);
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    if !tags.is_empty() {
        request.insert("tags".to_owned(), Value::Array(tags));
    }
    Value::Object(request)
}

/// Returns the client configuration for calls that are not idempotent.
///
/// The SDK must not retry such a call if its response was lost. The next reconciliation observes
/// the outcome.
fn without_ambiguous_retries() -> aws_sdk_ecs::config::Builder {
    aws_sdk_ecs::Config::builder().retry_classifier(RetryRejectionsOnly)
}

/// A retry classifier that forbids every retry except after a 4xx response from AWS.
#[derive(Debug)]
pub struct RetryRejectionsOnly;

impl ClassifyRetry for RetryRejectionsOnly {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context
            .response()
            .map(|response| response.status().as_u16())
        {
            Some(400..=499) => RetryAction::NoActionIndicated,
            // This includes a response that broke off after its headers, which may have status 200.
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "OnlyRefusals"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Updates a service to a task definition revision.
///
/// The request omits the desired count and all other settings, so that they stay unchanged.
pub async fn update_service(
    client: &Client,
    service: &Arn,
    task_definition: &str,
    configuration: Option<DeploymentConfiguration>,
) -> Result<String, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let request = client
        .update_service()
        .cluster(cluster)
        .service(service.as_str())
        .task_definition(task_definition)
        .set_deployment_configuration(configuration);
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("UpdateService", &service.display_name(), &e))?;
    Ok(deployment_label(answer.service))
}

pub async fn force_new_deployment(client: &Client, service: &Arn) -> Result<String, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let request = client
        .update_service()
        .cluster(cluster)
        .service(service.as_str())
        .force_new_deployment(true);
    let answer = request
        .customize()
        .config_override(without_ambiguous_retries())
        .send()
        .await
        .map_err(|e| aws_error("UpdateService", &service.display_name(), &e))?;
    Ok(deployment_label(answer.service))
}

/// Sets the capacity provider strategy of a service and forces a new deployment.
pub async fn set_capacity_strategy(
    client: &Client,
    service: &Arn,
    shares: &[CapacityShare],
) -> Result<String, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let mut request = client
        .update_service()
        .cluster(cluster)
        .service(service.as_str())
        .force_new_deployment(true);
    for share in shares {
        let item = CapacityProviderStrategyItem::builder().capacity_provider(&share.provider);
        let item = item.weight(share.weight).base(share.base).build();
        request =
            request.capacity_provider_strategy(item.map_err(|e| {
                incomplete_response("UpdateService", &share.provider, &e.to_string())
            })?);
    }
    let answer = request
        .customize()
        .config_override(without_ambiguous_retries())
        .send()
        .await;
    Ok(deployment_label(
        answer
            .map_err(|e| aws_error("UpdateService", &service.display_name(), &e))?
            .service,
    ))
}

/// Returns a label for the deployment that an update started.
fn deployment_label(service: Option<EcsService>) -> String {
    let primary = service.and_then(|s| {
        s.deployments
            .unwrap_or_default()
            .into_iter()
            .find(|d| d.status.as_deref() == Some("PRIMARY"))
    });
    primary
        .and_then(|d| d.id)
        .map_or_else(|| "accepted".to_owned(), |id| format!("deployment {id}"))
}

/// Returns the configuration with the deployment circuit breaker and its rollback enabled.
///
/// A healthy task doesn't reset the failure counter; otherwise a flapping service never trips it.
pub fn with_circuit_breaker(
    configuration: Option<DeploymentConfiguration>,
) -> DeploymentConfiguration {
    let mut configuration =
        configuration.unwrap_or_else(|| DeploymentConfiguration::builder().build());
    let breaker = DeploymentCircuitBreaker::builder()
        .enable(true)
        .rollback(true)
        .reset_on_healthy_task(false);
    let threshold = configuration
        .deployment_circuit_breaker
        .and_then(|b| b.threshold_configuration);
    configuration.deployment_circuit_breaker =
        Some(breaker.set_threshold_configuration(threshold).build());
    configuration
}

/// Sets the desired count of a service and leaves all other settings unchanged.
pub async fn set_desired_count(
    client: &Client,
    service: &Arn,
    count: u32,
) -> Result<String, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let request = client
        .update_service()
        .cluster(cluster)
        .service(service.as_str())
        .desired_count(count);
    request
        .send()
        .await
        .map_err(|e| aws_error("UpdateService", &service.display_name(), &e))?;
    Ok(format!("desired count {count}"))
}

/// Collects the ARNs of all target groups that a service's tasks register with, without duplicates.
fn collect_target_groups(service: &EcsService) -> Vec<String> {
    let of_sets = service
        .task_sets()
        .iter()
        .flat_map(aws_sdk_ecs::types::TaskSet::load_balancers);
    let all = service
        .load_balancers()
        .iter()
        .chain(of_sets)
        .flat_map(|balancer| {
            let other = balancer
                .advanced_configuration()
                .and_then(|a| a.alternate_target_group_arn());
            balancer.target_group_arn().into_iter().chain(other)
        });
    all.map(str::to_owned)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn convert_service(service: EcsService) -> Option<DescribedService> {
    let target_groups = collect_target_groups(&service);
    let tags = service
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())));
    let tags = tags.collect();
    let configuration = service.deployment_configuration;
    let breaker = configuration
        .as_ref()
        .and_then(|c| c.deployment_circuit_breaker.as_ref());
    let strategy = configuration.as_ref().and_then(|c| c.strategy.as_ref());
    let mut sets = service.task_sets.unwrap_or_default();
    sets.sort_by_key(|set| set.status.as_deref() != Some("PRIMARY"));
    // With CODE_DEPLOY, the primary task set names the running task definition.
    let in_set = sets.first().and_then(|set| set.task_definition.clone());
    let balancers = service.load_balancers.as_deref().unwrap_or_default();
    let reached = sets
        .first()
        .map_or(balancers, |set| set.load_balancers())
        .first();
    let reached = reached
        .and_then(|balancer| Some((balancer.container_name.clone()?, balancer.container_port?)));
    let shifting = deployments::parse_shifting(balancers, configuration.as_ref());
    let described = Service {
        arn: Arn::new(service.service_arn?),
        status: service.status.unwrap_or_default(),
        desired_count: service.desired_count,
        running_count: service.running_count,
        pending_count: service.pending_count,
        health_check_grace_period: service
            .health_check_grace_period_seconds
            .unwrap_or_default(),
        scheduling_strategy: service
            .scheduling_strategy
            .map_or("REPLICA".to_owned(), |s| s.as_str().to_owned()),
        target_groups,
        minimum_healthy_percent: configuration
            .as_ref()
            .and_then(|c| c.minimum_healthy_percent),
        maximum_percent: configuration.as_ref().and_then(|c| c.maximum_percent),
        task_sets: sets.len(),
        code_deployments: sets.into_iter().filter_map(|set| set.external_id).collect(),
        reached,
        tags,
        task_definition: in_set.or(service.task_definition).unwrap_or_default(),
        deployment_controller: match service.deployment_controller.map(|c| c.r#type) {
            None | Some(DeploymentControllerType::Ecs) => DeploymentController::Ecs,
            Some(DeploymentControllerType::CodeDeploy) => DeploymentController::CodeDeploy,
            Some(DeploymentControllerType::External) => DeploymentController::External,
            Some(other) => DeploymentController::Other(other.as_str().to_owned()),
        },
        strategy: strategy.map_or("ROLLING", |s| s.as_str()).to_owned(),
        shifting,
        circuit_breaker: CircuitBreaker {
            enable: breaker.is_some_and(|b| b.enable),
            rollback: breaker.is_some_and(|b| b.rollback),
            // ECS's own default.
            reset_on_healthy_task: breaker
                .and_then(|b| b.reset_on_healthy_task)
                .unwrap_or(true),
        },
        deployments: service
            .deployments
            .unwrap_or_default()
            .into_iter()
            .map(convert_deployment)
            .collect(),
        capacity: service
            .capacity_provider_strategy
            .unwrap_or_default()
            .into_iter()
            .map(convert_capacity_share)
            .collect(),
    };
    Some((described, configuration))
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_only_aws_may_set_are_left_out() {
        let tags = ["aws:cloudformation:stack-name", "team"]
            .map(|key| (key.to_owned(), "shop".to_owned()));
        let body = build_registration(Map::new(), &tags.into(), &BTreeMap::new());
        assert_eq!(body, json!({"tags": [{"key": "team", "value": "shop"}]}));
    }

    #[test]
    fn our_tags_replace_those_of_the_base_and_yield_to_other_peoples() {
        let ours = BTreeMap::from([("lamplighter:base".to_owned(), "web:2".to_owned())]);
        let base = BTreeMap::from([("lamplighter:base".to_owned(), "web:1".to_owned())]);
        let body = build_registration(Map::new(), &base, &ours);
        assert_eq!(
            body,
            json!({"tags": [{"key": "lamplighter:base", "value": "web:2"}]})
        );
        let full = (0..50)
            .map(|n| (format!("tag{n}"), String::new()))
            .collect();
        assert!(
            !build_registration(Map::new(), &full, &ours)
                .to_string()
                .contains("lamplighter")
        );
    }

    #[test]
    fn the_circuit_breaker_is_switched_on_and_nothing_else_changes() {
        let before = DeploymentConfiguration::builder()
            .maximum_percent(150)
            .minimum_healthy_percent(50);
        let after = with_circuit_breaker(Some(before.clone().build()));
        let breaker = DeploymentCircuitBreaker::builder()
            .enable(true)
            .rollback(true)
            .reset_on_healthy_task(false);
        assert_eq!(
            after,
            before.deployment_circuit_breaker(breaker.build()).build()
        );
    }
}
