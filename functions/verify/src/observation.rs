//! Observation: the AWS state that a verdict about one deployment needs.

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp, Unit};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::hook::{CodeDeployHook, HookCall};
use lamplighter::model::{
    Arn, CodeDeployTarget, Digest, ImageRef, Service, ServiceDeployment, ServiceRevision, Traffic,
};
use lamplighter::release::probe::probe_if_due;
use lamplighter::state::ProbeStreak;
use lamplighter::state::{PendingVerdict, TargetState};
use serde::Serialize;

use crate::Policy;
use crate::sequential::{Comparison, ComparisonResult, Minute};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// The time before the traffic shift from which the old revision's error rates are learned.
const BASELINE: SignedDuration = SignedDuration::from_mins(10);
/// The maximum delay of load balancer metrics.
const METRIC_LAG: SignedDuration = SignedDuration::from_mins(1);
/// Requests sent to the test listener at each invocation while the new revision gets fewer than
/// [`LOW_TRAFFIC`] requests per minute.
const TEST_REQUESTS: u32 = 5;
const LOW_TRAFFIC: f64 = 30.0;

/// The stage of a deployment at the time of its hook.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum HookStage {
    /// There is nothing to verify yet.
    Prepared,
    /// The hook does not name its stage.
    Unknown,
    /// The test listener routes to the new revision.
    Tested,
    /// Production traffic goes to both revisions; the value is the percentage of the new one.
    Shifting(f64),
    /// All production traffic goes to the new revision.
    Shifted,
    /// The deployment is rolling back to the old revision.
    RollingBack,
}

/// The source of the hook that is to be answered.
#[derive(Debug, Clone)]
pub enum HookRequest {
    Ecs(HookCall),
    /// A CodeDeploy hook, and the deployment target that it concerns.
    CodeDeploy(CodeDeployHook, CodeDeployTarget),
    /// An earlier CodeDeploy hook that is still open.
    Pending,
}

/// A hook, and the services that it concerns, read in advance.
#[derive(Debug)]
pub struct Prefetched {
    request: HookRequest,
    services: BTreeMap<Arn, Service>,
    at: Timestamp,
}

/// The input of [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the service does not exist.
    pub service: Option<Service>,
    pub stage: HookStage,
    /// Tag and digest of the new revision's image, if it is pinned by digest.
    pub image: Option<(String, Digest)>,
    /// The open verdict; `None` if the deployment is unknown, or rolls back without an open
    /// CodeDeploy hook.
    pub pending_verdict: Option<PendingVerdict>,
    /// The comparison of both revisions, if both have traffic.
    pub comparison: Option<Comparison>,
}

impl Prefetched {
    pub(crate) fn new(request: HookRequest, services: Vec<Service>, at: Timestamp) -> Self {
        Self {
            request,
            services: services
                .into_iter()
                .map(|service| (service.arn.clone(), service))
                .collect(),
            at,
        }
    }

    pub(crate) async fn observe_deployment<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        let asked = self.find_deployment(context.state, arn, cloud).await?;
        let service = self.services.get(arn).cloned();
        let stage = asked
            .as_ref()
            .map_or(HookStage::Prepared, |asked| asked.stage);
        let mut observed = Observed {
            service,
            stage,
            image: None,
            pending_verdict: None,
            comparison: None,
        };
        let Some(asked) = asked else {
            return Ok(observed);
        };
        let stage = if is_rollback_or_restart(context.state, &asked) {
            HookStage::RollingBack
        } else {
            stage
        };
        observed.stage = stage;
        if stage == HookStage::RollingBack && asked.execution.is_none() {
            return Ok(observed);
        }
        let mut judging = self.pending_verdict(context.state, &asked);
        if !context.policy.enabled || stage == HookStage::RollingBack {
            observed.pending_verdict = Some(judging);
            return Ok(observed);
        }
        observed.image = find_image(context, &asked, cloud).await?;
        let Policy {
            verify,
            expect,
            verify_test,
            ..
        } = context.policy;
        let (test, live) = (verify_test.as_slice(), verify.as_slice());
        let urls = match stage {
            HookStage::Tested => test,
            HookStage::Shifted => live,
            _ => &[],
        };
        if !urls.is_empty() {
            judging.looks =
                probe_if_due(&judging.looks, urls, expect.as_deref(), self.at, cloud).await;
        }
        if let (HookStage::Shifting(_), Some(old)) = (stage, &asked.old) {
            observed.comparison = self
                .compare_traffic(&judging, old, &asked.new, cloud)
                .await?;
            send_test_requests(observed.comparison.as_ref(), test, cloud).await;
        }
        observed.pending_verdict = Some(judging);
        Ok(observed)
    }

    /// Returns the deployment whose hook is open; `None` if there is none, it is unknown or it has
    /// ended.
    async fn find_deployment<C: Reads>(
        &self,
        memory: &TargetState,
        service: &Arn,
        cloud: &C,
    ) -> Result<Option<HookedDeployment>, AwsError> {
        let (id, execution, target) = match &self.request {
            HookRequest::Ecs(call) => {
                let deployment = match &call.deployment {
                    Some(arn) => cloud.describe_service_deployment(arn).await?,
                    None => cloud.find_active_deployment(service).await?,
                };
                return Ok(
                    deployment.map(|deployment| HookedDeployment::from_ecs_hook(call, deployment))
                );
            }
            HookRequest::CodeDeploy(call, target) => (
                call.deployment_id.clone(),
                call.lifecycle_event_hook_execution_id.clone(),
                Some(target.clone()),
            ),
            HookRequest::Pending => {
                let judging = memory.releases.pending_verdict.clone();
                let Some((id, execution)) =
                    judging.and_then(|judging| Some((judging.deployment, judging.execution?)))
                else {
                    return Ok(None);
                };
                let target = cloud.find_code_deploy_target(&id).await?;
                (id, execution, target)
            }
        };
        let deployment = cloud
            .describe_code_deployment(&id)
            .await?
            .filter(|deployment| !deployment.is_finished());
        Ok(deployment
            .zip(target)
            .map(|(deployment, target)| HookedDeployment {
                stage: match target.stage.as_str() {
                    _ if deployment.is_rollback => HookStage::RollingBack,
                    "AfterAllowTestTraffic" => HookStage::Tested,
                    "AfterAllowTraffic" => HookStage::Shifted,
                    "" => HookStage::Unknown,
                    _ => HookStage::Prepared,
                },
                deployment: deployment.id,
                execution: Some(execution),
                old: None,
                new: ServiceRevision::default(),
            }))
    }

    /// Returns the stored verdict state of this deployment, or a new one.
    fn pending_verdict(&self, memory: &TargetState, asked: &HookedDeployment) -> PendingVerdict {
        let step = match asked.stage {
            HookStage::Shifting(weight) => format!("{weight} % of production"),
            other => format!("{other:?}"),
        };
        let known = memory
            .releases
            .pending_verdict
            .clone()
            .filter(|judging| judging.deployment == asked.deployment);
        let mut judging = known.unwrap_or_else(|| PendingVerdict {
            deployment: asked.deployment.clone(),
            execution: None,
            since: None,
            step: step.clone(),
            step_since: self.at,
            failed: false,
            looks: ProbeStreak::default(),
        });
        if judging.step != step {
            judging = PendingVerdict {
                step,
                step_since: self.at,
                looks: ProbeStreak::default(),
                ..judging
            };
        }
        if matches!(asked.stage, HookStage::Shifting(_)) {
            judging.since.get_or_insert(self.at);
        }
        PendingVerdict {
            execution: asked.execution.clone(),
            ..judging
        }
    }

    /// Compares both revisions per minute since the traffic shift began; `None` if they are not
    /// comparable.
    async fn compare_traffic<C: Reads>(
        &self,
        judging: &PendingVerdict,
        old: &ServiceRevision,
        new: &ServiceRevision,
        cloud: &C,
    ) -> Result<Option<Comparison>, AwsError> {
        let since = judging.since.unwrap_or(self.at);
        let groups: Vec<String> = [old, new]
            .iter()
            .filter_map(|side| side.target_groups.first())
            .cloned()
            .collect();
        let [before, after] = groups.as_slice() else {
            return Ok(None);
        };
        let found = cloud.describe_target_groups(&groups).await?;
        let (Some(before), Some(after)) = (found.get(before), found.get(after)) else {
            return Ok(None);
        };
        if before == after || before.load_balancer_dimensions().next().is_none() {
            return Ok(None);
        }
        let groups = [before.clone(), after.clone()];
        let traffic = cloud
            .read_traffic(&groups, since - BASELINE, self.at - METRIC_LAG)
            .await?;
        let [before, after] = traffic.as_slice() else {
            return Ok(None);
        };
        Ok(Some(build_comparison(
            before,
            after,
            ceil_to_minute(since),
            ceil_to_minute(judging.step_since),
        )))
    }
}

/// Reports whether the deployment is Lamplighter's rollback, or a restart of the running revision.
/// Neither is verified as a release.
fn is_rollback_or_restart(memory: &TargetState, asked: &HookedDeployment) -> bool {
    let new = &asked.new.task_definition;
    let is_restart = asked
        .old
        .as_ref()
        .is_some_and(|old| !new.is_empty() && old.task_definition == *new);
    is_restart
        || memory
            .releases
            .active_rollback
            .as_ref()
            .is_some_and(|way| way.to.as_ref() == Some(new))
}

/// A deployment whose hook is open.
struct HookedDeployment {
    deployment: String,
    /// The execution identifier of the CodeDeploy hook; `None` for ECS.
    execution: Option<String>,
    stage: HookStage,
    old: Option<ServiceRevision>,
    new: ServiceRevision,
}

impl HookedDeployment {
    fn from_ecs_hook(call: &HookCall, deployment: ServiceDeployment) -> Self {
        let stage = derive_stage(call, &deployment);
        let ServiceDeployment { arn, from, to, .. } = deployment;
        Self {
            deployment: arn,
            execution: None,
            stage,
            old: from,
            new: to,
        }
    }
}

/// Rounds a time up to the next full minute.
fn ceil_to_minute(at: Timestamp) -> Timestamp {
    at.round((Unit::Minute, 1)).map_or(at, |rounded| {
        if rounded < at {
            rounded + MINUTE
        } else {
            rounded
        }
    })
}

fn build_comparison(old: &Traffic, new: &Traffic, since: Timestamp, step: Timestamp) -> Comparison {
    let minute = |traffic: &Traffic, at: &Timestamp| Minute {
        requests: traffic.requests.get(at).copied().unwrap_or_default(),
        errors: traffic.errors.get(at).copied().unwrap_or_default(),
        answers: traffic.answers.get(at).copied().unwrap_or_default(),
        p90: traffic.p90.get(at).copied(),
    };
    let mut times: Vec<&Timestamp> = old
        .requests
        .keys()
        .chain(new.requests.keys())
        .chain(new.errors.keys())
        .collect();
    times.sort_unstable();
    times.dedup();
    let mut comparison = Comparison::default();
    for at in times {
        if *at < since {
            comparison.learn_baseline(minute(old, at));
        } else {
            comparison.add_minute(minute(old, at), minute(new, at), *at >= step);
        }
    }
    comparison
}

/// Sends requests to the test listener if the new revision has little traffic. The metrics of its
/// target group count the responses.
async fn send_test_requests<C: Reads>(comparison: Option<&Comparison>, test: &[String], cloud: &C) {
    let thin = comparison.is_some_and(|comparison| {
        let is_open = matches!(
            comparison.current_result(),
            ComparisonResult::Inconclusive { .. }
        );
        is_open && comparison.new_per_minute() < LOW_TRAFFIC
    });
    for url in test.iter().filter(|_| thin) {
        for _ in 0..TEST_REQUESTS {
            cloud.probe_url(url, None).await;
        }
    }
}

/// Returns tag and digest of the deployed image: that of the active rollout, else the first that
/// the old revision does not run. An image that the old revision runs too can't be the cause.
async fn find_image<C: Reads>(
    context: TargetContext<'_, Policy>,
    asked: &HookedDeployment,
    cloud: &C,
) -> Result<Option<(String, Digest)>, AwsError> {
    let following = context.state.releases.active_rollout.as_ref();
    if asked.execution.is_some() {
        // CodeDeploy does not report which image it deploys.
        let own = following.filter(|f| {
            f.deployment
                .as_ref()
                .is_none_or(|deployment| *deployment == asked.deployment)
        });
        return Ok(own.map(|following| (following.tag.clone(), following.digest.clone())));
    }
    let mut new = list_pinned_images(&asked.new.task_definition, cloud).await?;
    if let Some(old) = &asked.old {
        let old = list_pinned_images(&old.task_definition, cloud).await?;
        new.retain(|(_, digest)| !old.iter().any(|(_, known)| known == digest));
    }
    let followed = following.map(|following| &following.digest);
    let own = new.iter().position(|(_, digest)| Some(digest) == followed);
    Ok(if new.is_empty() {
        None
    } else {
        Some(new.swap_remove(own.unwrap_or_default()))
    })
}

/// Returns tags and digests of the revision's images that are pinned by digest.
async fn list_pinned_images<C: Reads>(
    revision: &str,
    cloud: &C,
) -> Result<Vec<(String, Digest)>, AwsError> {
    if revision.is_empty() {
        return Ok(Vec::new());
    }
    let definition = cloud.describe_task_definition(revision).await?;
    let images = definition
        .containers()
        .map(|container| ImageRef::parse(container.image));
    Ok(images
        .filter_map(|image| Some((image.tag.unwrap_or_default(), image.digest?)))
        .collect())
}

fn derive_stage(call: &HookCall, deployment: &ServiceDeployment) -> HookStage {
    let name = call.stage.as_deref().unwrap_or(&deployment.stage);
    let weight = call.target_weight().or(deployment.to.weight);
    let is_shift = matches!(
        name,
        "PRE_PRODUCTION_TRAFFIC_SHIFT" | "PRODUCTION_TRAFFIC_SHIFT"
    );
    match weight {
        _ if deployment.is_rolling_back() => HookStage::RollingBack,
        // The weight is zero before the first shift as well.
        Some(weight) if weight <= 0.0 && name == "PRODUCTION_TRAFFIC_SHIFT" => {
            HookStage::RollingBack
        }
        Some(weight) if is_shift && weight > 0.0 && weight < 100.0 => HookStage::Shifting(weight),
        _ if name == "POST_TEST_TRAFFIC_SHIFT" => HookStage::Tested,
        _ if name == "POST_PRODUCTION_TRAFFIC_SHIFT" => HookStage::Shifted,
        _ => HookStage::Prepared,
    }
}
