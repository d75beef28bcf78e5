//! The input of a decision: what AWS reports about one service and the offered image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{
    CodeDeployment, Database, Digest, Image, ImageScan, Service, Snapshot, TaskDefinition,
};
use lamplighter::state::UnpinnedImage;
use serde::Serialize;

use crate::approvals::{ApprovalKeys, ApprovalProblem, RejectedImage};
use crate::container::SelectedContainer;
use crate::observed_task::{BeforeRevision, ObservedTask};
use crate::promotion::EarlierStage;

/// The input of [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// `None` if the service does not exist.
    pub service: Option<Service>,
    /// The task definition of the service's newest deployment.
    pub running: Option<TaskDefinition>,
    /// The newest CodeDeploy deployment, if CodeDeploy deploys the service.
    pub code_deployment: Option<CodeDeployment>,
    /// The container to change, or the reason why none could be selected.
    pub container: Result<SelectedContainer, String>,
    pub offer: Offer,
    /// The digests of approved images that were found now, by the key of the approval.
    pub approved: BTreeMap<String, Digest>,
    /// The approvals of the target; `None` if they were not read.
    pub approvals: Option<ApprovalKeys>,
    /// Why an approval or a rejection has no effect.
    pub approval_problems: Vec<ApprovalProblem>,
    /// The image that a person rejected.
    pub rejected: Option<RejectedImage>,
    /// The image that the tasks run before the first release; read only if the running revision names no digest.
    pub unpinned: Option<UnpinnedImage>,
    /// Whether tasks are missing or being replaced before the first release; read with `unpinned`.
    pub is_unsettled: bool,
    /// The releases of the service that comes before, if the tag sets `after=`.
    pub earlier_stage: Option<EarlierStage>,
    /// The services of the deployment group that the tag names, as `cluster/name`. `None` unless CodeDeploy deploys the
    /// service; the inner `None` if there is no such group.
    pub group_services: Option<Option<Vec<String>>>,
    /// Read only if the tag sets `scan=`.
    pub scan: Option<ImageScan>,
    /// The newest revision of the family; read only after an interrupted rollout.
    pub newest_revision: Option<TaskDefinition>,
    /// The revision of the release that should run; read only if somebody else replaced it.
    pub released: Option<TaskDefinition>,
    /// The newest revision of the family that somebody else registered; read only for `base=latest`.
    pub latest_template: Option<TaskDefinition>,
    /// The revision of a template whose settings the service lost by a rollback.
    pub unapplied_template: Option<TaskDefinition>,
    /// The pre-deployment task without a result; read only if there is one.
    pub pre_deployment: Option<ObservedTask>,
    /// The newest revision of the family of the pre-deployment task, the outer `None` if it was not read, the inner one if
    /// there is none. Read only if the task may be due.
    pub before: Option<Option<BeforeRevision>>,
    /// The databases of the application; read only if the tag sets `snapshot=yes`.
    pub databases: Vec<DatabaseSnapshots>,
}

/// A database and its manual snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseSnapshots {
    pub database: Database,
    pub snapshots: Vec<Snapshot>,
}

/// The image that the registry offers for a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Offer {
    Image {
        image: Image,
        pushed_at: Option<Timestamp>,
    },
    /// No tag matches the policy. The repository has these tags, the newest first.
    NoTag(Vec<String>),
    /// Every matching tag is quarantined or superseded.
    Closed,
    /// The pushed tag is older by version than the one that runs.
    Older {
        tag: String,
        digest: Digest,
    },
    NoRepository,
    /// The event is not about an image.
    NotApplicable,
}

impl Observed {
    pub(crate) fn for_missing_service() -> Self {
        Self {
            service: None,
            code_deployment: None,
            running: None,
            container: Err("the service does not exist".to_owned()),
            offer: Offer::NotApplicable,
            approved: BTreeMap::new(),
            approvals: None,
            approval_problems: Vec::new(),
            rejected: None,
            unpinned: None,
            is_unsettled: false,
            earlier_stage: None,
            group_services: None,
            scan: None,
            newest_revision: None,
            released: None,
            latest_template: None,
            unapplied_template: None,
            pre_deployment: None,
            before: None,
            databases: Vec::new(),
        }
    }

    /// Returns the digest of the platform image in an image index that the service's tasks would
    /// run.
    #[must_use]
    pub fn image_to_run<'a>(&self, image: &'a Image) -> Option<&'a Digest> {
        let running = self.running.as_ref()?;
        let fitting = image
            .platforms
            .iter()
            .flatten()
            .find(|child| running.supports_platform(&child.platform))?;
        Some(&fitting.digest)
    }

    /// Reports whether every managed container runs the image with this digest, pinned by it.
    #[must_use]
    pub fn runs_everywhere(&self, digest: &Digest) -> bool {
        self.container
            .as_ref()
            .is_ok_and(|container| container.runs_everywhere(digest))
    }

    /// Reports whether the tasks run the image, although their revision names no digest.
    #[must_use]
    pub fn runs_unpinned(&self, image: &Image) -> bool {
        let Some(unpinned) = &self.unpinned else {
            return false;
        };
        let mut platforms = image.platforms.iter().flatten().filter(|child| {
            let running = self.running.as_ref();
            running.is_some_and(|running| running.supports_platform(&child.platform))
        });
        unpinned.digest == image.digest || platforms.any(|child| child.digest == unpinned.digest)
    }

    /// Returns the digest of the offered image, if the tasks run it although their revision names no digest.
    #[must_use]
    pub fn find_unpinned_tag(&self) -> Option<Digest> {
        match &self.offer {
            Offer::Image { image, .. } if self.runs_unpinned(image) => Some(image.digest.clone()),
            Offer::Image { .. }
            | Offer::NoTag(_)
            | Offer::Closed
            | Offer::Older { .. }
            | Offer::NoRepository
            | Offer::NotApplicable => None,
        }
    }

    /// Returns the digest that the service runs or is rolling out, if its image is pinned by
    /// digest.
    #[must_use]
    pub fn running_digest(&self) -> Option<Digest> {
        self.container
            .as_ref()
            .ok()
            .and_then(|container| container.running_image().digest)
    }
}
