//! `rollout`: what `deploy` rolls out is followed until it is known how it ended. What ended well is remembered as a
//! revision to go back to; what went back or hangs is not rolled out again.
//!
//! Triggers: deployment and hook events of ECS, those of CodeDeploy, a tag that approves, and a sweep every minute over the services that are
//! followed.

mod code_deploy;
mod decide;
#[cfg(test)]
mod decide_tests;
mod survey;
mod targets;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{DEPLOY, DeployPolicy, StackDefaults, TagError, Unclear};
use lamplighter::ports::cloud::{Cloud, Revisions};
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::Memory;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::{Stage, decide};
pub use survey::{Observed, Survey};

pub struct Follow;

/// What the operator wants of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Seconds that a rollout may take; `None` where nothing is followed any more.
    pub deadline: Option<u64>,
    /// Seconds that alarms may still speak against a rollout that is completed.
    pub bake: u64,
    /// Seconds that each step may be judged for where traffic is shifted.
    pub step: u64,
    /// What it must answer on once it is completed, and with what in it.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// A person lets deployments go on that wait before traffic is shifted.
    pub approve: bool,
    /// What becomes of what nobody can say anything about.
    pub unclear: Unclear,
}

impl Operation for Follow {
    const NAME: &'static str = "rollout";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Revisions;

    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<Survey>, AwsError> {
        targets::targets(search).await
    }

    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let deploy = tags
            .get(DEPLOY)
            .map(|value| DeployPolicy::parse(value))
            .transpose()?;
        let Some(deploy) = deploy else {
            return Ok(self.tidying(defaults));
        };
        let step = deploy.step();
        let DeployPolicy {
            deadline,
            bake,
            verify,
            expect,
            approve,
            unclear,
            ..
        } = deploy;
        Ok(Some(Policy {
            deadline: Some(deadline),
            bake,
            step,
            verify,
            expect,
            approve,
            unclear,
        }))
    }

    fn tidying(&self, _: &StackDefaults) -> Option<Policy> {
        Some(Policy::default())
    }

    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        survey: &Survey,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        survey.of(seen, cloud).await
    }

    fn decide(&self, seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
        decide(seen, observed, now)
    }

    fn state(observed: &Observed) -> TargetState {
        let down = (!observed.down.is_empty()).then(|| observed.down.join(", "));
        let state = observed
            .service
            .as_ref()
            .map_or_else(TargetState::missing, TargetState::from);
        TargetState { down, ..state }
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::GoBack(back) => observed
                .service
                .as_ref()
                .is_some_and(|s| s.task_definition == back.to),
            _ => false,
        }
    }

    fn forget(memory: &mut Memory, observed: &Observed) {
        if observed
            .service
            .as_ref()
            .is_none_or(|service| service.status == "INACTIVE")
        {
            memory.following = None;
        }
        if observed.has_returned {
            memory.returning = None;
        }
        // A person's time is not the release's.
        if let (Some(following), Some(at)) = (&mut memory.following, observed.waits_at) {
            following.at = at;
        }
        if let (Some(following), Some(looks)) = (&mut memory.following, &observed.looks) {
            following.looks = looks.clone();
        }
    }

    fn watches(seen: Seen<'_, Policy>, _: &Observed, _: &Plan) -> bool {
        seen.memory.following.is_some() || seen.memory.returning.is_some()
    }
}
