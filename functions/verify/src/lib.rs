//! `verify`: a deployment that shifts traffic asks whether it may go on. It is judged at the test listener before
//! production traffic moves, and after each step by what the new revision does beside the old one.
//!
//! Called by ECS, as a deployment lifecycle hook. Whatever happens, it is answered in the form that ECS reads: anything
//! else would take the deployment back.

mod decide;
pub mod sequential;
mod survey;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::arbiter::TargetState;
use lamplighter::cloud::{Cloud, Verdicts};
use lamplighter::detail::Detail;
use lamplighter::ledger::Ledger;
use lamplighter::memory::Memory;
use lamplighter::model::Tagged;
use lamplighter::operation::{Search, Seen, Targets};
use lamplighter::plan::{Action, HookStatus};
use lamplighter::policy::{DEPLOY, DeployPolicy, StackDefaults, TagError, Unclear};
use lamplighter::{AwsError, Error, Operation, Plan};
use serde_json::{Value, json};

pub use decide::decide;
pub use survey::{Observed, Stage, Survey};

pub struct Verify;

/// What the operator wants of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// What it must answer on once it carries production traffic, and with what in it.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// The same at the test listener.
    pub verify_test: Option<String>,
    /// Seconds that one step may be looked at.
    pub step: u64,
    /// What becomes of what nobody can say anything about.
    pub unclear: Unclear,
}

/// Seconds until ECS asks again.
const SOON: u32 = 15;
const LATER: u32 = 30;

impl Operation for Verify {
    const NAME: &'static str = "verify";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Verdicts;

    async fn targets<C: Cloud, L: Ledger>(&self, search: Search<'_, C, L>) -> Result<Targets<Survey>, AwsError> {
        let Detail::Hook(call) = &search.event.detail else {
            return Ok(Targets::not_for("verify", &search.event.detail));
        };
        let service = survey::service_of(call);
        let Some(service) = search.cloud.services(std::slice::from_ref(&service)).await?.into_iter().next() else {
            return Ok(Targets::None(format!("{} does not exist", service.name())));
        };
        let target = Tagged { arn: service.arn.clone(), tags: service.tags.clone() };
        Ok(Targets::These(vec![target], Survey::new(call.clone(), service, search.now)))
    }

    fn policy(&self, tags: &BTreeMap<String, String>, _: &StackDefaults) -> Result<Option<Policy>, TagError> {
        let deploy = tags.get(DEPLOY).map(|value| DeployPolicy::parse(value)).transpose()?;
        Ok(deploy.map(|deploy| Policy {
            step: deploy.step(),
            verify: deploy.verify,
            expect: deploy.expect,
            verify_test: deploy.verify_test,
            unclear: deploy.unclear,
        }))
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
        TargetState::from(&observed.service)
    }

    fn in_effect(_: &Action, _: &Observed) -> bool {
        false
    }

    fn forget(memory: &mut Memory, observed: &Observed) {
        memory.judging.clone_from(&observed.judging);
    }

    fn reply(&self, payload: &Value, result: Result<Value, Error>) -> Result<Value, Error> {
        let is_call = payload.get("detail-type").is_none() && payload.get("Records").is_none();
        if !is_call {
            return result;
        }
        match result {
            Ok(value) => {
                let hook = value.pointer("/targets/0/hook").filter(|hook| !hook.is_null()).cloned();
                Ok(hook.unwrap_or_else(|| json!(HookStatus::Succeeded)))
            }
            // Nobody can judge what can't be read, and a later call reads no better.
            Err(Error::MalformedEvent(error)) => {
                tracing::error!(error = %error, "a call that can't be read is answered with SUCCEEDED");
                Ok(json!(HookStatus::Succeeded))
            }
            Err(_) => Ok(json!(HookStatus::InProgress { call_back_delay: SOON })),
        }
    }
}
