//! What a judgement needs to know of one deployment.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, Unit};
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::event::detail::hook::{CodeDeployHook, HookCall};
use lamplighter::model::{
    Arn, CodeTarget, Digest, ImageRef, Service, ServiceDeployment, ServiceRevision, Traffic,
};
use lamplighter::ports::cloud::Cloud;
use lamplighter::release::probe::probe_if_due;
use lamplighter::state::ProbeStreak;
use lamplighter::state::{Judging, Memory};
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
    /// It is asked, and not said at what.
    Unknown,
    /// The test listener leads to the new revision.
    Tested,
    /// Production traffic goes to both: so many per cent of it to the new one.
    Shifting(f64),
    /// All of it goes to the new one.
    Shifted,
    /// It goes back to the old one.
    Back,
}

/// What is asked.
#[derive(Debug, Clone)]
pub enum Question {
    Ecs(HookCall),
    /// And what it is about.
    CodeDeploy(CodeDeployHook, CodeTarget),
    /// What CodeDeploy has asked before, and still waits for.
    Again,
}

/// A question, and the services it is about.
#[derive(Debug)]
pub struct Survey {
    question: Question,
    services: BTreeMap<Arn, Service>,
    at: Timestamp,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    /// `None` where the service is gone.
    pub service: Option<Service>,
    pub stage: Stage,
    /// What the new revision runs, where that is pinned: tag and digest.
    pub image: Option<(String, Digest)>,
    /// What is asked about; `None` where nothing is known of it, or it goes back.
    pub judging: Option<Judging>,
    /// Both revisions side by side, where both have traffic.
    pub comparison: Option<Comparison>,
}

impl Survey {
    pub(crate) fn new(question: Question, services: Vec<Service>, at: Timestamp) -> Self {
        Self {
            question,
            services: services
                .into_iter()
                .map(|service| (service.arn.clone(), service))
                .collect(),
            at,
        }
    }

    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let asked = self.asked(seen.memory, arn, cloud).await?;
        let service = self.services.get(arn).cloned();
        let stage = asked.as_ref().map_or(Stage::Prepared, |asked| asked.stage);
        let mut observed = Observed {
            service,
            stage,
            image: None,
            judging: None,
            comparison: None,
        };
        let Some(asked) = asked else {
            return Ok(observed);
        };
        let stage = if returns(seen.memory, &asked) {
            Stage::Back
        } else {
            stage
        };
        observed.stage = stage;
        if stage == Stage::Back && asked.execution.is_none() {
            return Ok(observed);
        }
        let mut judging = self.judging(seen.memory, &asked);
        if !seen.policy.judges || stage == Stage::Back {
            observed.judging = Some(judging);
            return Ok(observed);
        }
        observed.image = image(seen, &asked, cloud).await?;
        let Policy {
            verify,
            expect,
            verify_test,
            ..
        } = seen.policy;
        let (test, live) = (verify_test.as_slice(), verify.as_slice());
        let urls = match stage {
            Stage::Tested => test,
            Stage::Shifted => live,
            _ => &[],
        };
        if !urls.is_empty() {
            judging.looks =
                probe_if_due(&judging.looks, urls, expect.as_deref(), self.at, cloud).await;
        }
        if let (Stage::Shifting(_), Some(old)) = (stage, &asked.old) {
            observed.comparison = self.compare(&judging, old, &asked.new, cloud).await?;
            top_up(observed.comparison.as_ref(), test, cloud).await;
        }
        observed.judging = Some(judging);
        Ok(observed)
    }

    /// What is asked about a service; `None` where nobody waits for an answer about anything that is known.
    async fn asked<C: Cloud>(
        &self,
        memory: &Memory,
        service: &Arn,
        cloud: &C,
    ) -> Result<Option<Asked>, AwsError> {
        let (id, execution, target) = match &self.question {
            Question::Ecs(call) => {
                let deployment = match &call.deployment {
                    Some(arn) => cloud.deployment_of(arn).await?,
                    None => cloud.deployment(service).await?,
                };
                return Ok(deployment.map(|deployment| Asked::by_ecs(call, deployment)));
            }
            Question::CodeDeploy(call, target) => (
                call.deployment_id.clone(),
                call.lifecycle_event_hook_execution_id.clone(),
                Some(target.clone()),
            ),
            Question::Again => {
                let judging = memory.judging.clone();
                let Some((id, execution)) =
                    judging.and_then(|judging| Some((judging.deployment, judging.execution?)))
                else {
                    return Ok(None);
                };
                let target = cloud.code_target(&id).await?;
                (id, execution, target)
            }
        };
        let deployment = cloud
            .code_deployment(&id)
            .await?
            .filter(|deployment| !deployment.is_over());
        Ok(deployment.zip(target).map(|(deployment, target)| Asked {
            stage: match target.stage.as_str() {
                _ if deployment.is_rollback => Stage::Back,
                "AfterAllowTestTraffic" => Stage::Tested,
                "AfterAllowTraffic" => Stage::Shifted,
                "" => Stage::Unknown,
                _ => Stage::Prepared,
            },
            deployment: deployment.id,
            execution: Some(execution),
            old: None,
            new: ServiceRevision::default(),
        }))
    }

    /// What is remembered of this deployment, or its beginning.
    fn judging(&self, memory: &Memory, asked: &Asked) -> Judging {
        let step = match asked.stage {
            Stage::Shifting(weight) => format!("{weight} % of production"),
            other => format!("{other:?}"),
        };
        let known = memory
            .judging
            .clone()
            .filter(|judging| judging.deployment == asked.deployment);
        let mut judging = known.unwrap_or_else(|| Judging {
            deployment: asked.deployment.clone(),
            execution: None,
            since: None,
            step: step.clone(),
            step_since: self.at,
            failed: false,
            looks: ProbeStreak::default(),
        });
        if judging.step != step {
            judging = Judging {
                step,
                step_since: self.at,
                looks: ProbeStreak::default(),
                ..judging
            };
        }
        if matches!(asked.stage, Stage::Shifting(_)) {
            judging.since.get_or_insert(self.at);
        }
        Judging {
            execution: asked.execution.clone(),
            ..judging
        }
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
        let groups: Vec<String> = [old, new]
            .iter()
            .filter_map(|side| side.target_groups.first())
            .cloned()
            .collect();
        let [before, after] = groups.as_slice() else {
            return Ok(None);
        };
        let found = cloud.target_groups(&groups).await?;
        let (Some(before), Some(after)) = (found.get(before), found.get(after)) else {
            return Ok(None);
        };
        if before == after || before.balancer_dimensions().next().is_none() {
            return Ok(None);
        }
        let groups = [before.clone(), after.clone()];
        let traffic = cloud
            .traffic(&groups, since - BEFORE, self.at - LAG)
            .await?;
        let [before, after] = traffic.as_slice() else {
            return Ok(None);
        };
        Ok(Some(side_by_side(
            before,
            after,
            whole(since),
            whole(judging.step_since),
        )))
    }
}

/// A way back that was begun from here is no release, and neither is a restart of what runs.
fn returns(memory: &Memory, asked: &Asked) -> bool {
    let new = &asked.new.task_definition;
    let is_restart = asked
        .old
        .as_ref()
        .is_some_and(|old| !new.is_empty() && old.task_definition == *new);
    is_restart
        || memory
            .returning
            .as_ref()
            .is_some_and(|way| way.to.as_ref() == Some(new))
}

/// Who asks about what.
struct Asked {
    deployment: String,
    /// The identifier of CodeDeploy's question.
    execution: Option<String>,
    stage: Stage,
    old: Option<ServiceRevision>,
    new: ServiceRevision,
}

impl Asked {
    fn by_ecs(call: &HookCall, deployment: ServiceDeployment) -> Self {
        let stage = stage(call, &deployment);
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

/// The beginning of the first whole minute at or after a time.
fn whole(at: Timestamp) -> Timestamp {
    at.round((Unit::Minute, 1)).map_or(at, |rounded| {
        if rounded < at {
            rounded + MINUTE
        } else {
            rounded
        }
    })
}

fn side_by_side(old: &Traffic, new: &Traffic, since: Timestamp, step: Timestamp) -> Comparison {
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

/// Tag and digest of what is deployed: of what is followed, or else of the first image that the old revision does not run.
/// An image that it does run is not to blame.
async fn image<C: Cloud>(
    seen: Seen<'_, Policy>,
    asked: &Asked,
    cloud: &C,
) -> Result<Option<(String, Digest)>, AwsError> {
    let following = seen.memory.following.as_ref();
    if asked.execution.is_some() {
        // CodeDeploy does not say what it deploys.
        let own = following.filter(|f| {
            f.deployment
                .as_ref()
                .is_none_or(|deployment| *deployment == asked.deployment)
        });
        return Ok(own.map(|following| (following.tag.clone(), following.digest.clone())));
    }
    let mut new = pinned(&asked.new.task_definition, cloud).await?;
    if let Some(old) = &asked.old {
        let old = pinned(&old.task_definition, cloud).await?;
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

/// Tags and digests of the images of a revision that have a digest.
async fn pinned<C: Cloud>(revision: &str, cloud: &C) -> Result<Vec<(String, Digest)>, AwsError> {
    if revision.is_empty() {
        return Ok(Vec::new());
    }
    let definition = cloud.task_definition(revision).await?;
    let images = definition
        .containers()
        .map(|container| ImageRef::parse(container.image));
    Ok(images
        .filter_map(|image| Some((image.tag.unwrap_or_default(), image.digest?)))
        .collect())
}

fn stage(call: &HookCall, deployment: &ServiceDeployment) -> Stage {
    let name = call.stage.as_deref().unwrap_or(&deployment.stage);
    let weight = call.weight().or(deployment.to.weight);
    let is_shift = matches!(
        name,
        "PRE_PRODUCTION_TRAFFIC_SHIFT" | "PRODUCTION_TRAFFIC_SHIFT"
    );
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
