//! The tag policy of `verify`.

use std::collections::BTreeMap;

use lamplighter::policy::{
    self, DeployPolicy, Managed, Mode, OnInconclusive, StackDefaults, TagError,
};

/// The parsed tag policy of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Whether deployments are verified; if not, all of them proceed.
    pub enabled: bool,
    /// The addresses to probe once the release has production traffic, and the text that responses
    /// must contain.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// The address to probe at the test listener.
    pub verify_test: Option<String>,
    /// Seconds that one step may be evaluated for.
    pub step: u64,
    /// How to treat an inconclusive result.
    pub unclear: OnInconclusive,
}

impl Policy {
    /// Parses the tags of a service; `None` if its deployments are not to be verified.
    pub(crate) fn parse(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        let Some(deploy) = DeployPolicy::from_tags(tags)? else {
            return Ok(None);
        };
        let acts = policy::parse_managed(tags) == Ok(Managed::Act) && defaults.mode == Mode::Act;
        if !acts {
            return Ok(None);
        }
        Ok(Some(Self {
            enabled: true,
            step: deploy.max_step_seconds(),
            verify: deploy.verify,
            expect: deploy.expect,
            verify_test: deploy.verify_test,
            unclear: deploy.unclear,
        }))
    }
}
