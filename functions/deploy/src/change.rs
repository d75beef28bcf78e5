//! What somebody else made the service run, and what follows.
//!
//! | the service runs, instead of its release | taken for | Lamplighter |
//! |---|---|---|
//! | an earlier revision that Lamplighter registered, or one with a pinned image | a rollback | rejects the release and stays |
//! | a revision of somebody else with an image that a template named before, or an older version | a template | deploys the release on that revision |
//! | a revision of somebody else with another image | a hotfix | leaves it until the next push |

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::Digest;
use lamplighter::plan::{Action, RecordResult, ReleaseAction, ReleaseResult, Step};

use crate::candidate::Candidate;
use crate::messages;

/// How long after a rollout began its revision may be registered.
const REGISTRATION_DELAY: SignedDuration = SignedDuration::from_mins(2);

/// A change of the running revision that Lamplighter did not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A person or ECS put the service back on an earlier revision of Lamplighter.
    Rollback,
    /// A template registered a revision: it changes everything but the image.
    Template,
    /// A person deployed another image.
    Hotfix,
}

impl Candidate<'_> {
    /// Returns how the service came to run something else than its release. `None` if it runs its release, or has none.
    pub fn find_change(&self) -> Option<Change> {
        let expected = self.expected_release()?;
        if self.observed.running_digest().as_ref() == Some(expected) {
            return None;
        }
        Some(self.classify_change())
    }

    /// Reports whether the offered image is the one that the service should run already.
    pub fn is_expected(&self) -> bool {
        self.expected_release() == Some(&self.image.digest)
    }

    /// Returns the digest of the release that should run; `None` while `rollout` tracks one.
    fn expected_release(&self) -> Option<&Digest> {
        let releases = &self.context.state.releases;
        let is_tracked = releases
            .active_rollout
            .as_ref()
            .is_some_and(|active| self.is_within_deadline(active.at));
        releases.current.as_ref().filter(|_| !is_tracked)
    }

    fn classify_change(&self) -> Change {
        if self.is_earlier_revision() || self.is_base_of_unverified() {
            return Change::Rollback;
        }
        if self.is_template_image() || self.is_older_version() {
            Change::Template
        } else {
            Change::Hotfix
        }
    }

    /// Reports whether the running revision is older than our last rollout and pins its image, as no template does that
    /// names a tag. A revision that somebody copied from one of ours is newer.
    fn is_earlier_revision(&self) -> bool {
        let image = self.container.running_image();
        let is_pinned = self.running.is_lamplighter_revision() || image.digest.is_some();
        if !is_pinned || self.is_template_image() {
            return false;
        }
        let registered = self.running.registration().map(|(at, _)| at);
        let last = self.context.state.last_rollout().map(|last| last.at);
        match (registered, last) {
            (Some(registered), Some(last)) => registered <= last + REGISTRATION_DELAY,
            (Some(_) | None, _) => true,
        }
    }

    /// Reports whether the service runs what ran before a release that has no result yet.
    fn is_base_of_unverified(&self) -> bool {
        let active = self.context.state.releases.active_rollout.as_ref();
        active.is_some_and(|active| active.base == self.running.arn())
    }

    /// Reports whether a template named the running image before.
    fn is_template_image(&self) -> bool {
        let templates = &self.context.state.releases.template_images;
        templates.contains(&self.container.image)
    }

    /// Reports whether the running image is an older version from the tracked repository.
    fn is_older_version(&self) -> bool {
        let running = self.container.running_image();
        let Some(tag) = running.tag else {
            return false;
        };
        let follows = &self.context.policy.deploy.follows;
        running.repository.name == self.container.repository.name
            && follows
                .compare_tags(&tag, &self.image.tag)
                .is_some_and(|order| !order.is_gt())
    }

    /// Holds a release that a person took back or replaced. A template is no reason to hold it.
    pub fn check_change(&self) -> Option<Plan> {
        if !self.is_expected() {
            return None;
        }
        match self.find_change()? {
            Change::Template => None,
            Change::Hotfix => Some(Plan::notify(messages::hotfix_kept(
                self.image,
                &self.running_label(),
                self.running,
                self.context.state.is_approval_used(&self.image.digest),
            ))),
            Change::Rollback => self.build_rejection().map(|step| Plan {
                reason: step.reason.clone(),
                steps: vec![step],
                ..Plan::nothing("")
            }),
        }
    }

    /// Builds the step that rejects the release which should run and was rolled back by others; `None` if none was.
    pub fn build_rejection(&self) -> Option<Step> {
        if self.find_change()? != Change::Rollback {
            return None;
        }
        let state = self.context.state;
        let digest = self.expected_release()?.clone();
        let tag = state
            .find_release_tag(&digest)
            .map_or_else(|| digest.short_digest(), str::to_owned);
        let message = messages::release_rolled_back(
            (&tag, &digest),
            &self.running_label(),
            self.running.family_and_revision(),
            state.rollout_start(&digest),
            self.now,
            state.is_approval_used(&digest),
        );
        let record = RecordResult {
            service: self.service.arn.clone(),
            digest,
            tag,
            // An image that is pushed after the rollback may be its fix.
            candidates_after: self
                .service
                .primary_deployment()
                .and_then(|primary| primary.created_at),
            runs_instead: self.observed.running_digest(),
            result: ReleaseResult::Rejected {
                reason: format!(
                    "ECS or a person rolled it back before {}",
                    self.now.strftime("%F %H:%M UTC")
                ),
            },
        };
        Some(Step {
            action: Action::Release(ReleaseAction::RecordResult(record)),
            reason: message.title.clone(),
            message: Some(message),
        })
    }
}
