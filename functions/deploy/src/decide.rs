//! What should happen to one service. Pure: everything it knows is in its arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::model::{
    CodeGroup, DeploymentController, Image, ImageRef, Scan, Service, TaskDefinition,
};
use lamplighter::notify::{Message, RELEASE};
use lamplighter::plan::{Action, Rollout};
use lamplighter::policy;

use crate::observe::{Observed, Offer};
use crate::restart::{owed_restart, restart};
use crate::words::{ago, findings, no_repository, no_subject, unsupported};
use crate::{Policy, Subject, code_deploy, shift};

/// How long after a push a registry may still know nothing of a scan.
const SCAN_STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// How long DescribeServices may still show the state of before an update.
const SETTLING: SignedDuration = SignedDuration::from_mins(2);

/// Decides for one service.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    let Some(running) = &observed.running else {
        return Plan::tell(unsupported(service, "anything"));
    };
    if let Detail::SecretRotated(secret) = &seen.event.detail {
        return restart(seen, service, running, secret);
    }
    let plan = roll_out(seen, observed, service, running, now);
    if !plan.is_empty() {
        return plan;
    }
    match owed_restart(seen, service) {
        Some(restart) => Plan {
            messages: plan.messages,
            ..restart
        },
        None => plan,
    }
}

fn roll_out(
    seen: Seen<'_, Policy>,
    observed: &Observed,
    service: &Service,
    running: &TaskDefinition,
    now: Timestamp,
) -> Plan {
    let subject = match &observed.subject {
        Ok(subject) => subject,
        Err(problem) => return Plan::tell(no_subject(problem)),
    };
    match &observed.offer {
        Offer::NotAsked => Plan::nothing("the event is not about an image"),
        Offer::NoRepository => Plan::tell(no_repository(subject)),
        Offer::NoTag => Plan::nothing(format!(
            "the repository {} has no tag like {}",
            subject.repository.name, seen.policy.deploy.follows
        )),
        Offer::Image { image, pushed_at } => {
            let case = Case {
                seen,
                observed,
                service,
                running,
                subject,
                image,
                pushed_at: *pushed_at,
                now,
            };
            case.held().unwrap_or_else(|| case.roll_out())
        }
    }
}

/// One image offered to one service.
pub struct Case<'a> {
    pub seen: Seen<'a, Policy>,
    pub observed: &'a Observed,
    service: &'a Service,
    running: &'a TaskDefinition,
    subject: &'a Subject,
    pub image: &'a Image,
    pushed_at: Option<Timestamp>,
    pub now: Timestamp,
}

impl Case<'_> {
    /// Why the image is not rolled out now, in the order in which a person would ask.
    fn held(&self) -> Option<Plan> {
        self.settled()
            .or_else(|| self.backwards())
            .or_else(|| self.unsupported())
            .or_else(|| self.busy())
            .or_else(|| self.refused())
            .or_else(|| self.wrong_platform())
            .or_else(|| self.frozen())
            .or_else(|| self.scanned())
            .or_else(|| self.unapproved())
            .or_else(|| self.backed_up())
    }

    fn settled(&self) -> Option<Plan> {
        if self.observed.running_digest().as_ref() != Some(&self.image.digest) {
            return None;
        }
        let verb = if self.service.rollout_in_progress() {
            "rolling out"
        } else {
            "runs"
        };
        Some(Plan::nothing(format!("already {verb} {}", self.label())))
    }

    fn backwards(&self) -> Option<Plan> {
        let running = self.subject.running().tag?;
        let order = self
            .seen
            .policy
            .deploy
            .follows
            .compare(&self.image.tag, &running)?;
        order.is_lt().then(|| {
            Plan::nothing(format!(
                "{} is older than {running}, which runs",
                self.image.tag
            ))
        })
    }

    fn unsupported(&self) -> Option<Plan> {
        match self.service.deployment_controller {
            DeploymentController::Ecs => None,
            DeploymentController::CodeDeploy if self.group().is_some() => None,
            DeploymentController::CodeDeploy => {
                Some(Plan::tell(code_deploy::no_group(&self.label())))
            }
            _ => Some(Plan::tell(unsupported(self.service, &self.label()))),
        }
    }

    fn group(&self) -> Option<CodeGroup> {
        code_deploy::group(
            &self.seen.policy.deploy,
            self.service,
            self.observed.code_deployment.as_ref(),
        )
    }

    fn busy(&self) -> Option<Plan> {
        let why = code_deploy::busy(self.service, self.observed.code_deployment.as_ref())?;
        Some(Plan::nothing(format!("{} waits: {why}", self.label())))
    }

    /// A digest that went back once does not come again by itself; an approval brings it once.
    fn refused(&self) -> Option<Plan> {
        let memory = self.seen.memory;
        let approved = self.approved() && !memory.approval_is_spent(&self.image.digest);
        if let Some(reason) = memory
            .quarantined
            .get(&self.image.digest)
            .filter(|_| !approved)
        {
            return Some(Plan::nothing(format!(
                "{} is quarantined: {reason}",
                self.label()
            )));
        }
        // Whoever follows it says how it ended, if that is not long overdue.
        let follows = memory
            .following
            .as_ref()
            .filter(|following| following.digest == self.image.digest);
        let is_fresh = |at: Timestamp| {
            let age = self.now.duration_since(at).as_secs();
            u64::try_from(age).is_ok_and(|age| age < self.seen.policy.deploy.deadline)
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
        if self.now.duration_since(last.at) < SETTLING {
            return Some(Plan::nothing(format!(
                "the rollout of {} was started {}",
                self.label(),
                ago(last.at, self.now)
            )));
        }
        (!approved).then(|| Plan::tell(self.went_back(last.at)))
    }

    fn went_back(&self, rolled_out: Timestamp) -> Message {
        let next = if self.seen.memory.approval_is_spent(&self.image.digest) {
            "Push a new image.".to_owned()
        } else {
            format!(
                "Push a new image, or tag the service {} = {} to try this one again.",
                policy::APPROVE,
                self.image.digest
            )
        };
        let when = ago(rolled_out, self.now);
        Message::warning(format!(
            "{} went back to {}; not rolled out again",
            self.label(),
            self.was()
        ))
        .why(format!(
            "It was rolled out {when}, and since then ECS or a person returned the service to {}.",
            self.running.label()
        ))
        .next(next)
        .once(format!("went-back:{}:{rolled_out}", self.image.digest))
    }

    fn approved(&self) -> bool {
        policy::approved(&self.seen.target.tags) == Some(self.image.digest.as_str())
    }

    /// An index is pushed platform by platform, and some are never built for ours.
    fn wrong_platform(&self) -> Option<Plan> {
        let platforms = self.image.platforms.as_ref()?;
        if self.observed.image_to_run(self.image).is_some() {
            return None;
        }
        let needed = self.running.platform();
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
            .once(format!("platform:{}", self.image.digest));
        Some(Plan::tell(message))
    }

    fn frozen(&self) -> Option<Plan> {
        let until = self.seen.policy.freeze.as_ref()?.holds_until(self.now)?;
        let until = until.strftime("%F %H:%M UTC");
        let message = Message::info(format!("{} is held until {until}", self.label()))
            .why(format!("{} holds new images now.", policy::FREEZE))
            .next("The newest push is rolled out when the freeze ends.")
            .once(format!("frozen:{}", self.image.digest));
        Some(Plan::tell(message))
    }

    fn scanned(&self) -> Option<Plan> {
        let level = self.seen.policy.deploy.scan?;
        match self.observed.scan.as_ref()? {
            Scan::Waiting(why) => Some(Plan::nothing(format!(
                "{} waits for its scan: {why}",
                self.label()
            ))),
            Scan::Impossible(why)
                if self
                    .pushed_at
                    .is_some_and(|at| self.now.duration_since(at) < SCAN_STARTS_WITHIN) =>
            {
                Some(Plan::nothing(format!(
                    "{} waits for its scan: {why}",
                    self.label()
                )))
            }
            Scan::Impossible(why) => Some(Plan::tell(self.not_scanned(why))),
            Scan::Finished(counts) => {
                let bad = findings(level, counts);
                (!bad.is_empty()).then(|| Plan::tell(self.findings(&bad)))
            }
        }
    }

    fn not_scanned(&self, why: &str) -> Message {
        Message::warning(format!("{} is held: {why}", self.label()))
            .why("The tag says scan=, and an image that was not scanned is not known to be clean.")
            .next("Switch on scanning for the repository and scan the image, or take scan= out of the tag.")
            .once(format!("not-scanned:{}", self.image.digest))
    }

    fn findings(&self, bad: &str) -> Message {
        Message::warning(format!("{} is held: its scan found {bad}", self.label()))
            .why(format!(
                "The tag says scan=, and image {} has these findings.",
                self.image.digest
            ))
            .next("Push an image without them, or change scan= in the tag.")
            .once(format!("scan:{}", self.image.digest))
    }

    fn unapproved(&self) -> Option<Plan> {
        let wanted = self.seen.policy.deploy.approve;
        // With traffic that is shifted, the deployment itself waits, after its test.
        if !wanted || self.approved() || shift::wanted(self.seen.policy, self.service).is_some() {
            return None;
        }
        let message = Message::info(format!("{} waits for approval", self.label()))
            .why("The tag says approve=yes.")
            .next(format!(
                "To roll it out, tag the service {} = {}",
                policy::APPROVE,
                self.image.digest
            ))
            .once(format!("approve:{}", self.image.digest));
        Some(Plan::tell(message))
    }

    fn roll_out(&self) -> Plan {
        let follows = &self.seen.policy.deploy.follows;
        let repository = &self.subject.repository;
        let pushed = self
            .pushed_at
            .map(|at| format!("; pushed {}", ago(at, self.now)))
            .unwrap_or_default();
        let title = format!("rolling out {} — was {}{pushed}", self.label(), self.was());
        let taken = self.taken();
        let backed_up = if taken.is_empty() {
            String::new()
        } else {
            format!(" Before it {} was taken.", taken.join(", "))
        };
        let why = format!(
            "The service follows {follows} in {}, and {} is what that names now.{backed_up}",
            repository.name, self.image.tag
        );
        let message = match self.without() {
            None => Message::info(title.clone()).why(why),
            Some(without) => {
                Message::warning(format!("{title}; without a snapshot")).why(why + &without)
            }
        };
        let mut plan = Plan::act(
            Action::Rollout(self.action()),
            title,
            message.next(self.next()).begins(RELEASE),
        );
        plan.messages
            .extend(shift::impossible(self.seen.policy, self.service));
        if !taken.is_empty() {
            plan.reason = format!("{}; {} was taken before", plan.reason, taken.join(", "));
        }
        plan
    }

    fn action(&self) -> Rollout {
        let image = ImageRef {
            repository: self.subject.repository.clone(),
            tag: Some(self.image.tag.clone()),
            digest: Some(self.image.digest.clone()),
        };
        let images = BTreeMap::from([(self.subject.container.clone(), image.to_string())]);
        let registered = self.observed.newest_revision.as_ref().filter(|newest| {
            newest.arn() != self.running.arn()
                && newest.with_images(&BTreeMap::new()) == self.running.with_images(&images)
        });
        Rollout {
            service: self.service.arn.clone(),
            base: self.running.arn().to_owned(),
            registered: registered.map(|revision| revision.arn().to_owned()),
            enable_circuit_breaker: self.wants_breaker(),
            shift: shift::change(self.seen.policy, self.service),
            code_deploy: self.group(),
            ask: self.asks(),
            tags: BTreeMap::from([
                (policy::BASE.to_owned(), self.running.label().to_owned()),
                ("lamplighter:image-tag".to_owned(), self.image.tag.clone()),
            ]),
            tag: self.image.tag.clone(),
            digest: self.image.digest.clone(),
            approved: self.approved(),
            images,
        }
    }

    /// The circuit breaker exists for rolling deployments only.
    fn wants_breaker(&self) -> bool {
        let breaker = self.service.circuit_breaker;
        let already = breaker.enable && breaker.rollback && !breaker.reset_on_healthy_task;
        self.seen.policy.deploy.breaker && self.strategy() == "ROLLING" && !already
    }

    /// Whom CodeDeploy asks on the way, where there is something to be asked.
    fn asks(&self) -> Option<String> {
        let policy = self.seen.policy;
        let has_addresses = !policy.deploy.verify.is_empty() || policy.deploy.verify_test.is_some();
        policy
            .hook
            .as_ref()
            .filter(|_| has_addresses && self.group().is_some())
            .map(|hook| hook.function.clone())
    }

    /// By which ECS will roll it out.
    fn strategy(&self) -> &str {
        let wanted = shift::wanted(self.seen.policy, self.service);
        wanted.map_or(self.service.strategy.as_str(), |shift| {
            shift.strategy.as_str()
        })
    }

    fn next(&self) -> String {
        let superseded = if self.service.rollout_in_progress() {
            format!(
                "It takes the place of the rollout of {} that was in progress. ",
                self.was()
            )
        } else {
            String::new()
        };
        if let Some(group) = self.group() {
            return format!(
                "CodeDeploy shifts traffic to it, by its deployment group {}/{}.",
                group.application, group.group
            );
        }
        let rolling = self.strategy() == "ROLLING";
        let guarded = self.seen.policy.deploy.breaker || self.service.circuit_breaker.rollback;
        let fate = if rolling && guarded {
            format!(
                "ECS replaces the tasks; if they do not start, its circuit breaker goes back to {}.",
                self.running.label()
            )
        } else if rolling {
            format!(
                "ECS replaces the tasks. breaker=off: nothing goes back to {} by itself.",
                self.running.label()
            )
        } else {
            self.shifted()
        };
        superseded + &fate
    }

    fn shifted(&self) -> String {
        let how = match self.strategy() {
            "CANARY" => "ECS gives it a small share of the traffic first, and all of it later",
            "LINEAR" => "ECS gives it the traffic step by step",
            "BLUE_GREEN" => "ECS starts it beside the old one and then gives it all of the traffic",
            _ => "ECS shifts traffic to it",
        };
        let is_judged = self.seen.policy.deploy.strategy.is_some();
        let judged = if is_judged {
            "; each step is judged, and a bad one takes it back"
        } else {
            ""
        };
        let waits = shift::wanted(self.seen.policy, self.service).is_some_and(|shift| shift.pauses);
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
        format!("{} ({})", self.image.tag, self.image.digest.short())
    }

    fn was(&self) -> String {
        self.subject.running().label()
    }
}
