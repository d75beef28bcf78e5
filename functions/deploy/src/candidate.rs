//! An image that the registry offers to one service.

use jiff::Timestamp;
use lamplighter::engine::TargetContext;
use lamplighter::model::{CodeDeployGroup, Image, Service, TaskDefinition};
use lamplighter::release::approval::{self, Approval};

use crate::container::SelectedContainer;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::{code_deploy, shift};

/// An image offered to one service, with all that decides whether it is rolled out now.
pub struct Candidate<'a> {
    pub context: TargetContext<'a, Policy>,
    pub observed: &'a Observed,
    pub service: &'a Service,
    pub running: &'a TaskDefinition,
    pub container: &'a SelectedContainer,
    pub image: &'a Image,
    pub pushed_at: Option<Timestamp>,
    pub now: Timestamp,
}

impl Candidate<'_> {
    /// Formats tag and digest of the image: `RC_1.4.2 (sha256:ab12cd34)`.
    pub fn label(&self) -> String {
        format!("{} ({})", self.image.tag, self.image.digest.short_digest())
    }

    /// Formats the version that runs now: its tag, else its digest.
    pub fn running_label(&self) -> String {
        self.container.running_image().version_label()
    }

    /// Reports whether a person approved the image.
    pub fn is_approved(&self) -> bool {
        let (tags, state) = (&self.context.target.tags, self.context.state);
        approval::is_approved(tags, state, &self.image.tag, &self.image.digest)
    }

    /// Returns the approval of the image that no rollout has used.
    pub fn open_approval(&self) -> Option<Approval> {
        let (tags, state) = (&self.context.target.tags, self.context.state);
        approval::find_open_approval(tags, state, &self.image.tag, &self.image.digest)
    }

    /// Reports whether a person approved the digest, and no rollout has used the approval.
    pub fn has_open_approval(&self) -> bool {
        self.open_approval().is_some()
    }

    /// Returns the CodeDeploy group for the rollout, if CodeDeploy deploys the service.
    pub fn deployment_group(&self) -> Option<CodeDeployGroup> {
        code_deploy::find_deployment_group(
            &self.context.policy.deploy,
            self.service,
            self.observed.code_deployment.as_ref(),
        )
    }

    /// Returns the strategy that ECS will use for the rollout.
    pub fn effective_strategy(&self) -> &str {
        shift::find_requested_shift(self.context.policy, self.service)
            .map_or(self.service.strategy.as_str(), |shift| {
                shift.strategy.as_str()
            })
    }
}
