//! What somebody else made the service run, and what follows.
//!
//! | the service runs, instead of its release | taken for | Lamplighter |
//! |---|---|---|
//! | an earlier revision that Lamplighter registered, or one with a pinned image | a rollback | rejects the release and stays |
//! | a revision of somebody else with an image that a template named before, or an older version | a template | deploys the release on that revision |
//! | a revision of somebody else with another image | a hotfix | leaves it until the next push |

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::{Digest, Image};
use lamplighter::plan::{Action, HoldKind, RecordResult, ReleaseAction, ReleaseResult, Step};

use crate::candidate::Candidate;
use crate::change_messages;

/// How long DescribeServices may return stale state after an update.
const CONSISTENCY_DELAY: SignedDuration = SignedDuration::from_mins(2);
/// How long after a rollout began its revision may be registered.
const REGISTRATION_DELAY: SignedDuration = SignedDuration::from_mins(5);

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
    /// Returns how the service came to run something else than its release. `None` if it runs its release, has none, or is
    /// about to be put back on it.
    pub fn find_change(&self) -> Option<Change> {
        let expected = self.expected_release()?;
        let running = self.observed.running_digest();
        if running.as_ref() == Some(expected) || self.is_being_rolled_back() {
            return None;
        }
        Some(self.classify_change())
    }

    /// Reports whether ECS still shows a release that was just rolled back or rejected.
    fn is_being_rolled_back(&self) -> bool {
        let state = self.context.state;
        let rollback = state.releases.active_rollback.as_ref();
        let is_fresh = rollback
            .is_some_and(|rollback| self.now.duration_since(rollback.at) < CONSISTENCY_DELAY);
        let last = state.last_rollout().and_then(|last| last.digest.as_ref());
        let running = self.observed.running_digest();
        let shows_last = running.is_some_and(|running| {
            state.releases.quarantined.contains_key(&running) || last == Some(&running)
        });
        is_fresh || shows_last
    }

    /// Reports whether the offered image is the one that the service should run already.
    pub fn is_expected(&self) -> bool {
        self.expected_release() == Some(&self.image.digest)
    }

    /// Returns the digest of the release that should run; `None` while `rollout` tracks one.
    fn expected_release(&self) -> Option<&Digest> {
        let releases = &self.context.state.releases;
        let current = releases.current.as_ref();
        current.filter(|_| releases.active_rollout.is_none())
    }

    fn classify_change(&self) -> Change {
        if self.is_earlier_revision() {
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
        let is_pinned =
            self.container.running_image().digest.is_some() && !self.is_template_image();
        if !self.running.is_lamplighter_revision() && !is_pinned {
            return false;
        }
        let registered = self.running.registration().map(|(at, _)| at);
        let last = self.context.state.last_rollout().map(|last| last.at);
        match (registered, last) {
            (Some(registered), Some(last)) => registered <= last + REGISTRATION_DELAY,
            (Some(_) | None, _) => true,
        }
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
                .is_some_and(|order| order.is_lt() || order.is_eq() && running.digest.is_none())
    }

    /// Holds a release that a person took back or replaced, and any image that was pushed before that. A template is no
    /// reason to hold one.
    pub fn check_change(&self) -> Option<Plan> {
        let primary = self.service.primary_deployment();
        let changed_at = primary.and_then(|primary| primary.created_at);
        let is_earlier_push = self
            .pushed_at
            .zip(changed_at)
            .is_some_and(|(pushed, changed)| pushed < changed);
        if !self.is_expected() && !is_earlier_push {
            return None;
        }
        match self.find_change()? {
            Change::Template => None,
            Change::Hotfix => Some(
                Plan::notify(change_messages::hotfix_kept(
                    self.image,
                    &self.running_label(),
                    self.running,
                    self.context.state.is_approval_used(&self.image.digest),
                ))
                .with_hold(HoldKind::Hotfix),
            ),
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
        let started = state.rollout_start(&digest);
        let message = change_messages::release_rolled_back(
            (&tag, &digest),
            &self.running_label(),
            self.running.family_and_revision(),
            started,
            self.now,
            state.is_approval_used(&digest),
        );
        let result = ReleaseResult::Rejected {
            reason: format!(
                "ECS or a person rolled it back before {}",
                self.now.strftime("%F %H:%M UTC")
            ),
        };
        let record = RecordResult {
            // An image that is pushed after the rollback may be its fix.
            candidates_after: self
                .service
                .primary_deployment()
                .and_then(|primary| primary.created_at)
                .max(started),
            runs_instead: self.observed.running_digest(),
            ..RecordResult::new(&self.service.arn, &digest, &tag, result)
        };
        Some(Step {
            action: Action::Release(ReleaseAction::RecordResult(record)),
            reason: message.title.clone(),
            message: Some(message),
        })
    }

    /// Plans the release that should run once more, if a template replaced it while another image is held.
    pub fn plan_repetition(&self) -> Option<Plan> {
        if self.is_expected() || self.find_change()? != Change::Template {
            return None;
        }
        let digest = self.expected_release()?.clone();
        let image = Image {
            tag: self.context.state.find_release_tag(&digest)?.to_owned(),
            digest,
            platforms: None,
            commit: None,
        };
        let current = Candidate {
            image: &image,
            pushed_at: None,
            ..*self
        };
        match current.check_holds() {
            None => Some(current.plan_rollout()),
            Some(_) => None,
        }
    }
}
