//! The reasons not to roll an image out now, the most basic ones first.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{DeploymentController, EnvironmentCause};
use lamplighter::plan::{HeldImage, Hold, HoldKind};
use lamplighter::policy::frozen_until;
use lamplighter::{Function, Plan};

use crate::candidate::Candidate;
use crate::messages::{self, format_age};
use crate::{code_deploy, shift};

/// How long the answer of a rollback may be outstanding.
const UNANSWERED_ROLLBACK: SignedDuration = SignedDuration::from_mins(10);
/// How long the first rollout of a service waits for stable tasks.
const SETTLES_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// How long DescribeServices may return stale state after an update.
const CONSISTENCY_DELAY: SignedDuration = SignedDuration::from_mins(2);

impl Candidate<'_> {
    /// Returns the first reason not to roll the image out now; `None` if there is none.
    pub fn check_holds(&self) -> Option<Plan> {
        self.check_already_running()
            .or_else(|| self.check_unsettled())
            .or_else(|| self.check_downgrade())
            .or_else(|| self.check_controller())
            .or_else(|| self.check_active_deployment())
            .or_else(|| self.check_restoration())
            .or_else(|| self.check_earlier_attempts())
            .or_else(|| self.mark_held(HoldKind::PreDeploymentTask, self.check_running_task()))
            .or_else(|| self.mark_held(HoldKind::Platform, self.check_platform()))
            .or_else(|| self.mark_held(HoldKind::Promotion, self.check_promotion()))
            .or_else(|| self.mark_held(HoldKind::Freeze, self.check_freeze()))
            .or_else(|| self.mark_held(HoldKind::Scan, self.check_scan()))
            .or_else(|| self.mark_held(HoldKind::Approval, self.check_approval()))
            .or_else(|| self.mark_held(HoldKind::Snapshot, self.check_snapshots()))
            .or_else(|| self.mark_held(HoldKind::PreDeploymentTask, self.check_pre_deployment()))
    }

    fn check_already_running(&self) -> Option<Plan> {
        if self.observed.runs_unpinned(self.image) && !self.has_open_approval() {
            return Some(Plan::nothing(format!(
                "already runs {}; the next release pins it by digest",
                self.label()
            )));
        }
        let runs_it = self.observed.runs_everywhere(&self.image.digest);
        if !runs_it || self.is_template_due() {
            return None;
        }
        let verb = if self.service.has_rollout_in_progress() {
            "deploying"
        } else {
            "runs"
        };
        Some(Plan::nothing(format!("already {verb} {}", self.label())))
    }

    /// Waits for a while until the tasks of a service that was never released show what they run.
    fn check_unsettled(&self) -> Option<Plan> {
        if !self.observed.is_unsettled || !self.is_adoption() {
            return None;
        }
        let key = "stable tasks before the first rollout".to_owned();
        let state = self.context.state;
        let since = state.waiting_since(Function::Deploy.name(), &key);
        let waited = self.now.duration_since(since.unwrap_or(self.now));
        (waited < SETTLES_WITHIN).then(|| {
            let reason = format!(
                "{} is held: tasks are missing or being replaced, so it is not known what runs",
                self.label()
            );
            Plan {
                waits_for: Some(key),
                ..Plan::nothing(reason).with_hold(HoldKind::Unsettled)
            }
        })
    }

    /// Reports whether the running image gets the settings of a template now, which a rollback took away.
    fn is_template_due(&self) -> bool {
        let not_blamed = &self.context.state.releases.not_blamed;
        self.observed.unapplied_template.is_some()
            && !self.service.has_rollout_in_progress()
            && not_blamed
                .get(&self.image.digest)
                .is_none_or(|known| self.now >= known.retry_at())
    }

    fn check_downgrade(&self) -> Option<Plan> {
        // An image that was deployed before, and failed for its environment, was approved then.
        let not_blamed = &self.context.state.releases.not_blamed;
        let is_retried = not_blamed.contains_key(&self.image.digest);
        if is_retried || self.has_open_approval() || !self.is_downgrade() {
            return None;
        }
        Some(Plan::nothing(format!(
            "{} is older than {}, which runs",
            self.image.tag,
            self.running_label()
        )))
    }

    /// Reports whether the image is older by version than the one that runs.
    pub fn is_downgrade(&self) -> bool {
        let follows = &self.context.policy.deploy.follows;
        self.container.running_image().tag.is_some_and(|running| {
            follows
                .compare_tags(&self.image.tag, &running)
                .is_some_and(std::cmp::Ordering::is_lt)
        })
    }

    fn check_controller(&self) -> Option<Plan> {
        match &self.service.deployment_controller {
            DeploymentController::Ecs => None,
            DeploymentController::CodeDeploy if self.deployment_group().is_some() => {
                self.check_deployment_group()
            }
            DeploymentController::CodeDeploy => {
                let message = messages::unknown_deployment_group(&self.image.tag);
                Some(Plan::notify(message).with_hold(HoldKind::Configuration))
            }
            DeploymentController::External | DeploymentController::Other(_) => {
                let impact = format!("{} not deployed", self.image.tag);
                let message = messages::unsupported_controller(self.service, &impact);
                Some(Plan::notify(message).with_hold(HoldKind::Configuration))
            }
        }
    }

    /// Waits until the service has its strategy again, which a rollback does without. A rollback that does not complete is
    /// waited for as long as a rollout may stall.
    fn check_restoration(&self) -> Option<Plan> {
        let state = self.context.state;
        let releases = &state.releases;
        let is_recent =
            |at: Timestamp, within: SignedDuration| self.now.duration_since(at) < within;
        let deadline = i64::try_from(self.context.policy.deploy.deadline).unwrap_or(i64::MAX);
        let is_rolling_back = releases
            .active_rollback
            .as_ref()
            .is_some_and(|rollback| is_recent(rollback.at, SignedDuration::from_secs(deadline)));
        let is_due = releases.strategy_to_restore.is_some()
            && (is_rolling_back || !self.service.has_rollout_in_progress());
        let is_restored = releases
            .strategy_restored_at
            .is_some_and(|at| is_recent(at, CONSISTENCY_DELAY));
        let is_unanswered = state
            .find_skipping_rollback()
            .is_some_and(|at| is_recent(at, UNANSWERED_ROLLBACK));
        (is_due || is_restored || is_unanswered).then(|| {
            Plan::nothing(format!(
                "{} is held: the rollback completes and the strategy of the service is restored first",
                self.label()
            ))
            .with_hold(HoldKind::ActiveDeployment)
        })
    }

    /// Refuses a deployment group that the tag names and that is not for this service.
    fn check_deployment_group(&self) -> Option<Plan> {
        let (application, group) = self.context.policy.deploy.group.as_ref()?;
        let services = self.observed.group_services.as_ref()?;
        let own = self.service.arn.display_name();
        let is_own = services
            .as_ref()
            .is_some_and(|services| services.contains(&own));
        (!is_own).then(|| {
            Plan::notify(messages::wrong_deployment_group(
                &self.image.tag,
                &format!("{application}/{group}"),
                services.as_deref(),
            ))
            .with_hold(HoldKind::Configuration)
        })
    }

    fn check_active_deployment(&self) -> Option<Plan> {
        let why = code_deploy::describe_active_deployment(
            self.service,
            self.observed.code_deployment.as_ref(),
        )?;
        let reason = format!("{} is held: {why}", self.label());
        Some(Plan::nothing(reason).with_hold(HoldKind::ActiveDeployment))
    }

    /// Holds a digest that is quarantined, was rolled back, is tried again later or is being rolled out. An approval
    /// allows one more attempt.
    fn check_earlier_attempts(&self) -> Option<Plan> {
        if self.has_open_approval() {
            return self.check_recent_rollout();
        }
        self.check_quarantine()
            .or_else(|| self.check_tracked_rollout())
            .or_else(|| self.check_recent_rollout())
            .or_else(|| self.check_retry())
            .or_else(|| self.check_change())
    }

    /// Holds a digest that failed because of its environment, until its next attempt is due.
    fn check_retry(&self) -> Option<Plan> {
        let not_blamed = self
            .context
            .state
            .releases
            .not_blamed
            .get(&self.image.digest)?;
        let is_corrected = not_blamed.cause == EnvironmentCause::Template
            && self
                .running
                .registration()
                .is_some_and(|(registered, _)| registered > not_blamed.at);
        let at = if is_corrected {
            not_blamed.at
        } else {
            not_blamed.retry_at()
        };
        (self.now < at).then(|| {
            Plan::nothing(format!(
                "{} is deployed again at {}: {}",
                self.label(),
                at.strftime("%H:%M UTC"),
                not_blamed.cause.describe()
            ))
            .with_hold(HoldKind::Retry)
            .with_hold_end(at)
        })
    }

    fn check_quarantine(&self) -> Option<Plan> {
        let quarantined = &self.context.state.releases.quarantined;
        let reason = quarantined.get(&self.image.digest)?;
        let reason = format!("{} is quarantined: {reason}", self.label());
        Some(Plan::nothing(reason).with_hold(HoldKind::Quarantine))
    }

    fn check_tracked_rollout(&self) -> Option<Plan> {
        self.is_tracked_by_rollout()
            .then(|| Plan::nothing(format!("the rollout of {} is being tracked", self.label())))
    }

    /// Holds a digest whose rollout DescribeServices may not show yet.
    fn check_recent_rollout(&self) -> Option<Plan> {
        let started = self.last_rollout_start()?;
        (self.now.duration_since(started) < CONSISTENCY_DELAY).then(|| {
            Plan::nothing(format!(
                "the rollout of {} was started {}",
                self.label(),
                format_age(started, self.now)
            ))
        })
    }

    /// Returns when the newest rollout began, if it was of this digest.
    fn last_rollout_start(&self) -> Option<Timestamp> {
        let last = self.context.state.last_rollout()?;
        (last.digest.as_ref() == Some(&self.image.digest)).then_some(last.at)
    }

    /// Reports whether `rollout` will report the result of this digest's rollout.
    fn is_tracked_by_rollout(&self) -> bool {
        let active = self.context.state.releases.active_rollout.as_ref();
        active.is_some_and(|active| active.digest == self.image.digest)
    }

    /// Holds an index without the service's platform. Indexes are pushed platform by platform, and
    /// some platforms are never built.
    fn check_platform(&self) -> Option<Plan> {
        let platforms = self.image.platforms.as_ref()?;
        if self.observed.image_to_run(self.image).is_some() {
            return None;
        }
        let needed = self.running.describe_platforms();
        let available = platforms
            .iter()
            .map(|child| child.platform.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        Some(Plan::notify(messages::platform_missing(
            self.image, &needed, &available,
        )))
    }

    /// Holds an image that is not verified in the service that comes before.
    fn check_promotion(&self) -> Option<Plan> {
        let stage = self.observed.earlier_stage.as_ref()?;
        let (cluster, name) = self.context.policy.deploy.after.as_ref()?;
        if self.is_expected() || stage.verified.contains(&self.image.digest) {
            return None;
        }
        if !stage.has_releases {
            return Some(Plan::notify(messages::earlier_stage_unknown(
                self.image, cluster, name,
            )));
        }
        Some(Plan::nothing(format!(
            "{} is held: it is not verified in {cluster}/{name}",
            self.label()
        )))
    }

    /// Marks a plan as one that holds the image.
    fn mark_held(&self, by: HoldKind, plan: Option<Plan>) -> Option<Plan> {
        let mut plan = plan?;
        let hold = plan
            .hold
            .unwrap_or_else(|| Hold::new(by, plan.reason.clone()));
        plan.hold = Some(Hold {
            image: Some(HeldImage {
                tag: self.image.tag.clone(),
                digest: self.image.digest.clone(),
                commit: self.image.commit.clone(),
            }),
            ..hold
        });
        Some(plan)
    }

    fn check_freeze(&self) -> Option<Plan> {
        if self.is_expected() {
            return None;
        }
        let until = frozen_until(&self.context.policy.freezes, self.now)?;
        let plan = Plan::notify(messages::freeze_hold(self.image, until));
        Some(plan.with_hold(HoldKind::Freeze).with_hold_end(until))
    }

    fn check_approval(&self) -> Option<Plan> {
        // With traffic shifting, the deployment itself pauses for approval after its test stage.
        let pauses_later = shift::find_requested_shift(self.context.policy, self.service).is_some();
        let is_open = self.is_approved() || self.is_expected();
        if !self.context.policy.deploy.approve || is_open || pauses_later {
            return None;
        }
        Some(Plan::notify(messages::waits_for_approval(self.image)))
    }
}
