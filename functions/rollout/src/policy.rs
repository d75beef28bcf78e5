//! The tag policy of `rollout`.

use std::collections::BTreeMap;

use lamplighter::policy::{DeployPolicy, OnInconclusive, TagError};

/// The parsed tag policy of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Seconds that a rollout may take; `None` if rollouts are no longer tracked.
    pub deadline: Option<u64>,
    /// Seconds after completion during which alarms can still fail a rollout.
    pub bake: u64,
    /// The names of further alarms that can fail a rollout.
    pub alarms: Vec<String>,
    /// Seconds that each traffic step may be evaluated for.
    pub step: u64,
    /// The addresses to probe after completion, and the text that responses must contain.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// Whether paused deployments wait for an approval before traffic shifts.
    pub approve: bool,
    /// How to treat a release whose probes are inconclusive.
    pub unclear: OnInconclusive,
}

impl Policy {
    /// Parses the tags of a service; `None` if `lamplighter:deploy` is missing.
    pub(crate) fn parse(tags: &BTreeMap<String, String>) -> Result<Option<Self>, TagError> {
        let Some(deploy) = DeployPolicy::from_tags(tags)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            deadline: Some(deploy.deadline),
            bake: deploy.bake,
            step: deploy.max_step_seconds(),
            alarms: deploy.alarms,
            verify: deploy.verify,
            expect: deploy.expect,
            approve: deploy.approve,
            unclear: deploy.unclear,
        }))
    }
}
