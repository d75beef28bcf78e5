//! What a judgement needs to know of one deployment.

use jiff::{SignedDuration, Timestamp, Unit};
use lamplighter::AwsError;
use lamplighter::cloud::Cloud;
use lamplighter::detail::hook::HookCall;
use lamplighter::looks::Looks;
use lamplighter::memory::{Judging, Memory};
use lamplighter::model::{Arn, Digest, ImageRef, Service, ServiceDeployment, ServiceRevision, Traffic};
use lamplighter::operation::Seen;
use serde::Serialize;

use crate::Policy;
use crate::sequential::{Comparison, Finding, Minute};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Minutes of the old revision alone, before traffic is shifted, that error rates are learned from.
const BEFORE: SignedDuration = SignedDuration::from_mins(10);
/// Metrics of a load balancer may lag so much behind.
const LAG: SignedDuration = SignedDuration::from_mins(1);
/// Requests to the test listener with each call, where the new revision gets less than one every two seconds.
const PROBES: u32 = 5;
const THIN: f64 = 30.0;

/// Where a deployment stands when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Stage {
    /// There is nothing to be judged yet.
    Prepared,
    /// The test listener leads to the new revision.
    Tested,
    /// Production traffic goes to both: so many per cent of it to the new one.
    Shifting(f64),
    /// All of it goes to the new one.
    Shifted,
    /// It goes back to the old one.
    Back,
}

/// One call, and the service it is about.
#[derive(Debug)]
pub struct Survey {
    call: HookCall,
    service: Service,
    at: Timestamp,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    pub service: Service,
    /// `None` where ECS does not know it.
    pub deployment: Option<ServiceDeployment>,
    pub stage: Stage,
    /// What the new revision runs, where that is pinned: tag and digest.
    pub image: Option<(String, Digest)>,
    pub judging: Option<Judging>,
    /// Both revisions side by side, where both have traffic.
    pub comparison: Option<Comparison>,
}

impl Survey {
    pub(crate) fn new(call: HookCall, service: Service, at: Timestamp) -> Self {
        Self { call, service, at }
    }

    pub(crate) async fn of<C: Cloud>(&self, seen: Seen<'_, Policy>, cloud: &C) -> Result<Observed, AwsError> {
        let deployment = match &self.call.deployment {
            Some(arn) => cloud.deployment_of(arn).await?,
            None => cloud.deployment(&self.service.arn).await?,
        };
        let mut observed = Observed {
            service: self.service.clone(),
            stage: stage(&self.call, deployment.as_ref()),
            deployment,
            image: None,
            judging: seen.memory.judging.clone(),
            comparison: None,
        };
        let Some(deployment) = &observed.deployment else { return Ok(observed) };
        if observed.stage == Stage::Back {
            observed.judging = None;
            return Ok(observed);
        }
        observed.image = image(seen, &deployment.to, cloud).await?;
        let mut judging = self.judging(seen.memory, deployment, observed.stage);
        let Policy { verify, expect, verify_test, .. } = seen.policy;
        let (test, live) = (verify_test.as_slice(), verify.as_slice());
        let urls = match observed.stage {
            Stage::Tested => test,
            Stage::Shifted => live,
            _ => &[],
        };
        if !urls.is_empty() {
            judging.looks = judging.looks.again(urls, expect.as_deref(), self.at, cloud).await;
        }
        if let (Stage::Shifting(_), Some(old)) = (observed.stage, &deployment.from) {
            observed.comparison = self.compare(&judging, old, &deployment.to, cloud).await?;
            top_up(observed.comparison.as_ref(), test, cloud).await;
        }
        observed.judging = Some(judging);
        Ok(observed)
    }

    /// What is remembered of this deployment, or its beginning.
    fn judging(&self, memory: &Memory, deployment: &ServiceDeployment, stage: Stage) -> Judging {
        let step = match stage {
            Stage::Shifting(weight) => format!("{weight} % of production"),
            other => format!("{other:?}"),
        };
        let known = memory.judging.clone().filter(|judging| judging.deployment == deployment.arn);
        let mut judging = known.unwrap_or_else(|| Judging {
            deployment: deployment.arn.clone(),
            since: None,
            step: step.clone(),
            step_since: self.at,
            looks: Looks::default(),
        });
        if judging.step != step {
            judging = Judging { step, step_since: self.at, looks: Looks::default(), ..judging };
        }
        if matches!(stage, Stage::Shifting(_)) {
            judging.since.get_or_insert(self.at);
        }
        judging
    }

    /// Minute by minute, since traffic is shifted.
    async fn compare<C: Cloud>(
        &self,
        judging: &Judging,
        old: &ServiceRevision,
        new: &ServiceRevision,
        cloud: &C,
    ) -> Result<Option<Comparison>, AwsError> {
        let since = judging.since.unwrap_or(self.at);
        let groups: Vec<String> = [old, new].iter().filter_map(|side| side.target_groups.first()).cloned().collect();
        let [before, after] = groups.as_slice() else { return Ok(None) };
        let found = cloud.target_groups(&groups).await?;
        let (Some(before), Some(after)) = (found.get(before), found.get(after)) else { return Ok(None) };
        if before == after || before.balancer_dimensions().next().is_none() {
            return Ok(None);
        }
        let groups = [before.clone(), after.clone()];
        let traffic = cloud.traffic(&groups, since - BEFORE, self.at - LAG).await?;
        let [before, after] = traffic.as_slice() else { return Ok(None) };
        Ok(Some(side_by_side(before, after, whole(since), whole(judging.step_since))))
    }
}

/// The beginning of the first whole minute at or after a time.
fn whole(at: Timestamp) -> Timestamp {
    at.round((Unit::Minute, 1)).map_or(at, |rounded| if rounded < at { rounded + MINUTE } else { rounded })
}

fn side_by_side(old: &Traffic, new: &Traffic, since: Timestamp, step: Timestamp) -> Comparison {
    let minute = |traffic: &Traffic, at: &Timestamp| Minute {
        requests: traffic.requests.get(at).copied().unwrap_or_default(),
        errors: traffic.errors.get(at).copied().unwrap_or_default(),
        p90: traffic.p90.get(at).copied(),
    };
    let mut times: Vec<&Timestamp> = old.requests.keys().chain(new.requests.keys()).chain(new.errors.keys()).collect();
    times.sort_unstable();
    times.dedup();
    let mut comparison = Comparison::default();
    for at in times {
        if *at < since {
            comparison.learn(minute(old, at));
        } else {
            comparison.add(minute(old, at), minute(new, at), *at >= step);
        }
    }
    comparison
}

/// Asks the new revision where nobody else does. What it answers shows in the metrics of its target group.
async fn top_up<C: Cloud>(comparison: Option<&Comparison>, test: &[String], cloud: &C) {
    let thin = comparison.is_some_and(|comparison| {
        let is_open = matches!(comparison.finding(), Finding::Unclear { .. });
        is_open && comparison.new_per_minute() < THIN
    });
    for url in test.iter().filter(|_| thin) {
        for _ in 0..PROBES {
            cloud.answer(url, None).await;
        }
    }
}

/// Tag and digest of what a revision runs: of what is followed, or else of its first image that is pinned.
async fn image<C: Cloud>(
    seen: Seen<'_, Policy>,
    revision: &ServiceRevision,
    cloud: &C,
) -> Result<Option<(String, Digest)>, AwsError> {
    if revision.task_definition.is_empty() {
        return Ok(None);
    }
    let definition = cloud.task_definition(&revision.task_definition).await?;
    let images = definition.containers().map(|container| ImageRef::parse(container.image));
    let pinned: Vec<(String, Digest)> =
        images.filter_map(|image| Some((image.tag.unwrap_or_default(), image.digest?))).collect();
    let followed = seen.memory.following.as_ref().map(|following| &following.digest);
    let own =
        pinned.iter().find(|(_, digest)| Some(digest) == followed || seen.memory.quarantined.contains_key(digest));
    Ok(own.or(pinned.first()).cloned())
}

/// The service that a call is about; the flat form and the nested one name it in different places.
pub fn service_of(call: &HookCall) -> Arn {
    if call.service.ecs_service().is_some() {
        return call.service.clone();
    }
    let deployment = call.deployment.as_deref().unwrap_or_default();
    let service = deployment.replace(":service-deployment/", ":service/");
    Arn::new(service.rsplit_once('/').map_or("", |(service, _)| service))
}

fn stage(call: &HookCall, deployment: Option<&ServiceDeployment>) -> Stage {
    let Some(deployment) = deployment else { return Stage::Prepared };
    let name = call.stage.as_deref().unwrap_or(&deployment.stage);
    let weight = call.weight().or(deployment.to.weight);
    let is_shift = matches!(name, "PRE_PRODUCTION_TRAFFIC_SHIFT" | "PRODUCTION_TRAFFIC_SHIFT");
    match weight {
        _ if deployment.goes_back() => Stage::Back,
        // Before it shifts the first time there is none either.
        Some(weight) if weight <= 0.0 && name == "PRODUCTION_TRAFFIC_SHIFT" => Stage::Back,
        Some(weight) if is_shift && weight > 0.0 && weight < 100.0 => Stage::Shifting(weight),
        _ if name == "POST_TEST_TRAFFIC_SHIFT" => Stage::Tested,
        _ if name == "POST_PRODUCTION_TRAFFIC_SHIFT" => Stage::Shifted,
        _ => Stage::Prepared,
    }
}
