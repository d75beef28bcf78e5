//! The rollout of an image.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::event::detail::Detail;
use lamplighter::model::{ImageRef, TaskDefinition};
use lamplighter::plan::{Action, PinRevision, ReleaseAction, Rollout, Step, TrafficShiftSettings};
use lamplighter::policy::{self, TagSelector};

use crate::candidate::Candidate;
use crate::change::Change;
use crate::messages::format_age;
use crate::shift;

/// The age of a deployment from which its tasks count as stable.
const STABLE_AFTER: SignedDuration = SignedDuration::from_mins(10);

impl Candidate<'_> {
    /// Returns the plan that rolls the image out.
    pub fn plan_rollout(&self) -> Plan {
        let pushed = self
            .pushed_at
            .map(|at| format!(", pushed {}", format_age(at, self.now)))
            .unwrap_or_default();
        let (verb, age) = if self.find_change() == Some(Change::Template) && self.is_expected() {
            ("deploying again", String::new())
        } else {
            ("deploying", pushed)
        };
        let title = format!("{verb} {}, was {}{age}", self.label(), self.running_label());
        let snapshots = self.usable_snapshots();
        let mut plan = Plan::single_step(
            Action::Release(ReleaseAction::Rollout(self.build_rollout())),
            title.clone(),
            self.build_rollout_message(title, &snapshots),
        );
        if let Some(pin) = self.build_pin() {
            plan.steps.insert(0, pin);
        }
        // A release that others rolled back a moment ago is rejected with the release that follows it.
        if !self.is_expected()
            && let Some(rejection) = self.build_rejection()
        {
            // First, because the rollout after it is what the service should run.
            plan.steps.insert(0, rejection);
        }
        plan.messages.extend(shift::warn_unsupported_shift(
            self.context.policy,
            self.service,
        ));
        if !snapshots.is_empty() {
            plan.reason = format!(
                "{}; snapshot taken before: {}",
                plan.reason,
                snapshots.join(", ")
            );
        }
        plan
    }

    fn build_rollout(&self) -> Rollout {
        let image = self.build_image_ref();
        let images: BTreeMap<String, String> = self
            .container
            .names()
            .map(|name| (name.to_owned(), image.to_string()))
            .collect();
        let base = self.base();
        let registered = self.observed.newest_revision.as_ref().filter(|newest| {
            newest.arn() != base.arn()
                && newest.build_request_with_images(&BTreeMap::new())
                    == base.build_request_with_images(&images)
        });
        Rollout {
            service: self.service.arn.clone(),
            base: base.arn().to_owned(),
            registered: registered.map(|revision| revision.arn().to_owned()),
            enable_circuit_breaker: self.needs_circuit_breaker(),
            shift: self.find_shift_change(),
            code_deploy: self.deployment_group(),
            ask: self.hook_function(),
            tags: self.revision_tags(base),
            tag: self.image.tag.clone(),
            digest: self.image.digest.clone(),
            approved: self.is_approved(),
            runs: self.running.arn().to_owned(),
            template_image: self.find_template_image(),
            adopts: self.find_adopted_version(),
            candidates_after: self.closes_candidates().then_some(self.now),
            is_adoption: self.is_adoption(),
            commit: self.image.commit.clone(),
            images,
        }
    }

    /// Returns the image as a task definition names it, with its digest.
    pub fn build_image_ref(&self) -> ImageRef {
        ImageRef {
            repository: self.container.repository.clone(),
            tag: Some(self.image.tag.clone()),
            digest: Some(self.image.digest.clone()),
        }
    }

    /// Returns the tags of a revision with the image that is built on another one.
    pub fn revision_tags(&self, base: &TaskDefinition) -> BTreeMap<String, String> {
        let base = base.family_and_revision().to_owned();
        BTreeMap::from([
            (policy::BASE.to_owned(), base),
            ("lamplighter:image-tag".to_owned(), self.image.tag.clone()),
        ])
    }

    /// Returns the traffic shift that the rollout sets. None while a rollback without steps has not completed: ECS does not
    /// change a strategy during a deployment, and the former one is restored later.
    fn find_shift_change(&self) -> Option<TrafficShiftSettings> {
        let is_waiting = self.context.state.releases.strategy_to_restore.is_some();
        shift::find_shift_change(self.context.policy, self.service).filter(|_| !is_waiting)
    }

    /// Reports whether it is the first rollout of the service, and nobody pushed or requested it.
    pub fn is_adoption(&self) -> bool {
        let releases = &self.context.state.releases;
        if releases.has_passed_pre_deployment(&self.image.digest) {
            // The database is ahead of what runs.
            return false;
        }
        let event = &self.context.event.detail;
        let is_asked_for = if let Detail::ImageAction(_) | Detail::Request(_) = event {
            true
        } else {
            self.is_approved()
        };
        self.context.state.last_rollout().is_none() && !is_asked_for
    }

    /// Builds the step that registers a revision with the digest which the tasks run. Only needed before the first release
    /// of a service whose tag moves on with it: rolled back to the revision that runs, its tasks would start the new image.
    fn build_pin(&self) -> Option<Step> {
        let unpinned = self.observed.unpinned.as_ref()?;
        let running = self.container.running_image();
        let adopted = self.context.state.releases.adopted.as_ref();
        let is_known = adopted.is_some_and(|known| known.digest.as_ref() == Some(&unpinned.digest));
        if self.keeps_running_image() || is_known || unpinned.digest == self.image.digest {
            return None;
        }
        let image = ImageRef {
            digest: Some(unpinned.digest.clone()),
            ..running
        };
        let names = self.container.names();
        let pin = PinRevision {
            service: self.service.arn.clone(),
            base: self.running.arn().to_owned(),
            images: names
                .map(|name| (name.to_owned(), image.to_string()))
                .collect(),
            tags: BTreeMap::from([(
                policy::BASE.to_owned(),
                self.running.family_and_revision().to_owned(),
            )]),
            version: format!(
                "{} ({})",
                image.version_label(),
                unpinned.digest.short_digest()
            ),
            digest: unpinned.digest.clone(),
        };
        Some(Step {
            reason: format!(
                "{} names no digest, and {} moves on with this release",
                self.running.family_and_revision(),
                pin.version
            ),
            action: Action::Release(ReleaseAction::PinRevision(pin)),
            message: None,
        })
    }

    /// Reports whether no image that was pushed before is a candidate any more, because a person chose this one instead.
    fn closes_candidates(&self) -> bool {
        let is_deployment = self
            .open_approval()
            .is_some_and(|approval| approval.is_deployment());
        is_deployment || self.is_downgrade()
    }

    /// Returns the revision that the new one is built on: the one that runs, or a template's that it does not run.
    fn base(&self) -> &TaskDefinition {
        self.find_other_base().unwrap_or(self.running)
    }

    /// Returns the newest revision of a template under `base=latest`, or the one whose settings were lost by a rollback.
    pub fn find_other_base(&self) -> Option<&TaskDefinition> {
        let observed = self.observed;
        observed
            .latest_template
            .as_ref()
            .or(observed.unapplied_template.as_ref())
    }

    /// Returns the image of the base, if Lamplighter neither registered the base nor released the image.
    fn find_template_image(&self) -> Option<String> {
        let base = self.base();
        let mut containers = base.containers();
        let own = containers.find(|container| container.name == self.container.name)?;
        let image = ImageRef::parse(own.image);
        let released = image
            .digest
            .as_ref()
            .and_then(|digest| self.context.state.find_release_tag(digest));
        let is_ours = base.is_lamplighter_revision() || released.is_some();
        (!is_ours).then(|| image.to_string())
    }

    /// Returns the running version if it ran stably before the first release, so that it can be rolled back to.
    fn find_adopted_version(&self) -> Option<String> {
        let created_at = self.service.primary_deployment()?.created_at?;
        let is_stable = self.now.duration_since(created_at) >= STABLE_AFTER
            && !self.service.has_rollout_in_progress()
            && self.service.desired_count > 0
            && self.service.count_missing_tasks() == 0;
        let is_first = self.context.state.last_rollout().is_none();
        (is_first && is_stable && self.keeps_running_image()).then(|| self.running_label())
    }

    /// Reports whether the running revision starts the same image after this release: it names a digest, or the tag of
    /// another version. Any other tag, such as `latest`, may move on.
    fn keeps_running_image(&self) -> bool {
        let running = self.container.running_image();
        let is_other_version = running.tag.as_ref() != Some(&self.image.tag)
            && is_version(&self.context.policy.deploy.follows, &running);
        running.digest.is_some() || is_other_version
    }

    /// Reports whether to enable the circuit breaker, which only rolling deployments have.
    fn needs_circuit_breaker(&self) -> bool {
        let breaker = self.service.circuit_breaker;
        let already = breaker.enable && breaker.rollback && !breaker.reset_on_healthy_task;
        let can_change = self.is_rolling() && !self.service.is_express;
        self.context.policy.deploy.breaker && can_change && !already
    }

    /// Returns the hook function that CodeDeploy calls, if the tag gives it addresses to probe.
    fn hook_function(&self) -> Option<String> {
        let policy = self.context.policy;
        let has_addresses = !policy.deploy.verify.is_empty() || policy.deploy.verify_test.is_some();
        policy
            .hook
            .as_ref()
            .filter(|_| has_addresses && self.deployment_group().is_some())
            .map(|hook| hook.function.clone())
    }

    pub fn is_rolling(&self) -> bool {
        self.effective_strategy() == "ROLLING"
    }
}

/// Reports whether an image has a tag that the policy tracks as one of several.
pub fn is_version(follows: &TagSelector, image: &ImageRef) -> bool {
    let tag = image.tag.as_deref();
    follows.as_fixed_tag().is_none() && tag.is_some_and(|tag| follows.matches_tag(tag))
}
