//! Traffic shifting: how a service shifts traffic now, and the configuration for a strategy.

use aws_sdk_ecs::types::{
    CanaryConfiguration, Deployment, DeploymentConfiguration, DeploymentLifecycleHook,
    DeploymentLifecycleHookStage, DeploymentLifecycleHookTargetType,
    DeploymentLifecycleHookTimeoutConfiguration, DeploymentStrategy, LinearConfiguration,
    LoadBalancer, Service,
};

use lamplighter::model::{SKIPPING_STRATEGY, StrategySettings, TrafficShift};
use lamplighter::plan::TrafficShiftSettings;
use lamplighter::policy::{LifecycleHook, Strategy};

/// ECS's own default of a canary: the traffic share in percent.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>
const DEFAULT_CANARY_PERCENT: f64 = 5.0;
/// ECS's own default of a canary: the bake time in minutes.
const DEFAULT_CANARY_MINUTES: i32 = 10;
/// ECS's own default of a linear shift: the traffic share of a step in percent.
const DEFAULT_LINEAR_PERCENT: f64 = 10.0;
/// ECS's own default of a linear shift: the bake time of a step in minutes.
const DEFAULT_LINEAR_MINUTES: i32 = 6;
/// Default bake time in minutes: both revisions keep running after all traffic has shifted.
const DEFAULT_BAKE_MINUTES: i32 = 5;
/// Hundredths in a percent.
const HUNDREDTHS: f64 = 100.0;
/// Minutes after which a hook without an answer rolls the deployment back.
const HOOK_TIMEOUT_MINUTES: i32 = 120;
/// Minutes until a pending manual approval times out: one week.
const APPROVAL_TIMEOUT_MINUTES: i32 = 10_080;
/// Target type of a hook that waits for manual approval.
pub const PAUSE_HOOK: &str = "PAUSE";

/// Returns how a service shifts traffic, from its load balancers, Service Connect and deployment configuration.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-implementation.html>
pub fn parse_traffic_shift(
    service: &Service,
    configuration: Option<&DeploymentConfiguration>,
) -> TrafficShift {
    let balancers = service.load_balancers();
    let gets_traffic = !balancers.is_empty() || offers_service_connect(service);
    let is_possible = gets_traffic && balancers.iter().all(routes_to_two_revisions);
    let Some(configuration) = configuration else {
        return TrafficShift {
            is_possible,
            ..TrafficShift::default()
        };
    };
    let hooks = configuration
        .lifecycle_hooks()
        .iter()
        .map(|hook| hook.hook_target_arn.as_deref().unwrap_or(PAUSE_HOOK));
    let steps = parse_steps(configuration);
    let bake = to_minutes(configuration.bake_time_in_minutes);
    TrafficShift {
        is_possible,
        hooks: hooks.map(str::to_owned).collect(),
        steps: steps.count,
        seconds: (steps.wait_minutes + bake) * 60,
        bake: bake * 60,
        settings: parse_settings(configuration),
    }
}

/// Returns the settings of a strategy with steps.
fn parse_settings(configuration: &DeploymentConfiguration) -> Option<StrategySettings> {
    let strategy = configuration.strategy.as_ref()?.as_str();
    let (share, minutes) = match strategy {
        "CANARY" => {
            let canary = configuration.canary_configuration.as_ref();
            (
                canary
                    .and_then(|canary| canary.canary_percent)
                    .unwrap_or(DEFAULT_CANARY_PERCENT),
                canary
                    .and_then(|canary| canary.canary_bake_time_in_minutes)
                    .unwrap_or(DEFAULT_CANARY_MINUTES),
            )
        }
        "LINEAR" => {
            let linear = configuration.linear_configuration.as_ref();
            (
                linear
                    .and_then(|linear| linear.step_percent)
                    .unwrap_or(DEFAULT_LINEAR_PERCENT),
                linear
                    .and_then(|linear| linear.step_bake_time_in_minutes)
                    .unwrap_or(DEFAULT_LINEAR_MINUTES),
            )
        }
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 10,000"
    )]
    let share = (share.clamp(0.0, 100.0) * HUNDREDTHS).round() as u32;
    let bake = configuration.bake_time_in_minutes.unwrap_or_default();
    Some(StrategySettings {
        strategy: strategy.to_owned(),
        share,
        step_minutes: minutes.unsigned_abs(),
        bake_minutes: bake.unsigned_abs(),
    })
}

/// Returns the configuration for a deployment that shifts all traffic at once. Hooks stay.
pub fn without_steps(configuration: Option<DeploymentConfiguration>) -> DeploymentConfiguration {
    let mut configuration =
        configuration.unwrap_or_else(|| DeploymentConfiguration::builder().build());
    configuration.strategy = Some(SKIPPING_STRATEGY.into());
    configuration.bake_time_in_minutes = Some(0);
    configuration.canary_configuration = None;
    configuration.linear_configuration = None;
    configuration
}

/// Returns the configuration with a strategy and its settings.
pub fn with_strategy(
    configuration: Option<DeploymentConfiguration>,
    settings: &StrategySettings,
) -> DeploymentConfiguration {
    let mut configuration =
        configuration.unwrap_or_else(|| DeploymentConfiguration::builder().build());
    let share = f64::from(settings.share) / HUNDREDTHS;
    let minutes = i32::try_from(settings.step_minutes).unwrap_or(i32::MAX);
    configuration.strategy = Some(settings.strategy.as_str().into());
    configuration.bake_time_in_minutes = i32::try_from(settings.bake_minutes).ok();
    if settings.strategy == "CANARY" {
        let canary = CanaryConfiguration::builder()
            .canary_percent(share)
            .canary_bake_time_in_minutes(minutes);
        configuration.canary_configuration = Some(canary.build());
    } else {
        let linear = LinearConfiguration::builder()
            .step_percent(share)
            .step_bake_time_in_minutes(minutes);
        configuration.linear_configuration = Some(linear.build());
    }
    configuration
}

/// Returns the deployment that a service has reached or is moving to.
pub fn primary_deployment(deployments: &[Deployment]) -> Option<&Deployment> {
    deployments
        .iter()
        .find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// Reports whether other services reach this one by Service Connect, which routes to two revisions by itself.
fn offers_service_connect(service: &Service) -> bool {
    primary_deployment(service.deployments())
        .and_then(|primary| primary.service_connect_configuration())
        .is_some_and(|connect| connect.enabled && !connect.services().is_empty())
}

fn routes_to_two_revisions(balancer: &LoadBalancer) -> bool {
    balancer
        .advanced_configuration
        .as_ref()
        .is_some_and(|advanced| advanced.alternate_target_group_arn.is_some())
}

/// The steps to 100 % of traffic, and the total wait between them.
#[derive(Default)]
struct ShiftSteps {
    count: u32,
    wait_minutes: u64,
}

fn parse_steps(configuration: &DeploymentConfiguration) -> ShiftSteps {
    let strategy = configuration.strategy.as_ref();
    match strategy.map(DeploymentStrategy::as_str) {
        Some("CANARY") => {
            let canary = configuration.canary_configuration.as_ref();
            ShiftSteps {
                count: 2,
                wait_minutes: to_minutes(canary.and_then(|c| c.canary_bake_time_in_minutes)),
            }
        }
        Some("LINEAR") => parse_linear_steps(configuration.linear_configuration.as_ref()),
        Some("BLUE_GREEN") => ShiftSteps {
            count: 1,
            wait_minutes: 0,
        },
        _ => ShiftSteps::default(),
    }
}

fn parse_linear_steps(linear: Option<&LinearConfiguration>) -> ShiftSteps {
    let percent = linear
        .and_then(|linear| linear.step_percent)
        .unwrap_or(DEFAULT_LINEAR_PERCENT)
        .clamp(1.0, 100.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1 to 100"
    )]
    let count = (100.0 / percent).ceil() as u32;
    let wait = to_minutes(linear.and_then(|linear| linear.step_bake_time_in_minutes));
    ShiftSteps {
        count,
        wait_minutes: wait * u64::from(count.saturating_sub(1)),
    }
}

fn to_minutes(minutes: Option<i32>) -> u64 {
    u64::from(minutes.unwrap_or_default().unsigned_abs())
}

/// Returns the configuration with the strategy and our hooks; other hooks stay.
pub fn with_traffic_shift(
    configuration: Option<DeploymentConfiguration>,
    shift: &TrafficShiftSettings,
) -> DeploymentConfiguration {
    let mut configuration =
        configuration.unwrap_or_else(|| DeploymentConfiguration::builder().build());
    let hooks = configuration.lifecycle_hooks.take().unwrap_or_default();
    let requested_bake = i32::try_from(shift.bake / 60)
        .ok()
        .filter(|minutes| *minutes > 0);
    let bake = requested_bake
        .or(configuration.bake_time_in_minutes)
        .unwrap_or(DEFAULT_BAKE_MINUTES);
    configuration.strategy = Some(shift.strategy.as_str().into());
    configuration.lifecycle_hooks = Some(with_own_hooks(hooks, shift));
    configuration.bake_time_in_minutes = Some(bake);
    let canary = configuration.canary_configuration.take();
    let linear = configuration.linear_configuration.take();
    match shift.strategy {
        Strategy::Canary => {
            configuration.canary_configuration = canary.or_else(|| Some(default_canary()));
        }
        Strategy::Linear => {
            configuration.linear_configuration = linear.or_else(|| Some(default_linear()));
        }
        Strategy::BlueGreen => {}
    }
    configuration
}

/// Replaces our verdict hook, and adds or removes our pause hook.
///
/// The pause hook of another tool stays, and then ours is not added.
fn with_own_hooks(
    mut hooks: Vec<DeploymentLifecycleHook>,
    shift: &TrafficShiftSettings,
) -> Vec<DeploymentLifecycleHook> {
    hooks.retain(|hook| hook.hook_target_arn.as_ref() != Some(&shift.hook.function));
    hooks.push(build_verdict_hook(&shift.hook));
    if !shift.pauses {
        hooks.retain(|hook| *hook != build_pause_hook());
    } else if !hooks.iter().any(|hook| hook.hook_target_arn.is_none()) {
        hooks.push(build_pause_hook());
    }
    hooks
}

fn default_canary() -> CanaryConfiguration {
    CanaryConfiguration::builder()
        .canary_percent(DEFAULT_CANARY_PERCENT)
        .canary_bake_time_in_minutes(DEFAULT_CANARY_MINUTES)
        .build()
}

fn default_linear() -> LinearConfiguration {
    LinearConfiguration::builder()
        .step_percent(DEFAULT_LINEAR_PERCENT)
        .step_bake_time_in_minutes(DEFAULT_LINEAR_MINUTES)
        .build()
}

fn build_verdict_hook(hook: &LifecycleHook) -> DeploymentLifecycleHook {
    use DeploymentLifecycleHookStage::{
        PostProductionTrafficShift, PostTestTrafficShift, PreScaleUp, ProductionTrafficShift,
    };
    let stages = vec![
        PreScaleUp,
        PostTestTrafficShift,
        ProductionTrafficShift,
        PostProductionTrafficShift,
    ];
    DeploymentLifecycleHook::builder()
        .hook_target_arn(&hook.function)
        .role_arn(&hook.role)
        .set_lifecycle_stages(Some(stages))
        .timeout_configuration(hook_timeout(HOOK_TIMEOUT_MINUTES))
        .build()
}

/// Builds the hook that holds a deployment before production traffic shifts.
fn build_pause_hook() -> DeploymentLifecycleHook {
    DeploymentLifecycleHook::builder()
        .target_type(DeploymentLifecycleHookTargetType::from(PAUSE_HOOK))
        .lifecycle_stages(DeploymentLifecycleHookStage::PostTestTrafficShift)
        .timeout_configuration(hook_timeout(APPROVAL_TIMEOUT_MINUTES))
        .build()
}

fn hook_timeout(minutes: i32) -> DeploymentLifecycleHookTimeoutConfiguration {
    DeploymentLifecycleHookTimeoutConfiguration::builder()
        .timeout_in_minutes(minutes)
        .build()
}
