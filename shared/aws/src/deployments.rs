//! Amazon ECS: service deployments.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    self as ecs, ServiceDeploymentStatus as Status, StopServiceDeploymentStopType,
};

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, ServiceDeployment, ServiceRevision, TrafficShift};
use lamplighter::plan::{ContinueDeployment, TrafficShiftSettings};
use lamplighter::policy::{LifecycleHook, Strategy};

/// Returns the newest deployment of a service that has not finished.
///
/// Sources: ListServiceDeployments, DescribeServiceDeployments.
pub async fn find_active_deployment(
    client: &Client,
    service: &Arn,
) -> Result<Option<ServiceDeployment>, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let states = [
        Status::Pending,
        Status::InProgress,
        Status::StopRequested,
        Status::RollbackRequested,
        Status::RollbackInProgress,
    ];
    let request = client
        .list_service_deployments()
        .cluster(cluster)
        .service(service.as_str());
    let listed = request.set_status(Some(states.to_vec())).send().await;
    let listed =
        listed.map_err(|e| aws_error("ListServiceDeployments", &service.display_name(), &e))?;
    let newest = listed
        .service_deployments
        .unwrap_or_default()
        .into_iter()
        .max_by_key(|brief| brief.created_at);
    match newest.and_then(|brief| brief.service_deployment_arn) {
        Some(arn) => describe_deployment(client, &arn).await,
        None => Ok(None),
    }
}

pub async fn describe_deployment(
    client: &Client,
    arn: &str,
) -> Result<Option<ServiceDeployment>, AwsError> {
    let described = client
        .describe_service_deployments()
        .service_deployment_arns(arn)
        .send()
        .await;
    let described = described.map_err(|e| aws_error("DescribeServiceDeployments", arn, &e))?;
    let Some(deployment) = described
        .service_deployments
        .unwrap_or_default()
        .into_iter()
        .next()
    else {
        return Ok(None);
    };
    let to = deployment.target_service_revision;
    let mut sources = deployment
        .source_service_revisions
        .unwrap_or_default()
        .into_iter();
    let from = sources.next().filter(|_| sources.next().is_none());
    let arns = from
        .iter()
        .chain(&to)
        .filter_map(|revision| revision.arn.clone())
        .collect();
    let revisions = describe_revisions(client, arns).await?;
    let find = |summary: ecs::ServiceRevisionSummary| {
        let found = revisions
            .iter()
            .find(|revision| Some(&revision.arn) == summary.arn.as_ref())?;
        Some(ServiceRevision {
            weight: summary.requested_production_traffic_weight,
            ..found.clone()
        })
    };
    Ok(Some(ServiceDeployment {
        arn: arn.to_owned(),
        status: deployment
            .status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        stage: deployment
            .lifecycle_stage
            .map(|stage| stage.as_str().to_owned())
            .unwrap_or_default(),
        paused: deployment
            .lifecycle_hook_details
            .unwrap_or_default()
            .into_iter()
            .find_map(pending_pause_hook),
        from: from.and_then(find),
        to: to.and_then(find).unwrap_or_default(),
    }))
}

async fn describe_revisions(
    client: &Client,
    arns: Vec<String>,
) -> Result<Vec<ServiceRevision>, AwsError> {
    let about = arns.join(", ");
    let described = client
        .describe_service_revisions()
        .set_service_revision_arns(Some(arns))
        .send()
        .await;
    let described = described.map_err(|e| aws_error("DescribeServiceRevisions", &about, &e))?;
    Ok(described
        .service_revisions
        .unwrap_or_default()
        .into_iter()
        .filter_map(convert_revision)
        .collect())
}

fn convert_revision(revision: ecs::ServiceRevision) -> Option<ServiceRevision> {
    let resolved = revision
        .resolved_configuration
        .and_then(|configuration| configuration.load_balancers);
    let named = revision
        .load_balancers
        .unwrap_or_default()
        .into_iter()
        .filter_map(|balancer| balancer.target_group_arn);
    let mut target_groups: Vec<String> = resolved
        .unwrap_or_default()
        .into_iter()
        .filter_map(|balancer| balancer.target_group_arn)
        .collect();
    if target_groups.is_empty() {
        target_groups = named.collect();
    }
    Some(ServiceRevision {
        arn: revision.service_revision_arn?,
        task_definition: revision.task_definition.unwrap_or_default(),
        target_groups,
        weight: None,
    })
}

/// Has ECS roll a deployment back to the previous service revision.
///
/// Source: StopServiceDeployment with the stop type `ROLLBACK`.
pub async fn roll_back_deployment(client: &Client, arn: &str) -> Result<String, AwsError> {
    let request = client.stop_service_deployment().service_deployment_arn(arn);
    let answer = request
        .stop_type(StopServiceDeploymentStopType::Rollback)
        .send()
        .await;
    answer.map_err(|e| aws_error("StopServiceDeployment", arn, &e))?;
    Ok(format!(
        "ECS takes back {}",
        arn.rsplit('/').next().unwrap_or_default()
    ))
}

fn pending_pause_hook(hook: ecs::DeploymentLifecycleHookDetail) -> Option<String> {
    let is_pause = hook
        .target_type
        .is_some_and(|kind| kind.as_str() == PAUSE_HOOK);
    let waits = hook
        .status
        .is_some_and(|status| status.as_str() == "AWAITING_ACTION");
    hook.hook_id.filter(|_| is_pause && waits)
}

/// Continues a deployment that is held for a manual approval.
pub async fn continue_deployment(
    client: &Client,
    go_on: &ContinueDeployment,
) -> Result<String, AwsError> {
    let request = client
        .continue_service_deployment()
        .service_deployment_arn(&go_on.deployment)
        .hook_id(&go_on.hook);
    let answer = request
        .action(ecs::DeploymentLifecycleHookAction::Continue)
        .send()
        .await;
    answer.map_err(|e| aws_error("ContinueServiceDeployment", &go_on.deployment, &e))?;
    Ok("it goes on".to_owned())
}

/// Returns how a service shifts traffic, from its load balancers and deployment configuration.
pub fn parse_shifting(
    balancers: &[ecs::LoadBalancer],
    configuration: Option<&ecs::DeploymentConfiguration>,
) -> TrafficShift {
    let leads_to_two = |balancer: &ecs::LoadBalancer| {
        balancer
            .advanced_configuration
            .as_ref()
            .is_some_and(|advanced| advanced.alternate_target_group_arn.is_some())
    };
    let is_possible = !balancers.is_empty() && balancers.iter().all(leads_to_two);
    let Some(configuration) = configuration else {
        return TrafficShift {
            is_possible,
            ..TrafficShift::default()
        };
    };
    let hooks = configuration
        .lifecycle_hooks()
        .iter()
        .map(|hook| match &hook.hook_target_arn {
            Some(function) => function.clone(),
            None => PAUSE_HOOK.to_owned(),
        });
    let minutes = |value: Option<i32>| u64::from(value.unwrap_or_default().unsigned_abs());
    let bake = minutes(configuration.bake_time_in_minutes);
    let (steps, between) = match configuration
        .strategy
        .as_ref()
        .map(ecs::DeploymentStrategy::as_str)
    {
        Some("CANARY") => (
            2,
            minutes(
                configuration
                    .canary_configuration
                    .as_ref()
                    .and_then(|c| c.canary_bake_time_in_minutes),
            ),
        ),
        Some("LINEAR") => {
            let linear = configuration.linear_configuration.as_ref();
            let share = linear
                .and_then(|linear| linear.step_percent)
                .unwrap_or(DEFAULT_LINEAR.0)
                .clamp(1.0, 100.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 1 to 100"
            )]
            let steps = (100.0 / share).ceil() as u32;
            let wait = minutes(linear.and_then(|linear| linear.step_bake_time_in_minutes));
            (steps, wait * u64::from(steps.saturating_sub(1)))
        }
        Some("BLUE_GREEN") => (1, 0),
        _ => (0, 0),
    };
    TrafficShift {
        is_possible,
        hooks: hooks.collect(),
        steps,
        seconds: (between + bake) * 60,
        bake: bake * 60,
    }
}

/// ECS's own defaults: the traffic share in percent, and the bake time after it in minutes.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>
const DEFAULT_CANARY: (f64, i32) = (5.0, 10);
const DEFAULT_LINEAR: (f64, i32) = (10.0, 6);
/// Default bake time in minutes: both revisions keep running after all traffic has shifted.
const DEFAULT_BAKE_MINUTES: i32 = 5;
/// Minutes after which a hook without an answer rolls the deployment back.
const HOOK_TIMEOUT_MINUTES: i32 = 120;
/// Minutes until a pending manual approval times out: one week.
const APPROVAL_TIMEOUT_MINUTES: i32 = 10_080;
const PAUSE_HOOK: &str = "PAUSE";

/// Returns the configuration with the strategy and our hooks; other hooks stay.
pub fn with_traffic_shift(
    configuration: Option<ecs::DeploymentConfiguration>,
    shift: &TrafficShiftSettings,
) -> ecs::DeploymentConfiguration {
    let mut configuration =
        configuration.unwrap_or_else(|| ecs::DeploymentConfiguration::builder().build());
    let mut hooks = configuration.lifecycle_hooks.take().unwrap_or_default();
    hooks.retain(|hook| hook.hook_target_arn.as_ref() != Some(&shift.hook.function));
    hooks.push(build_verdict_hook(&shift.hook));
    if !shift.pauses {
        hooks.retain(|hook| *hook != build_pause_hook());
    }
    if shift.pauses && !hooks.iter().any(|hook| hook.hook_target_arn.is_none()) {
        hooks.push(build_pause_hook());
    }
    let asked = i32::try_from(shift.bake / 60)
        .ok()
        .filter(|minutes| *minutes > 0);
    let bake = asked
        .or(configuration.bake_time_in_minutes)
        .unwrap_or(DEFAULT_BAKE_MINUTES);
    configuration.strategy = Some(shift.strategy.as_str().into());
    configuration.lifecycle_hooks = Some(hooks);
    configuration.bake_time_in_minutes = Some(bake);
    configuration.canary_configuration = configuration
        .canary_configuration
        .filter(|_| shift.strategy == Strategy::Canary);
    configuration.linear_configuration = configuration
        .linear_configuration
        .filter(|_| shift.strategy == Strategy::Linear);
    match shift.strategy {
        Strategy::Canary if configuration.canary_configuration.is_none() => {
            let canary = ecs::CanaryConfiguration::builder().canary_percent(DEFAULT_CANARY.0);
            configuration.canary_configuration =
                Some(canary.canary_bake_time_in_minutes(DEFAULT_CANARY.1).build());
        }
        Strategy::Linear if configuration.linear_configuration.is_none() => {
            let linear = ecs::LinearConfiguration::builder().step_percent(DEFAULT_LINEAR.0);
            configuration.linear_configuration =
                Some(linear.step_bake_time_in_minutes(DEFAULT_LINEAR.1).build());
        }
        _ => {}
    }
    configuration
}

fn build_verdict_hook(hook: &LifecycleHook) -> ecs::DeploymentLifecycleHook {
    use ecs::DeploymentLifecycleHookStage::{
        PostProductionTrafficShift, PostTestTrafficShift, PreScaleUp, ProductionTrafficShift,
    };
    let stages = vec![
        PreScaleUp,
        PostTestTrafficShift,
        ProductionTrafficShift,
        PostProductionTrafficShift,
    ];
    ecs::DeploymentLifecycleHook::builder()
        .hook_target_arn(&hook.function)
        .role_arn(&hook.role)
        .set_lifecycle_stages(Some(stages))
        .timeout_configuration(hook_timeout(HOOK_TIMEOUT_MINUTES))
        .build()
}

/// Builds the hook that holds a deployment before production traffic shifts.
fn build_pause_hook() -> ecs::DeploymentLifecycleHook {
    ecs::DeploymentLifecycleHook::builder()
        .target_type(ecs::DeploymentLifecycleHookTargetType::from(PAUSE_HOOK))
        .lifecycle_stages(ecs::DeploymentLifecycleHookStage::PostTestTrafficShift)
        .timeout_configuration(hook_timeout(APPROVAL_TIMEOUT_MINUTES))
        .build()
}

fn hook_timeout(minutes: i32) -> ecs::DeploymentLifecycleHookTimeoutConfiguration {
    ecs::DeploymentLifecycleHookTimeoutConfiguration::builder()
        .timeout_in_minutes(minutes)
        .build()
}
