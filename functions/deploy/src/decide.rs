//! Decides what to do with one service. Pure: all input is in the arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Command, Service, TaskDefinition};
use lamplighter::plan::{Action, HoldKind, RecordResult, ReleaseAction, ReleaseResult};
use lamplighter::state::RequestState;
use lamplighter::{Function, Plan};

use crate::approvals::Place;
use crate::candidate::Candidate;
use crate::container::SelectedContainer;
use crate::messages;
use crate::observed::{Observed, Offer};
use crate::policy::Policy;
use crate::pre_deployment::plan_open_task;
use crate::restart::{plan_pending_restart, plan_secret_restart};

/// How long a pattern may match nothing before a notification.
const NO_TAG_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// The end of the time in which the notification is due. It is sent once in these 24 hours.
const NO_TAG_UNTIL: SignedDuration = SignedDuration::from_hours(25);

/// Returns the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    let Some(running) = &observed.running else {
        let message = messages::unsupported_controller(service, "deployments disabled");
        return Plan::notify(message).with_hold(HoldKind::Configuration);
    };
    if let Detail::SecretChange(secret) = &context.event.detail {
        let restart = plan_secret_restart(context, service, running, secret);
        return keep_hold(restart, context);
    }
    let mut plan = match plan_rejection(context, observed, service, now) {
        Some(rejection) => rejection,
        None => match plan_open_task(context, observed, now) {
            Some(plan) => plan,
            None if has_open_rollback(context, observed, now) => {
                Plan::nothing("a request to roll back comes first")
            }
            None => decide_image(context, observed, service, running, now),
        },
    };
    let follows = context.policy.deploy.follows.to_string();
    let problems = observed.approval_problems.iter();
    plan.messages
        .extend(problems.map(|problem| messages::approval_without_effect(problem, &follows)));
    if !plan.is_empty() {
        return plan;
    }
    match plan_pending_restart(context, service) {
        Some(restart) => Plan {
            messages: plan.messages,
            hold: plan.hold,
            ..restart
        },
        None => plan,
    }
}

/// Keeps what holds the newest image: this event is about something else.
fn keep_hold(plan: Plan, context: TargetContext<'_, Policy>) -> Plan {
    let hold = context.state.find_hold(Function::Deploy.name()).cloned();
    Plan { hold, ..plan }
}

/// Records that a person rejected an image that neither runs nor is being rolled out. `rollout` rolls any other back.
fn plan_rejection(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    service: &Service,
    now: Timestamp,
) -> Option<Plan> {
    let rejected = observed
        .rejected
        .as_ref()
        .filter(|rejected| rejected.place == Place::Elsewhere)?;
    let is_open = context
        .state
        .requests
        .is_rejection_open(&rejected.request.id);
    if !is_open || RequestState::has_expired(&rejected.request, now) {
        return None;
    }
    let message = messages::image_rejected(rejected);
    let result = ReleaseResult::Rejected {
        reason: rejected.request.describe_rejection(),
    };
    let record = RecordResult {
        request: Some(rejected.request.id.clone()),
        ..RecordResult::new(&service.arn, &rejected.digest, &rejected.tag, result)
    };
    Some(Plan::single_step(
        Action::Release(ReleaseAction::RecordResult(record)),
        message.title.clone(),
        message,
    ))
}

/// Reports whether `rollout` has to roll the service back by request before anything newer is deployed on what runs.
fn has_open_rollback(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    now: Timestamp,
) -> bool {
    let rejected = observed.rejected.as_ref();
    let mut open = context.state.requests.rejections.iter();
    open.any(|request| {
        let is_rollback = match &request.command {
            Command::RollBack(_) => true,
            _ => rejected.is_some_and(|rejected| {
                rejected.request.id == request.id && rejected.place == Place::Deployed
            }),
        };
        is_rollback && !RequestState::has_expired(request, now)
    })
}

/// Returns the plan for the image that the registry offers.
fn decide_image(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    service: &Service,
    running: &TaskDefinition,
    now: Timestamp,
) -> Plan {
    let container = match &observed.container {
        Ok(container) => container,
        Err(problem) => {
            let message = messages::container_not_found(problem);
            return Plan::notify(message).with_hold(HoldKind::Configuration);
        }
    };
    match &observed.offer {
        Offer::NotApplicable => {
            keep_hold(Plan::nothing("the event is not about an image"), context)
        }
        Offer::NoRepository => Plan::notify(messages::repository_not_found(container))
            .with_hold(HoldKind::Configuration),
        Offer::NoTag(newest) => decide_without_tag(context, container, newest, now),
        Offer::Closed => Plan::nothing(format!(
            "every tag of {} like {} is quarantined or superseded",
            container.repository.name, context.policy.deploy.follows
        ))
        .with_hold(HoldKind::Quarantine),
        Offer::Older { tag, digest } => Plan::notify(messages::push_is_older(
            tag,
            &container.running_image().version_label(),
            digest,
        ))
        .with_hold(HoldKind::OlderVersion),
        Offer::Image { image, pushed_at } => {
            let candidate = Candidate {
                context,
                observed,
                service,
                running,
                container,
                image,
                pushed_at: *pushed_at,
                now,
            };
            match candidate.check_holds() {
                None => candidate.plan_rollout(),
                Some(hold) => match candidate.plan_repetition() {
                    Some(mut repetition) => {
                        repetition.messages.extend(hold.messages);
                        repetition.hold = hold.hold;
                        repetition
                    }
                    None => hold,
                },
            }
        }
    }
}

/// Returns the plan for a repository without a matching tag. A pattern that matches nothing for an hour is notified once.
fn decide_without_tag(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    newest: &[String],
    now: Timestamp,
) -> Plan {
    let follows = context.policy.deploy.follows.to_string();
    let repository = &container.repository.name;
    let key = format!("a tag like {follows} in {repository}");
    let since = context
        .state
        .waiting_since(Function::Deploy.name(), &key)
        .unwrap_or(now);
    let waited = now.duration_since(since);
    let mut plan = Plan::nothing(format!(
        "the repository {repository} has no tag like {follows}"
    ))
    .with_hold(HoldKind::NoMatch);
    if waited >= NO_TAG_AFTER && waited < NO_TAG_UNTIL {
        let message = messages::no_matching_tag(&follows, repository, newest);
        plan.messages.push(message);
    }
    plan.waits_for = Some(key);
    plan
}
