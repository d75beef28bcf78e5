//! AWS CodeDeploy: deployments of ECS services with the `CODE_DEPLOY` controller.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::{
    AppSpecContent, AutoRollbackConfiguration, AutoRollbackEvent, DeploymentCreator,
    LifecycleEventStatus, RevisionLocation, RevisionLocationType,
};
use serde_json::{Value, json};

use super::error::{aws_error, incomplete_response};
use super::retries::RetryRejectionsOnly;
use lamplighter::AwsError;
use lamplighter::model::{Arn, CodeDeployGroup, CodeDeployTarget, CodeDeployment};
use lamplighter::plan::AnswerCodeDeployHook;

/// Describes a deployment; `None` if CodeDeploy does not know it. Source: GetDeployment.
pub async fn describe_deployment(
    client: &Client,
    id: &str,
) -> Result<Option<CodeDeployment>, AwsError> {
    let answer = client.get_deployment().deployment_id(id).send().await;
    let found = match answer.map_err(|e| aws_error("GetDeployment", id, &e)) {
        Ok(answer) => answer.deployment_info,
        Err(error) if error.code == "DeploymentDoesNotExistException" => None,
        Err(error) => return Err(error),
    };
    Ok(found.map(|info| CodeDeployment {
        id: id.to_owned(),
        application: info.application_name.unwrap_or_default(),
        group: info.deployment_group_name.unwrap_or_default(),
        status: info
            .status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        error: info
            .error_information
            .and_then(|error| error.message)
            .unwrap_or_default(),
        configuration: info.deployment_config_name.unwrap_or_default(),
        is_rollback: info.creator == Some(DeploymentCreator::CodeDeployRollback),
    }))
}

/// Lists the services that a deployment group deploys; `None` if CodeDeploy has no such group. Source: GetDeploymentGroup.
pub async fn list_group_services(
    client: &Client,
    application: &str,
    group: &str,
) -> Result<Option<Vec<String>>, AwsError> {
    let name = format!("{application}/{group}");
    let answer = client
        .get_deployment_group()
        .application_name(application)
        .deployment_group_name(group)
        .send()
        .await;
    let answer = match answer.map_err(|e| aws_error("GetDeploymentGroup", &name, &e)) {
        Ok(answer) => answer,
        Err(error) if MISSING_GROUP.contains(&error.code.as_str()) => return Ok(None),
        Err(error) => return Err(error),
    };
    let services = answer
        .deployment_group_info
        .and_then(|info| info.ecs_services)
        .unwrap_or_default();
    Ok(Some(
        services
            .into_iter()
            .filter_map(|service| {
                let cluster = service.cluster_name.unwrap_or_else(|| "default".to_owned());
                Some(format!("{cluster}/{}", service.service_name?))
            })
            .collect(),
    ))
}

/// Error codes of a group, or of its application, that does not exist.
const MISSING_GROUP: [&str; 2] = [
    "DeploymentGroupDoesNotExistException",
    "ApplicationDoesNotExistException",
];

/// Returns the service that a deployment updates, and its lifecycle event in progress.
///
/// Sources: ListDeploymentTargets, GetDeploymentTarget.
pub async fn find_target(client: &Client, id: &str) -> Result<Option<CodeDeployTarget>, AwsError> {
    let listed = client
        .list_deployment_targets()
        .deployment_id(id)
        .send()
        .await;
    let listed = listed.map_err(|e| aws_error("ListDeploymentTargets", id, &e))?;
    let Some(name) = listed.target_ids.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let answer = client
        .get_deployment_target()
        .deployment_id(id)
        .target_id(name)
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error("GetDeploymentTarget", id, &e))?;
    let target = answer
        .deployment_target
        .and_then(|target| target.ecs_target);
    Ok(target.and_then(|target| {
        let running = target
            .lifecycle_events()
            .iter()
            .find(|e| e.status == Some(LifecycleEventStatus::InProgress));
        let stage = running
            .and_then(|event| event.lifecycle_event_name.clone())
            .unwrap_or_default();
        Some(CodeDeployTarget {
            service: Arn::new(target.target_arn?),
            stage,
        })
    }))
}

/// Creates a deployment of a revision and returns its identifier.
///
/// CodeDeploy rejects a second concurrent deployment in the same deployment group.
pub async fn create_deployment(
    client: &Client,
    group: &CodeDeployGroup,
    revision: &str,
    hook: Option<&str>,
    configuration: Option<&str>,
) -> Result<String, AwsError> {
    let call = "CreateDeployment";
    let name = format!("{}/{}", group.application, group.group);
    let content = AppSpecContent::builder()
        .content(build_app_spec(group, revision, hook).to_string())
        .build();
    let location = RevisionLocation::builder()
        .revision_type(RevisionLocationType::AppSpecContent)
        .app_spec_content(content)
        .build();
    let request = client
        .create_deployment()
        .application_name(&group.application)
        .deployment_group_name(&group.group)
        .revision(location)
        .auto_rollback_configuration(always_roll_back())
        .set_deployment_config_name(configuration.map(str::to_owned))
        .description("Lamplighter");
    let without_retries =
        aws_sdk_codedeploy::Config::builder().retry_classifier(RetryRejectionsOnly);
    let answer = request
        .customize()
        .config_override(without_retries)
        .send()
        .await
        .map_err(|e| aws_error(call, &name, &e))?;
    answer
        .deployment_id
        .ok_or_else(|| incomplete_response(call, &name, "deploymentId"))
}

/// The configuration of a deployment that shifts all traffic at once, as a rollback does.
/// Source: <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html>
pub const ALL_AT_ONCE: &str = "CodeDeployDefault.ECSAllAtOnce";

/// Overrides the deployment group: a failed deployment must always be rolled back.
fn always_roll_back() -> AutoRollbackConfiguration {
    AutoRollbackConfiguration::builder()
        .enabled(true)
        .events(AutoRollbackEvent::DeploymentFailure)
        .events(AutoRollbackEvent::DeploymentStopOnAlarm)
        .events(AutoRollbackEvent::DeploymentStopOnRequest)
        .build()
}

/// Builds the AppSpec of an ECS deployment, with our hook if one is given.
///
/// Source: <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-example.html>
fn build_app_spec(group: &CodeDeployGroup, revision: &str, hook: Option<&str>) -> Value {
    let reached = json!({"ContainerName": group.container, "ContainerPort": group.port});
    let service = json!({
        "Type": "AWS::ECS::Service",
        "Properties": {"TaskDefinition": revision, "LoadBalancerInfo": reached},
    });
    let stages = ["AfterAllowTestTraffic", "AfterAllowTraffic"];
    let hooks: Vec<Value> = hook
        .into_iter()
        .flat_map(|hook| stages.map(|stage| json!({stage: hook})))
        .collect();
    json!({"version": 0.0, "Resources": [{"TargetService": service}], "Hooks": hooks})
}

/// Stops a deployment and has CodeDeploy roll it back.
pub async fn stop_deployment(client: &Client, id: &str) -> Result<String, AwsError> {
    let request = client
        .stop_deployment()
        .deployment_id(id)
        .auto_rollback_enabled(true);
    request
        .send()
        .await
        .map_err(|e| aws_error("StopDeployment", id, &e))?;
    Ok(format!("CodeDeploy rolls back {id}"))
}

/// Reports the result of a lifecycle hook to CodeDeploy.
///
/// A hook that already has a result is not an error.
pub async fn answer_hook(
    client: &Client,
    answer: &AnswerCodeDeployHook,
) -> Result<String, AwsError> {
    let status = if answer.passed {
        LifecycleEventStatus::Succeeded
    } else {
        LifecycleEventStatus::Failed
    };
    let request = client
        .put_lifecycle_event_hook_execution_status()
        .deployment_id(&answer.deployment)
        .lifecycle_event_hook_execution_id(&answer.execution)
        .status(status.clone());
    let call = "PutLifecycleEventHookExecutionStatus";
    let sent = request.send().await;
    match sent.map_err(|e| aws_error(call, &answer.deployment, &e)) {
        Ok(_) => Ok(status.as_str().to_owned()),
        Err(error) if error.code == "LifecycleEventAlreadyCompletedException" => {
            Ok("already answered".to_owned())
        }
        Err(error) => Err(error),
    }
}
