//! Decides what to do with one service. Pure: all input is in the arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{
    CodeDeployGroup, DeploymentController, Image, ImageRef, ImageScan, Service, TaskDefinition,
};
use lamplighter::notify::{Message, RELEASE_CONDITION};
use lamplighter::plan::{Action, ReleaseAction, Rollout};
use lamplighter::policy;

use crate::messages::{
    container_not_found, format_age, format_findings, repository_not_found, unsupported_controller,
};
use crate::observation::{Observed, Offer};
use crate::restart::{plan_pending_restart, plan_secret_restart};
use crate::{Policy, SelectedContainer, code_deploy, shift};

/// How long after a push ECR may still report no scan.
const SCAN_STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// How long DescribeServices may return stale state after an update.
const CONSISTENCY_DELAY: SignedDuration = SignedDuration::from_mins(2);

/// Returns the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    let Some(running) = &observed.running else {
        return Plan::notify(unsupported_controller(service, "anything"));
    };
    if let Detail::SecretRotated(secret) = &context.event.detail {
        return plan_secret_restart(context, service, running, secret);
    }
    let plan = decide_image(context, observed, service, running, now);
    if !plan.is_empty() {
        return plan;
    }
    match plan_pending_restart(context, service) {
        Some(restart) => Plan {
            messages: plan.messages,
            ..restart
        },
        None => plan,
    }
}

fn decide_image(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    service: &Service,
    running: &TaskDefinition,
    now: Timestamp,
) -> Plan {
    let subject = match &observed.container {
        Ok(subject) => subject,
        Err(problem) => return Plan::notify(container_not_found(problem)),
    };
    match &observed.offer {
        Offer::NotApplicable => Plan::nothing("the event is not about an image"),
        Offer::NoRepository => Plan::notify(repository_not_found(subject)),
        Offer::NoTag => Plan::nothing(format!(
            "the repository {} has no tag like {}",
            subject.repository.name, context.policy.deploy.follows
        )),
        Offer::Image { image, pushed_at } => {
            let case = Candidate {
                context,
                observed,
                service,
                running,
                container: subject,
                image,
                pushed_at: *pushed_at,
                now,
            };
            case.check_holds().unwrap_or_else(|| case.plan_rollout())
        }
    }
}

/// An image offered to one service.
pub struct Candidate<'a> {
    pub context: TargetContext<'a, Policy>,
    pub observed: &'a Observed,
    service: &'a Service,
    running: &'a TaskDefinition,
    container: &'a SelectedContainer,
    pub image: &'a Image,
    pushed_at: Option<Timestamp>,
    pub now: Timestamp,
}

impl Candidate<'_> {
    /// Returns the first reason not to roll the image out now; the most basic ones come first.
    fn check_holds(&self) -> Option<Plan> {
        self.check_already_running()
            .or_else(|| self.check_downgrade())
            .or_else(|| self.check_controller())
            .or_else(|| self.check_active_deployment())
            .or_else(|| self.check_quarantine())
            .or_else(|| self.check_platform())
            .or_else(|| self.check_freeze())
            .or_else(|| self.check_scan())
            .or_else(|| self.check_approval())
            .or_else(|| self.check_snapshots())
    }

    fn check_already_running(&self) -> Option<Plan> {
        if self.observed.running_digest().as_ref() != Some(&self.image.digest) {
            return None;
        }
        let verb = if self.service.has_rollout_in_progress() {
            "rolling out"
        } else {
            "runs"
        };
        Some(Plan::nothing(format!("already {verb} {}", self.label())))
    }

    fn check_downgrade(&self) -> Option<Plan> {
        let running = self.container.running_image().tag?;
        let order = self
            .context
            .policy
            .deploy
            .follows
            .compare_tags(&self.image.tag, &running)?;
        order.is_lt().then(|| {
            Plan::nothing(format!(
                "{} is older than {running}, which runs",
                self.image.tag
            ))
        })
    }

    fn check_controller(&self) -> Option<Plan> {
        match self.service.deployment_controller {
            DeploymentController::Ecs => None,
            DeploymentController::CodeDeploy if self.deployment_group().is_some() => None,
            DeploymentController::CodeDeploy => Some(Plan::notify(
                code_deploy::unknown_deployment_group(&self.label()),
            )),
            _ => Some(Plan::notify(unsupported_controller(
                self.service,
                &self.label(),
            ))),
        }
    }

    fn deployment_group(&self) -> Option<CodeDeployGroup> {
        code_deploy::find_deployment_group(
            &self.context.policy.deploy,
            self.service,
            self.observed.code_deployment.as_ref(),
        )
    }

    fn check_active_deployment(&self) -> Option<Plan> {
        let why = code_deploy::describe_active_deployment(
            self.service,
            self.observed.code_deployment.as_ref(),
        )?;
        Some(Plan::nothing(format!("{} waits: {why}", self.label())))
    }

    /// Holds a digest that is quarantined, was rolled back or is being rolled out. An approval
    /// allows one more attempt.
    fn check_quarantine(&self) -> Option<Plan> {
        let memory = self.context.state;
        let approved = self.is_approved() && !memory.is_approval_used(&self.image.digest);
        if let Some(reason) = memory
            .releases
            .quarantined
            .get(&self.image.digest)
            .filter(|_| !approved)
        {
            return Some(Plan::nothing(format!(
                "{} is quarantined: {reason}",
                self.label()
            )));
        }
        // `rollout` reports the result of an active rollout, unless its deadline has long passed.
        let follows = memory
            .releases
            .active_rollout
            .as_ref()
            .filter(|following| following.digest == self.image.digest);
        let is_fresh = |at: Timestamp| {
            let age = self.now.duration_since(at).as_secs();
            u64::try_from(age).is_ok_and(|age| age < self.context.policy.deploy.deadline)
        };
        if !approved && follows.is_some_and(|following| is_fresh(following.at)) {
            return Some(Plan::nothing(format!(
                "the rollout of {} is being followed",
                self.label()
            )));
        }
        let last = memory
            .last_rollout()
            .filter(|last| last.digest.as_ref() == Some(&self.image.digest))?;
        if self.now.duration_since(last.at) < CONSISTENCY_DELAY {
            return Some(Plan::nothing(format!(
                "the rollout of {} was started {}",
                self.label(),
                format_age(last.at, self.now)
            )));
        }
        (!approved).then(|| Plan::notify(self.build_rolled_back_message(last.at)))
    }

    fn build_rolled_back_message(&self, rolled_out: Timestamp) -> Message {
        let next = if self.context.state.is_approval_used(&self.image.digest) {
            "Push a new image.".to_owned()
        } else {
            format!(
                "Push a new image, or tag the service {} = {} to try this one again.",
                policy::APPROVE,
                self.image.digest
            )
        };
        let when = format_age(rolled_out, self.now);
        Message::warning(format!(
            "{} went back to {}; not rolled out again",
            self.label(),
            self.running_label()
        ))
        .why(format!(
            "It was rolled out {when}, and since then ECS or a person returned the service to {}.",
            self.running.family_and_revision()
        ))
        .next(next)
        .deduplicated_by(format!("went-back:{}:{rolled_out}", self.image.digest))
    }

    fn is_approved(&self) -> bool {
        policy::find_approval(&self.context.target.tags) == Some(self.image.digest.as_str())
    }

    /// Holds an index without the service's platform. Indexes are pushed platform by platform, and
    /// some platforms are never built.
    fn check_platform(&self) -> Option<Plan> {
        let platforms = self.image.platforms.as_ref()?;
        if self.observed.image_to_run(self.image).is_some() {
            return None;
        }
        let needed = self.running.describe_platforms();
        let has = platforms
            .iter()
            .map(|child| child.platform.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let message = Message::warning(format!("{} waits: it has no {needed}", self.label()))
            .why(format!(
                "The service runs on {needed}; the image has {has}."
            ))
            .next(format!(
                "Push the same tag with {needed} in it; it is then rolled out."
            ))
            .deduplicated_by(format!("platform:{}", self.image.digest));
        Some(Plan::notify(message))
    }

    fn check_freeze(&self) -> Option<Plan> {
        let until = self
            .context
            .policy
            .freeze
            .as_ref()?
            .active_until(self.now)?;
        let until = until.strftime("%F %H:%M UTC");
        let message = Message::info(format!("{} is held until {until}", self.label()))
            .why(format!("{} holds new images now.", policy::FREEZE))
            .next("The newest push is rolled out when the freeze ends.")
            .deduplicated_by(format!("frozen:{}", self.image.digest));
        Some(Plan::notify(message))
    }

    fn check_scan(&self) -> Option<Plan> {
        let level = self.context.policy.deploy.scan?;
        match self.observed.scan.as_ref()? {
            ImageScan::Pending(why) => Some(Plan::nothing(format!(
                "{} waits for its scan: {why}",
                self.label()
            ))),
            ImageScan::Unavailable(why)
                if self
                    .pushed_at
                    .is_some_and(|at| self.now.duration_since(at) < SCAN_STARTS_WITHIN) =>
            {
                Some(Plan::nothing(format!(
                    "{} waits for its scan: {why}",
                    self.label()
                )))
            }
            ImageScan::Unavailable(why) => Some(Plan::notify(self.build_not_scanned_message(why))),
            ImageScan::Finished(counts) => {
                let bad = format_findings(level, counts);
                (!bad.is_empty()).then(|| Plan::notify(self.build_findings_message(&bad)))
            }
        }
    }

    fn build_not_scanned_message(&self, why: &str) -> Message {
        Message::warning(format!("{} is held: {why}", self.label()))
            .why("The tag says scan=, and an image that was not scanned is not known to be clean.")
            .next("Switch on scanning for the repository and scan the image, or take scan= out of the tag.")
            .deduplicated_by(format!("not-scanned:{}", self.image.digest))
    }

    fn build_findings_message(&self, bad: &str) -> Message {
        Message::warning(format!("{} is held: its scan found {bad}", self.label()))
            .why(format!(
                "The tag says scan=, and image {} has these findings.",
                self.image.digest
            ))
            .next("Push an image without them, or change scan= in the tag.")
            .deduplicated_by(format!("scan:{}", self.image.digest))
    }

    fn check_approval(&self) -> Option<Plan> {
        let wanted = self.context.policy.deploy.approve;
        // With traffic shifting, the deployment itself pauses for approval after its test stage.
        if !wanted
            || self.is_approved()
            || shift::find_requested_shift(self.context.policy, self.service).is_some()
        {
            return None;
        }
        let message = Message::info(format!("{} waits for approval", self.label()))
            .why("The tag says approve=yes.")
            .next(format!(
                "To roll it out, tag the service {} = {}",
                policy::APPROVE,
                self.image.digest
            ))
            .deduplicated_by(format!("approve:{}", self.image.digest));
        Some(Plan::notify(message))
    }

    fn plan_rollout(&self) -> Plan {
        let follows = &self.context.policy.deploy.follows;
        let repository = &self.container.repository;
        let pushed = self
            .pushed_at
            .map(|at| format!("; pushed {}", format_age(at, self.now)))
            .unwrap_or_default();
        let title = format!(
            "rolling out {} — was {}{pushed}",
            self.label(),
            self.running_label()
        );
        let taken = self.usable_snapshots();
        let backed_up = if taken.is_empty() {
            String::new()
        } else {
            format!(" Before it {} was taken.", taken.join(", "))
        };
        let why = format!(
            "The service follows {follows} in {}, and {} is what that names now.{backed_up}",
            repository.name, self.image.tag
        );
        let message = match self.describe_missing_snapshots() {
            None => Message::info(title.clone()).why(why),
            Some(without) => {
                Message::warning(format!("{title}; without a snapshot")).why(why + &without)
            }
        };
        let mut plan = Plan::single_step(
            Action::Release(ReleaseAction::Rollout(self.build_rollout())),
            title,
            message.next(self.describe_next()).fires(RELEASE_CONDITION),
        );
        plan.messages.extend(shift::warn_unsupported_shift(
            self.context.policy,
            self.service,
        ));
        if !taken.is_empty() {
            plan.reason = format!("{}; {} was taken before", plan.reason, taken.join(", "));
        }
        plan
    }

    fn build_rollout(&self) -> Rollout {
        let image = ImageRef {
            repository: self.container.repository.clone(),
            tag: Some(self.image.tag.clone()),
            digest: Some(self.image.digest.clone()),
        };
        let images = BTreeMap::from([(self.container.name.clone(), image.to_string())]);
        let registered = self.observed.newest_revision.as_ref().filter(|newest| {
            newest.arn() != self.running.arn()
                && newest.build_request_with_images(&BTreeMap::new())
                    == self.running.build_request_with_images(&images)
        });
        Rollout {
            service: self.service.arn.clone(),
            base: self.running.arn().to_owned(),
            registered: registered.map(|revision| revision.arn().to_owned()),
            enable_circuit_breaker: self.needs_circuit_breaker(),
            shift: shift::find_shift_change(self.context.policy, self.service),
            code_deploy: self.deployment_group(),
            ask: self.hook_function(),
            tags: BTreeMap::from([
                (
                    policy::BASE.to_owned(),
                    self.running.family_and_revision().to_owned(),
                ),
                ("lamplighter:image-tag".to_owned(), self.image.tag.clone()),
            ]),
            tag: self.image.tag.clone(),
            digest: self.image.digest.clone(),
            approved: self.is_approved(),
            images,
        }
    }

    /// Reports whether to enable the circuit breaker, which only rolling deployments have.
    fn needs_circuit_breaker(&self) -> bool {
        let breaker = self.service.circuit_breaker;
        let already = breaker.enable && breaker.rollback && !breaker.reset_on_healthy_task;
        self.context.policy.deploy.breaker && self.effective_strategy() == "ROLLING" && !already
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

    /// Returns the strategy that ECS will use for the rollout.
    fn effective_strategy(&self) -> &str {
        let wanted = shift::find_requested_shift(self.context.policy, self.service);
        wanted.map_or(self.service.strategy.as_str(), |shift| {
            shift.strategy.as_str()
        })
    }

    fn describe_next(&self) -> String {
        let superseded = if self.service.has_rollout_in_progress() {
            format!(
                "It takes the place of the rollout of {} that was in progress. ",
                self.running_label()
            )
        } else {
            String::new()
        };
        if let Some(group) = self.deployment_group() {
            return format!(
                "CodeDeploy shifts traffic to it, by its deployment group {}/{}.",
                group.application, group.group
            );
        }
        let rolling = self.effective_strategy() == "ROLLING";
        let guarded = self.context.policy.deploy.breaker || self.service.circuit_breaker.rollback;
        let fate = if rolling && guarded {
            format!(
                "ECS replaces the tasks; if they do not start, its circuit breaker goes back to {}.",
                self.running.family_and_revision()
            )
        } else if rolling {
            format!(
                "ECS replaces the tasks. breaker=off: nothing goes back to {} by itself.",
                self.running.family_and_revision()
            )
        } else {
            self.describe_traffic_shift()
        };
        superseded + &fate
    }

    fn describe_traffic_shift(&self) -> String {
        let how = match self.effective_strategy() {
            "CANARY" => "ECS gives it a small share of the traffic first, and all of it later",
            "LINEAR" => "ECS gives it the traffic step by step",
            "BLUE_GREEN" => "ECS starts it beside the old one and then gives it all of the traffic",
            _ => "ECS shifts traffic to it",
        };
        let is_judged = self.context.policy.deploy.strategy.is_some();
        let judged = if is_judged {
            "; each step is judged, and a bad one takes it back"
        } else {
            ""
        };
        let waits = shift::find_requested_shift(self.context.policy, self.service)
            .is_some_and(|shift| shift.pauses);
        let approval = format!(
            " It waits for you after its test: tag the service {} = {} to let it go on.",
            policy::APPROVE,
            self.image.digest
        );
        format!(
            "{how}{judged}.{}",
            if waits { approval.as_str() } else { "" }
        )
    }

    pub fn label(&self) -> String {
        format!("{} ({})", self.image.tag, self.image.digest.short_digest())
    }

    fn running_label(&self) -> String {
        self.container.running_image().version_label()
    }
}
