//! Observation: the AWS state that a verdict about one deployment needs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Service};
use lamplighter::release::probe::probe_if_due;
use lamplighter::state::{PendingVerdict, ProbeStreak, TargetState};

use crate::hook::{HookRequest, HookedDeployment};
use crate::image;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::reads::Reads;
use crate::stage::HookStage;
use crate::traffic;

/// A hook, and the services that it concerns, read in advance.
#[derive(Debug)]
pub struct Prefetched {
    request: HookRequest,
    services: BTreeMap<Arn, Service>,
    at: Timestamp,
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
        let mut observed = Observed {
            service: self.services.get(arn).cloned(),
            stage: HookStage::Prepared,
            image: None,
            pending_verdict: None,
            comparison: None,
        };
        let Some(hooked) = self
            .request
            .find_deployment(context.state, arn, cloud)
            .await?
        else {
            return Ok(observed);
        };
        observed.stage = if hooked.is_rollback_or_restart(context.state) {
            HookStage::RollingBack
        } else {
            hooked.stage
        };
        if observed.stage == HookStage::RollingBack && hooked.execution.is_none() {
            return Ok(observed);
        }
        let mut verdict = self.pending_verdict(context.state, &hooked);
        if context.policy.enabled && observed.stage != HookStage::RollingBack {
            self.read_evidence(&mut observed, &mut verdict, context, &hooked, cloud)
                .await?;
        }
        observed.pending_verdict = Some(verdict);
        Ok(observed)
    }

    /// Reads the deployed image, probes its addresses and compares its traffic, as far as the stage
    /// allows.
    async fn read_evidence<C: Reads>(
        &self,
        observed: &mut Observed,
        verdict: &mut PendingVerdict,
        context: TargetContext<'_, Policy>,
        hooked: &HookedDeployment,
        cloud: &C,
    ) -> Result<(), AwsError> {
        observed.image = image::find_image(context, hooked, cloud).await?;
        let policy = context.policy;
        let urls = urls_to_probe(policy, observed.stage);
        if !urls.is_empty() {
            let expect = policy.expect.as_deref();
            verdict.probe_streak =
                probe_if_due(&verdict.probe_streak, urls, expect, self.at, cloud).await;
        }
        if let (HookStage::Shifting(_), Some(old)) = (observed.stage, &hooked.old) {
            observed.comparison =
                traffic::compare_traffic(verdict, old, &hooked.new, self.at, cloud).await?;
            let urls = policy.verify_test.as_slice();
            traffic::send_test_requests(observed.comparison.as_ref(), urls, cloud).await;
        }
        Ok(())
    }

    /// Returns the stored verdict state of this deployment, or a new one.
    fn pending_verdict(&self, state: &TargetState, hooked: &HookedDeployment) -> PendingVerdict {
        let step = hooked.stage.step_key();
        let stored = state
            .releases
            .pending_verdict
            .clone()
            .filter(|verdict| verdict.deployment == hooked.deployment);
        let mut verdict = stored.unwrap_or_else(|| PendingVerdict {
            deployment: hooked.deployment.clone(),
            execution: None,
            since: None,
            step: step.clone(),
            step_since: self.at,
            failed: false,
            probe_streak: ProbeStreak::default(),
        });
        if verdict.step != step {
            verdict.step = step;
            verdict.step_since = self.at;
            verdict.probe_streak = ProbeStreak::default();
        }
        if hooked.stage.is_shifting() {
            verdict.since.get_or_insert(self.at);
        }
        verdict.execution.clone_from(&hooked.execution);
        verdict
    }
}

/// Returns the addresses to probe in a stage.
fn urls_to_probe(policy: &Policy, stage: HookStage) -> &[String] {
    match stage {
        HookStage::Tested => policy.verify_test.as_slice(),
        HookStage::Shifted => &policy.verify,
        HookStage::Prepared
        | HookStage::Unknown
        | HookStage::Shifting(_)
        | HookStage::RollingBack => &[],
    }
}
