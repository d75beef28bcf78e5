//! Updates of services. A request names one setting, so that all others stay unchanged.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::SdkError;
use aws_sdk_ecs::operation::update_service::builders::UpdateServiceFluentBuilder;
use aws_sdk_ecs::operation::update_service::{UpdateServiceError, UpdateServiceOutput};
use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, DeploymentCircuitBreaker, DeploymentConfiguration,
};

use super::deployment_configuration::{ChangedConfiguration, keep_unknown_fields};
use super::traffic_shift::primary_deployment;
use crate::error::{aws_error, incomplete_response};
use crate::retries::RetryRejectionsOnly;
use lamplighter::AwsError;
use lamplighter::model::{Arn, CapacityShare};

const CALL: &str = "UpdateService";

/// Updates a service to a task definition revision.
pub async fn update_service(
    client: &Client,
    service: &Arn,
    task_definition: &str,
    configuration: Option<ChangedConfiguration>,
) -> Result<String, AwsError> {
    let request = start_update(client, service).task_definition(task_definition);
    let answer = match configuration {
        None => request.send().await,
        Some(configuration) => send_configuration(request, configuration).await,
    };
    let answer = answer.map_err(|e| aws_error(CALL, &service.display_name(), &e))?;
    Ok(deployment_label(&answer))
}

/// Changes the deployment configuration of a service, which starts no deployment.
pub async fn set_deployment_configuration(
    client: &Client,
    service: &Arn,
    configuration: ChangedConfiguration,
) -> Result<String, AwsError> {
    send_configuration(start_update(client, service), configuration)
        .await
        .map_err(|e| aws_error(CALL, &service.display_name(), &e))?;
    Ok("accepted".to_owned())
}

/// Sends an update with a deployment configuration. Fields that this build doesn't know stay.
async fn send_configuration(
    request: UpdateServiceFluentBuilder,
    configuration: ChangedConfiguration,
) -> Result<UpdateServiceOutput, SdkError<UpdateServiceError>> {
    let ChangedConfiguration { changed, described } = configuration;
    request
        .deployment_configuration(changed)
        .customize()
        .mutate_request(move |http| keep_unknown_fields(http, &described))
        .send()
        .await
}

/// Restarts all tasks of a service with its current revision.
pub async fn force_new_deployment(client: &Client, service: &Arn) -> Result<String, AwsError> {
    let request = start_update(client, service).force_new_deployment(true);
    send_once(request, service).await
}

/// Sets the capacity provider strategy of a service and forces a new deployment.
pub async fn set_capacity_strategy(
    client: &Client,
    service: &Arn,
    shares: &[CapacityShare],
) -> Result<String, AwsError> {
    let mut request = start_update(client, service).force_new_deployment(true);
    for share in shares {
        let item = CapacityProviderStrategyItem::builder()
            .capacity_provider(&share.provider)
            .weight(share.weight)
            .base(share.base)
            .build()
            .map_err(|e| incomplete_response(CALL, &share.provider, &e.to_string()))?;
        request = request.capacity_provider_strategy(item);
    }
    send_once(request, service).await
}

/// Sets the desired count of a service.
pub async fn set_desired_count(
    client: &Client,
    service: &Arn,
    count: u32,
) -> Result<String, AwsError> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let request = start_update(client, service).desired_count(count);
    request
        .send()
        .await
        .map_err(|e| aws_error(CALL, &service.display_name(), &e))?;
    Ok(format!("desired count {count}"))
}

fn start_update(client: &Client, service: &Arn) -> UpdateServiceFluentBuilder {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    client
        .update_service()
        .cluster(cluster)
        .service(service.as_str())
}

/// Sends an update that is not idempotent: each one starts a new deployment.
async fn send_once(request: UpdateServiceFluentBuilder, service: &Arn) -> Result<String, AwsError> {
    let answer = request
        .customize()
        .config_override(without_ambiguous_retries())
        .send()
        .await
        .map_err(|e| aws_error(CALL, &service.display_name(), &e))?;
    Ok(deployment_label(&answer))
}

/// Returns the client configuration for calls that are not idempotent.
pub fn without_ambiguous_retries() -> aws_sdk_ecs::config::Builder {
    aws_sdk_ecs::Config::builder().retry_classifier(RetryRejectionsOnly)
}

/// Returns a label for the deployment that an update started: `deployment ecs-svc/42`.
fn deployment_label(answer: &UpdateServiceOutput) -> String {
    let service = answer.service();
    service
        .and_then(|service| primary_deployment(service.deployments()))
        .and_then(|primary| primary.id())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enabling_the_circuit_breaker_changes_nothing_else() {
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
